"""docs/doors.md, Readiness: when a component is ready, when a door opens, and what readiness holds back later."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.model.reference import ENDPOINT_SLICE, KNATIVE_SERVICE, JsonObject

from tests.engine.scenes import INGRESS, Scene, condition, opened, service
from tests.engine.stage import settings

ALL = ("engine", "router", "decoder")


def endpoint_slice(of: str = "m-engine", ready: bool | None = True, name: str = "slice") -> JsonObject:
    conditions = {} if ready is None else {"ready": ready}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": "a", "labels": {"kubernetes.io/service-name": of}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": conditions}],
        "ports": [],
    }


def knative_service(name: str = "m-engine", ready: str | None = "True") -> JsonObject:
    conditions = [{"type": "RoutesReady", "status": "True"}]
    conditions += [{"type": "Ready", "status": ready}] if ready else []
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "a"},
        "spec": {},
        "status": {"conditions": conditions},
    }


def unready(*components: str, raw: bool = True, config: JsonObject | None = None, more: Any = ()) -> Scene:
    return Scene(config or settings(), *service("m", *components, raw=raw, ready=False), *more)


# -- conditions ------------------------------------------------------------------------------------------------------


def test_a_door_opens_when_its_component_is_ready() -> None:
    scene = unready()
    assert scene.ours() == set()
    assert scene.verdict() == ("False", "EngineNotReady")
    scene.report([condition("EngineReady")])
    assert scene.verdict() == ("True", "")
    assert scene.ours() == {"Ingress/m", "Service/m"}


@pytest.mark.parametrize("type_", ["RouterReady", "RoutesReady"])
def test_a_router_is_ready_by_either_of_its_conditions(type_: str) -> None:
    scene = unready("engine", "router")
    scene.report([condition("EngineReady")])
    assert scene.verdict() == ("False", "RouterNotReady")
    scene.report([condition(type_)])
    assert scene.verdict() == ("True", "")


@pytest.mark.parametrize(
    ("components", "order"),
    [
        (("engine",), ["EngineNotReady"]),
        (("engine", "router"), ["RouterNotReady"]),
        (("engine", "decoder"), ["EngineNotReady", "DecoderNotReady"]),
        (ALL, ["RouterNotReady", "DecoderNotReady"]),
    ],
    ids="-".join,
)
def test_the_condition_says_which_component_it_waits_for(components: tuple[str, ...], order: list[str]) -> None:
    """Components that nothing is routed to don't hold the door back: behind a router, the engine."""
    scene = unready(*components)
    told: list[JsonObject] = []
    for reason in order:
        assert scene.verdict() == ("False", reason)
        told.append(condition(reason.replace("Not", "")))
        scene.report(told)
    assert scene.verdict() == ("True", "")


def test_a_condition_that_is_false_is_told_with_its_own_words() -> None:
    scene = unready()
    scene.report([condition("EngineReady", "False", message="image can't be pulled")])
    assert scene.verdict() == ("False", "EngineNotReady")
    assert "image can't be pulled" in scene.message()


def test_a_condition_that_is_unknown_leaves_the_door_unknown() -> None:
    scene = unready()
    scene.report([condition("EngineReady", "Unknown")])
    assert scene.verdict() == ("Unknown", "EngineNotReady")


def test_a_condition_of_an_older_generation_doesnt_count_yet() -> None:
    scene = unready()
    generation = scene.service()["metadata"]["generation"]
    scene.report([condition("EngineReady")], observedGeneration=generation - 1)
    assert scene.verdict() == ("Unknown", "EngineNotReady")
    assert scene.ours() == set()
    scene.report(observedGeneration=generation)
    assert scene.verdict() == ("True", "")


def test_endpoints_dont_overrule_a_condition() -> None:
    told = {"conditions": [condition("EngineReady", "False")]}
    scene = Scene(endpoint_slice(), *service(raw=True, ready=False, status=told))
    assert scene.verdict() == ("False", "EngineNotReady")


# -- without conditions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ready", "opens"), [(True, True), (None, True), (False, False)])
def test_without_a_condition_ready_endpoints_answer_for_raw(ready: bool | None, opens: bool) -> None:
    scene = unready(more=[endpoint_slice(ready=ready)])
    assert scene.verdict() == (("True", "") if opens else ("False", "EngineNotReady"))


def test_endpoints_are_followed_live() -> None:
    scene = unready()
    scene.create(endpoint_slice(ready=False))
    scene.create(endpoint_slice("m-other", name="other"))
    scene.settle()
    assert scene.ours() == set()
    watched = scene.since()
    ready = {"addresses": ["10.0.0.2"], "conditions": {"ready": True}}
    scene.patch(ENDPOINT_SLICE, "a", "slice", {"endpoints": [ready]})
    scene.settle()
    assert scene.verdict() == ("True", "")
    heartbeat = scene.since()
    scene.patch(ENDPOINT_SLICE, "a", "slice", {"endpoints": [ready, ready]})
    scene.settle()
    assert (heartbeat.decided, heartbeat.writes) == (0, [])
    assert sorted(watched.writes) == ["create Ingress/m", "create Service/m", "status InferenceService/m"]


@pytest.mark.parametrize(
    ("ready", "verdict"),
    [
        ("True", ("True", "")),
        ("False", ("False", "EngineNotReady")),
        ("Unknown", ("Unknown", "EngineNotReady")),
        (None, ("Unknown", "EngineNotReady")),
    ],
)
def test_without_a_condition_the_knative_service_answers_for_serverless(
    ready: str | None, verdict: tuple[str, str]
) -> None:
    assert unready(raw=False, more=[knative_service(ready=ready)]).verdict() == verdict


def test_without_a_condition_and_a_knative_service_nobody_can_tell() -> None:
    scene = unready(raw=False, more=[endpoint_slice()])
    assert scene.verdict() == ("Unknown", "EngineNotReady")
    scene.create(knative_service())
    scene.settle()
    assert scene.verdict() == ("True", "")


@pytest.mark.parametrize(("raw", "kind"), [(True, ENDPOINT_SLICE), (False, KNATIVE_SERVICE)])
def test_a_kind_that_may_not_be_listed_leaves_it_unknown_and_is_named(raw: bool, kind: str) -> None:
    scene = Scene(settings(), *service(raw=raw, ready=False), forbidden=[kind])
    assert scene.verdict() == ("Unknown", "EngineNotReady")
    assert "may not be listed" in scene.message()


def test_without_knative_a_serverless_service_waits() -> None:
    scene = Scene(*service(ready=False), absent=[KNATIVE_SERVICE])
    assert scene.verdict() == ("Unknown", "EngineNotReady")


# -- the setting -----------------------------------------------------------------------------------------------------


def test_with_readiness_workload_conditions_dont_count() -> None:
    scene = unready(config=settings(doorward="readiness: workload"))
    scene.report([condition("EngineReady")])
    assert scene.verdict() == ("False", "EngineNotReady")
    scene.create(endpoint_slice())
    scene.settle()
    assert scene.verdict() == ("True", "")


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_with_readiness_none_doors_open_at_once(raw: bool) -> None:
    config = settings(doorward="readiness: none")
    assert unready(*ALL, raw=raw, config=config).verdict() == ("True", "")


def test_the_setting_is_followed_live() -> None:
    scene = unready()
    scene.configure(doorward="readiness: none")
    assert scene.verdict() == ("True", "")


# -- once it stands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_standing_door_is_left_alone_when_a_component_flaps(status: str, raw: bool) -> None:
    scene = opened("m", *ALL, raw=raw)
    watched = scene.since()
    for flapped in (status, "True", status):
        scene.ready(*ALL, status=flapped)
    assert watched.writes == []
    assert scene.verdict()[0] == "True"


@pytest.mark.parametrize("journal", [True, False])
def test_a_restart_while_a_component_is_down_leaves_the_door_alone(journal: bool) -> None:
    scene = opened("m", "engine", "decoder")
    scene.ready("engine", "decoder", status="False")
    after = scene.again(journal=journal)
    assert after.performed == []
    assert after.reaches("http://m.a.example.com/v1/decoder") == "m-decoder"


@pytest.mark.parametrize("journal", [True, False, None])
def test_a_decoder_joins_when_it_is_ready(journal: bool | None) -> None:
    scene = opened()
    for obj in service("m", "engine", "decoder", raw=True)[2:]:
        scene.create(obj)
    scene.patch("InferenceService.ome.io", "a", "m", {"spec": {"decoder": {}}})
    scene.settle()
    assert scene.verdict() == ("False", "DecoderNotReady")
    assert "as before" in scene.message()
    assert scene.reaches("http://m.a.example.com/v1/decoder") == "m-engine"
    assert scene.url() == "http://m.a.example.com"
    if journal is not None:
        scene = scene.again(journal=journal)
        assert scene.performed == []
    scene.ready("engine", "decoder")
    assert scene.verdict() == ("True", "")
    assert scene.reaches("http://m.a.example.com/v1/decoder") == "m-decoder"


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_a_router_takes_over_when_it_is_ready(raw: bool) -> None:
    scene = opened("m", "engine", "decoder", raw=raw)
    scene.create(service("m", "router")[1])
    scene.patch("InferenceService.ome.io", "a", "m", {"spec": {"router": {}}})
    scene.settle()
    assert scene.verdict() == ("False" if raw else "Unknown", "RouterNotReady")
    assert scene.reaches("http://m.a.example.com/v1/decoder") == "m-decoder"
    assert scene.reaches("http://m.a.example.com/v1/router") == "m-engine"
    scene.ready("router")
    assert scene.verdict()[0] == "True"
    assert scene.reaches("http://m.a.example.com/") == "m-router"
    assert scene.reaches("http://m.a.svc.cluster.local/", inside=True) == "m-router"


def test_a_component_that_leaves_is_routed_to_no_more() -> None:
    scene = opened("m", *ALL)
    scene.ready("engine", status="False")
    scene.patch("InferenceService.ome.io", "a", "m", {"spec": {"decoder": None}})
    scene.settle()
    assert scene.reaches("http://m.a.example.com/v1/decoder") == "m-router"


def test_a_router_that_leaves_is_kept_until_the_engine_is_ready() -> None:
    scene = opened("m", "engine", "router")
    scene.ready("engine", status="False")
    scene.patch("InferenceService.ome.io", "a", "m", {"spec": {"router": None}})
    scene.settle()
    assert scene.verdict() == ("False", "EngineNotReady")
    assert scene.reaches("http://m.a.example.com/") == "m-router"
    scene.ready("engine")
    assert scene.verdict() == ("True", "")
    assert scene.reaches("http://m.a.example.com/") == "m-engine"


def test_readiness_holds_nothing_else_back() -> None:
    scene = opened("m", "engine", "decoder")
    scene.ready("engine", "decoder", status="False")
    scene.edit(annotations={"ome.io/ingress-additional-domains": "b.test"})
    assert [rule["host"] for rule in scene.get(INGRESS, "a", "m")["spec"]["rules"]] == ["m.a.example.com", "m.a.b.test"]
    assert scene.verdict() == ("True", "")


def test_from_component_ready_to_the_door_are_three_round_trips_at_most() -> None:
    scene = Scene(settings(), *service("m", *ALL, ready=False))
    scene.patch(
        "InferenceService.ome.io",
        "a",
        "m",
        {"status": {"conditions": [condition(f"{c.title()}Ready") for c in ALL]}},
        subresource="status",
    )
    scene.deliver()
    watched = scene.since()
    rounds = 0
    while "VirtualService/m" not in scene.ours():
        rounds += 1
        scene.act()
    assert rounds <= 3
    assert len(watched.actions) <= 3
