"""What is taken for doorward's word on a door, and for the backend that opens it, by everything that tells of doors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from doorward.model.reference import JsonObject, Ref
from doorward_daemon.metrics import Metrics
from doorward_daemon.opener import opener, opener_of_what_stands
from doorward_daemon.reported import reported, url_of
from prometheus_client import generate_latest

from tests.engine.stage import backends
from tests.patience import PATIENCE
from tests.shell.running import SERVICE, Running

OURS = {"type": "doorward.io/DoorReady", "status": "True", "message": "http://m.example.com: no route yet"}
THEIRS = {"type": "IngressReady", "status": "False", "reason": "Theirs"}
OTHER = {"type": "example.com/Ready", "status": "Unknown"}


@pytest.mark.parametrize("conditions", [[THEIRS, OURS], [OURS, THEIRS], [OTHER, OURS]])
@pytest.mark.parametrize("setting", ["IngressReady", "doorward.io/DoorReady", "example.com/Ready"])
def test_doorwards_own_condition_is_its_word(conditions: list[JsonObject], setting: str) -> None:
    assert reported(conditions, setting) is OURS


def test_without_it_the_one_that_the_settings_name_is() -> None:
    assert reported([OTHER, THEIRS], "IngressReady") is THEIRS
    assert reported([OTHER, THEIRS], "example.com/Ready") is OTHER
    assert reported([THEIRS], "doorward.io/DoorReady") == {}


@pytest.mark.parametrize("hostile", [None, "conditions", {"type": "IngressReady"}, ["IngressReady", None]])
def test_what_is_no_list_of_conditions_says_nothing(hostile: object) -> None:
    assert reported(hostile, "IngressReady") == {}


def test_a_url_is_that_of_the_message_where_the_status_is_anothers() -> None:
    assert url_of("http://theirs", OURS) == "http://m.example.com"
    assert url_of("http://m", {"type": "IngressReady"}) == url_of("http://m", {}) == "http://m"
    assert url_of(["http://m"], {}) == ""


def test_metrics_count_doorwards_own_word() -> None:
    running = Running()
    running.settings({})
    running.add("m")
    running.patch(SERVICE, "m", {"status": {"conditions": [THEIRS, OURS]}}, subresource="status")
    shell = running.shell(dry_run=True)
    metrics = Metrics(shell)
    shell.listeners += [metrics]

    async def told() -> None:
        async with shell:
            await shell.once(PATIENCE)

    asyncio.run(told())
    assert b'doorward_doors{reason="",status="True"} 1.0' in generate_latest(metrics.registry)


def standing(*kinds: str, type_: str = "ClusterIP") -> Iterable[tuple[Ref, JsonObject]]:
    for kind in kinds:
        yield Ref(kind, "a", "m"), {**SERVING.get(kind, {"spec": {"type": type_}}), "metadata": {"name": "m"}}


INGRESS, ROUTE = "Ingress.networking.k8s.io", "HTTPRoute.gateway.networking.k8s.io"
VIRTUAL_SERVICE, MIDDLEWARE = "VirtualService.networking.istio.io", "Middleware.traefik.io"
HOSTS = ["m.example.com"]
SERVING: dict[str, JsonObject] = {
    INGRESS: {"spec": {"rules": [{"host": "m.example.com"}]}},
    ROUTE: {"spec": {"hostnames": HOSTS, "parentRefs": [{"name": "g"}], "rules": [{}]}},
    VIRTUAL_SERVICE: {
        "spec": {"hosts": HOSTS, "gateways": ["a/g"], "http": [{"route": [{"destination": {"host": "m"}}]}]}
    },
    MIDDLEWARE: {"spec": {}},
}


def test_the_backend_is_the_one_that_is_chosen_whatever_stands() -> None:
    assert opener("gateway_api", standing(INGRESS), backends()) == "gateway_api"
    assert opener("", standing(VIRTUAL_SERVICE), backends()) == ""


@pytest.mark.parametrize(
    ("kinds", "type_", "name"),
    [
        ([INGRESS, "Service"], "ClusterIP", "k8s_ingress"),
        ([INGRESS, "Service"], "LoadBalancer", "k8s_ingress"),
        ([ROUTE, MIDDLEWARE], "ClusterIP", "gateway_api"),
        (["Service"], "LoadBalancer", "loadbalancer"),
        (["Service"], "ClusterIP", ""),
        ([INGRESS, VIRTUAL_SERVICE], "ClusterIP", ""),
        ([], "ClusterIP", ""),
    ],
)
def test_of_a_door_that_is_held_it_is_the_one_of_what_stands(kinds: list[str], type_: str, name: str) -> None:
    assert opener(None, standing(*kinds, type_=type_), backends()) == name


def test_of_several_it_is_the_one_that_the_engine_would_choose() -> None:
    both = [INGRESS, VIRTUAL_SERVICE]
    assert opener_of_what_stands("istio", standing(*both), backends()) == "istio"
    assert opener_of_what_stands("gateway_api", standing(INGRESS), backends()) == "k8s_ingress"
