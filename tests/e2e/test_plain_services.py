"""Plain Services on a real API server: their status has conditions of ours, and a label that goes closes the door."""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex

import pytest
from doorward.model.reference import ENDPOINT_SLICE, JsonObject
from doorward_service import LABEL

from tests.controlplane.providers import ApiServer
from tests.e2e.doors import INGRESS
from tests.e2e.place import Place, place
from tests.e2e.world import World, resources
from tests.patience import PATIENCE


@pytest.fixture(scope="module", name="place")
def _place(api_server: ApiServer) -> Iterator[Place]:
    with place(api_server.kubeconfig, INGRESS, "--source", "ome", "--source", "service") as made:
        yield made


async def labelled(world: World) -> str:
    """A Service with an endpoint, and its door."""
    name = f"plain-{token_hex(3)}"
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "metrics", "port": 9090}]
    metadata = {"name": name, "labels": {LABEL: "true"}, "annotations": {"doorward.io/port": "metrics"}}
    await world.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}})
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["203.0.113.7"], "conditions": {"ready": True}}],
        "ports": [{"name": "metrics", "port": 9090}],
    }
    assert resources()["EndpointSlice"].kind == ENDPOINT_SLICE
    await world.create(slice_)
    await world.view.until(lambda: told(world, name).get("doorward.io/DoorReady", {}).get("status") == "True")
    return name


def told(world: World, name: str) -> dict[str, JsonObject]:
    obj = world.view.get("Service", name) or {}
    return {each["type"]: each for each in (obj.get("status") or {}).get("conditions") or ()}


def is_closed(world: World, name: str) -> bool:
    return world.view.get("Ingress", name) is None and not told(world, name)


async def test_a_door_opens_and_is_told_of_in_the_status_of_the_service(world: World) -> None:
    name = await labelled(world)
    host = f"{name}.{world.namespace}.example.com"
    ingress = world.view.get("Ingress", name)
    assert ingress
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == host
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": name, "port": {"number": 9090}}
    assert f"http://{host}" in told(world, name)["doorward.io/DoorReady"]["message"]
    assert told(world, name)["doorward.io/Hosts"]["message"] == f"{host}/"


async def test_the_loss_of_the_label_closes_the_door_and_leaves_the_service(world: World) -> None:
    name = await labelled(world)
    await world.patch("Service", name, {"metadata": {"labels": {LABEL: None}}})
    await world.view.until(lambda: is_closed(world, name))
    assert world.view.get("Service", name)
    await world.patch("Service", name, {"metadata": {"labels": {LABEL: "true"}}})
    await world.view.until(lambda: world.view.get("Ingress", name) is not None)


async def test_a_label_that_goes_while_nobody_watches_closes_the_door_later(world: World) -> None:
    name, other = await labelled(world), await labelled(world)
    daemon = world.daemon
    assert daemon
    daemon.kill()
    await world.patch("Service", name, {"metadata": {"labels": {LABEL: None}}})
    await world.view.until(lambda: not (world.view.get("Service", name) or {})["metadata"].get("labels"))
    assert world.view.get("Ingress", name)
    before = (world.view.get("Ingress", other) or {})["metadata"]["resourceVersion"]
    daemon.start()
    await world.view.until(lambda: is_closed(world, name), PATIENCE)
    assert (world.view.get("Ingress", other) or {})["metadata"]["resourceVersion"] == before


async def test_the_door_of_a_service_that_is_deleted_is_collected(world: World) -> None:
    name = await labelled(world)
    await world.delete("Service", name)
    await world.view.until(lambda: world.view.get("Ingress", name) is None)
