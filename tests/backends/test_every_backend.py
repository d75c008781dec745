"""What holds of the built-in backends together, beside what :mod:`tests.conformance` tries on each."""

from __future__ import annotations

from typing import Any

import pytest
from doors import PATHS, doors, expected
from doorward.model.door import Claim, Door
from doorward.model.merge import merge
from evaluate import LOCAL_GATEWAY, route
from hypothesis import given, settings
from hypothesis import strategies as st
from opened import BUILT_IN, PLUGINS, call, open_door, render

EACH = settings(max_examples=100, deadline=None)

OUTSIDE = ("istio", "k8s_ingress", "gateway_api")


def ask(objects: list[dict[str, Any]], url: str, inside: bool = False) -> Any:
    return route(objects, url, inside=inside)


def test_the_five_are_found_by_their_entry_points() -> None:
    assert {PLUGINS.get_name(plugin) for plugin in PLUGINS.get_plugins()} >= set(BUILT_IN)


@EACH
@given(doors())
def test_a_name_inside_the_cluster_never_leads_in_from_outside(door: Door) -> None:
    objects = open_door(door)
    for inside in door.inside_hosts:
        for path in PATHS:
            assert ask(objects, f"http://{inside}{path}") is None


@EACH
@given(doors())
def test_inside_the_cluster_a_sidecar_changes_nothing(door: Door) -> None:
    objects = open_door(door)
    for host in door.inside_hosts:
        for path in PATHS:
            by_path = expected(door, path) if door.serverless else expected(door, "/")
            assert ask(objects, f"http://{host}{path}", inside=True) == (by_path, path)


@EACH
@given(doors(mode="Serverless", backend="k8s_ingress"))
def test_behind_an_ingress_the_virtual_service_has_the_hosts_on_the_local_gateway_alone(door: Door) -> None:
    if door.exposure != "outside":
        return
    objects = render("istio", door).objects
    claimed = [
        claim
        for each in objects
        for claim in call("istio", "claims", manifest={**each, "metadata": {"namespace": door.namespace}})
    ]
    assert {claim.via for claim in claimed} == {(LOCAL_GATEWAY,)}
    assert Claim(door.hosts[0], "/", (LOCAL_GATEWAY,)) in claimed


@EACH
@given(doors(), st.data())
def test_an_object_that_loses_hosts_serves_the_others_as_before(door: Door, data: st.DataObject) -> None:
    objects = open_door(door)
    hosts = [*door.all_hosts, *([door.path.host] if door.path else [])]
    kept = [host for host in hosts if data.draw(st.booleans())]
    left = [narrowed for each in objects if (narrowed := narrow(each, kept))]
    for host in door.all_hosts:
        for path in PATHS:
            url = f"{door.scheme}://{host}{path}"
            assert ask(left, url) == (ask(objects, url) if host in kept else None)
    for host in door.inside_hosts:
        url = f"http://{host}/v1/router/x"
        assert ask(left, url, inside=True) == ask(objects, url, inside=True)
    if door.path:
        url = f"http://{door.path.host}{door.path.prefix}"
        assert ask(left, url) == (ask(objects, url) if door.path.host in kept else None)


def narrow(obj: dict[str, Any], hosts: list[str]) -> dict[str, Any] | None:
    """What is left of an object; a Service serves no host, and stays."""
    for backend in OUTSIDE:
        if call(backend, "claims", manifest=obj) is not None:
            spec = call(backend, "narrow", manifest=obj, hosts=tuple(hosts))
            return None if spec is None else {**obj, "spec": merge(obj["spec"], spec)}
    return obj


@pytest.mark.parametrize("backend", OUTSIDE)
def test_other_kinds_are_no_claims(backend: str) -> None:
    assert call(backend, "claims", manifest={"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m"}}) is None
    stranger = {"apiVersion": "example.com/v1", "kind": "Ingress", "metadata": {"name": "m"}, "spec": {}}
    assert call(backend, "claims", manifest=stranger) is None


def test_kinds_that_several_backends_write_are_described_alike() -> None:
    described: dict[str, Any] = {}
    for watches in PLUGINS.hook.watches():
        for watch in watches:
            assert described.setdefault(watch.resource.kind, watch) == watch
