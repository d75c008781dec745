"""What isn't ours keeps its resourceVersion, whatever its name and its hosts."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

import pytest
from doorward.model.reference import JsonObject

from tests.e2e.doors import DOORS, RAW
from tests.e2e.world import World

API = {
    "VirtualService": "networking.istio.io/v1",
    "Ingress": "networking.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
}
MAIN = {"istio": "VirtualService", "k8s_ingress": "Ingress", "gateway_api": "HTTPRoute"}


def stranger(kind: str, name: str, host: str, **metadata: Any) -> JsonObject:
    """Somebody's object for a host, on the class or gateway that our doors use."""
    backend = {"service": {"name": "theirs", "port": {"number": 80}}}
    specs: dict[str, JsonObject] = {
        "VirtualService": {
            "hosts": [host],
            "gateways": ["knative-serving/knative-ingress-gateway"],
            "http": [{"route": [{"destination": {"host": "theirs"}}]}],
        },
        "Ingress": {
            "ingressClassName": "nginx",
            "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
        },
        "HTTPRoute": {
            "hostnames": [host],
            "parentRefs": [{"namespace": "infra", "name": "ome"}],
            "rules": [{"backendRefs": [{"name": "theirs", "port": 80}]}],
        },
    }
    return {"apiVersion": API[kind], "kind": kind, "metadata": {"name": name, **metadata}, "spec": specs[kind]}


async def unchanged(world: World, *objects: JsonObject) -> None:
    """Assert that these objects are as they were created, after the daemon has gone through everything."""
    await world.barrier()
    for obj in objects:
        there = world.view.get(obj["kind"], obj["metadata"]["name"])
        assert there, f"{obj['kind']} {obj['metadata']['name']} is gone"
        assert there["metadata"]["resourceVersion"] == obj["metadata"]["resourceVersion"]


@pytest.mark.parametrize("door", MAIN)
async def test_an_object_under_our_name_is_a_conflict_and_stays_as_it_is(world: World, door: str) -> None:
    world.answer()
    name = f"f-{token_hex(3)}"
    theirs = await world.create(stranger(MAIN[door], name, "theirs.example.com"))
    await world.add(name, DOORS[door].annotations)
    told = await world.reports(name, "ObjectConflict")
    assert f"{world.namespace}/{name}" in told["message"]
    await unchanged(world, theirs)
    await world.delete("InferenceService", name)
    await world.view.until(lambda: not world.ours(name), 90)
    await unchanged(world, theirs)


@pytest.mark.parametrize("door", MAIN)
async def test_an_object_with_our_host_owns_it_and_stays_as_it_is(world: World, door: str) -> None:
    world.answer()
    name = f"f-{token_hex(3)}"
    host = f"{name}.{world.namespace}.example.com"
    theirs = await world.create(stranger(MAIN[door], f"{name}-theirs", host))
    await world.barrier()
    await world.add(name, DOORS[door].annotations)
    told = await world.reports(name, "HostConflict")
    assert host in told["message"]
    assert f"{name}-theirs" in told["message"]
    await unchanged(world, theirs)
    await world.delete(MAIN[door], f"{name}-theirs")
    await world.stands(name)
    assert world.reaches(f"http://{host}/") == f"{name}-engine"


@pytest.mark.parametrize("door", MAIN)
async def test_an_object_with_our_host_that_comes_later_changes_nothing(world: World, door: str) -> None:
    world.answer()
    name = f"f-{token_hex(3)}"
    await world.add(name, DOORS[door].annotations)
    await world.stands(name)
    host = f"{name}.{world.namespace}.example.com"
    ours = world.view.get(MAIN[door], name)
    assert ours
    theirs = await world.create(stranger(MAIN[door], f"{name}-theirs", host))
    await world.view.until(lambda: "HostShared" in world.told(name), what="no warning")
    await unchanged(world, theirs, ours)
    await world.stands(name)


async def test_a_service_under_the_name_of_the_inside_door_stays_as_it_is(world: World) -> None:
    name = f"f-{token_hex(3)}"
    spec = {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}
    theirs = await world.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
    await world.add(name, RAW)
    await world.view.until(lambda: "ObjectConflict" in world.told(name), what="no warning")
    await world.stands(name)
    assert world.status(name)["address"]["url"] == f"http://{name}-engine.{world.namespace}.svc.cluster.local"
    await unchanged(world, theirs)
    await world.delete("InferenceService", name)
    await world.view.until(lambda: not world.ours(name), 90)
    await unchanged(world, theirs)
