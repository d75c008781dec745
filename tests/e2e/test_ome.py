"""Beside OME's own controller, and in its place; the tests play that controller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from doorward.model.reference import JsonObject

from tests.controlplane.providers import ApiServer
from tests.e2e.daemon import Daemon
from tests.e2e.doors import DOORS, INGRESS, RAW
from tests.e2e.place import place
from tests.e2e.world import World, condition, reaches, resources, world_of

DOOR_READY = "doorward.io/DoorReady"
BESIDE = f"ingress: {{disableIngressCreation: false}}\ndoorService: '{{{{.Name}}}}-door'\nconditionType: {DOOR_READY}\n"
MAIN = {"istio": "VirtualService", "k8s_ingress": "Ingress", "gateway_api": "HTTPRoute"}
LOCAL = "knative-local-gateway.istio-system.svc.cluster.local"


@asynccontextmanager
async def ome_cluster(api_server: ApiServer, ingress: JsonObject, doorward: str) -> AsyncIterator[World]:
    """A place before doorward comes."""
    with place(api_server.kubeconfig, ingress, serve=False, doorward=doorward) as made:
        async with world_of(made.kubeconfig, made.namespaces) as world:
            yield world


async def make(
    world: World, kind: str, api_version: str, name: str, service: JsonObject, spec: JsonObject
) -> JsonObject:
    """An object as OME makes it: controlled by the service, and without our annotation."""
    owner = {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "name": service["metadata"]["name"],
        "uid": service["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {"name": name, "ownerReferences": [owner]}
    return await world.create({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})


async def make_door(world: World, door: str, service: JsonObject, ingress: JsonObject = INGRESS) -> JsonObject:
    """The outside door of OME's built-in ingress, as it renders one under these settings."""
    name, namespace = service["metadata"]["name"], world.namespace
    host = f"{name}.{namespace}.example.com"
    if door == "istio":
        gateway = ingress.get("ingressGateway", "knative-serving/knative-ingress-gateway")
        match = {"authority": {"regex": f"^{host.replace('.', chr(92) + '.')}(?::\\d{{1,5}})?$"}, "gateways": [gateway]}
        rule = {
            "match": [match],
            "route": [{"destination": {"host": LOCAL, "port": {"number": 80}}, "weight": 100}],
            "headers": {"request": {"set": {"Host": f"{name}-engine.{namespace}.svc.cluster.local"}}},
        }
        spec = {"hosts": [host], "gateways": [gateway, "knative-serving/knative-local-gateway"], "http": [rule]}
        return await make(world, "VirtualService", "networking.istio.io/v1", name, service, spec)
    if door == "k8s_ingress":
        backend = {"service": {"name": f"{name}-engine", "port": {"number": 80}}}
        paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
        spec = {"ingressClassName": ingress["ingressClassName"], "rules": [{"host": host, "http": paths}]}
        return await make(world, "Ingress", "networking.k8s.io/v1", name, service, spec)
    rule = {"backendRefs": [{"name": f"{name}-engine", "port": 80}]}
    namespace, _, gateway = ingress["omeIngressGateway"].partition("/")
    spec = {"hostnames": [host], "parentRefs": [{"namespace": namespace, "name": gateway}], "rules": [rule]}
    return await make(world, "HTTPRoute", "gateway.networking.k8s.io/v1", name, service, spec)


async def test_what_ome_made_is_taken_over_without_an_outage(api_server: ApiServer) -> None:
    async with ome_cluster(api_server, INGRESS, "adopt: true\noverlapSeconds: 1") as world:
        world.answer(everybodys=True)
        names = {door: f"m-{door.replace('_', '-')}" for door in MAIN}
        ways = {door: f"http://{name}.{world.namespace}.example.com/v1/models" for door, name in names.items()}
        made: dict[str, JsonObject] = {}
        for door, name in names.items():
            made[door] = await make_door(world, door, await world.add(name, DOORS[door].annotations))
        await world.view.until(lambda: all(map(world.reaches, ways.values())), what="OME's doors don't work")
        mark = len(world.view.changes)
        with Daemon(api_server.kubeconfig, world.namespaces) as daemon:
            world.daemon = daemon
            await world.stands(*names.values())
            await world.barrier()
        for door, name in names.items():
            service, taken = world.view.get("InferenceService", name), world.view.get(MAIN[door], name)
            assert service
            assert taken
            assert taken["metadata"]["uid"] == made[door]["metadata"]["uid"]
            assert taken["metadata"]["annotations"]["doorward.io/owner"] == service["metadata"]["uid"]
        for change, standing in world.view.replay(mark):
            # A gateway serves a route as it was accepted until it has looked at the next generation.
            served = [{**obj, "metadata": {**obj["metadata"], "generation": told_of(obj)}} for obj in standing]
            for door, way in ways.items():
                assert reaches(served, way) == f"{names[door]}-engine", change


def told_of(obj: JsonObject) -> int:
    """The generation of an HTTPRoute that its parents speak of; of another object, its own."""
    generation: int = obj["metadata"].get("generation", 0)
    for parent in (obj.get("status") or {}).get("parents") or ():
        generation = parent["conditions"][0]["observedGeneration"]
    return generation


async def test_beside_ome_there_is_no_fight(api_server: ApiServer) -> None:
    ingress = {**INGRESS, "disableIngressCreation": True}
    async with ome_cluster(api_server, ingress, BESIDE) as world:
        world.reported = DOOR_READY
        service = await world.add("m", RAW)
        selector = {"ome.io/inferenceservice": "m", "component": "engine"}
        spec = {"selector": selector, "ports": [{"port": 80, "targetPort": 8080}]}
        omes = await make(world, "Service", "v1", "m", service, spec)
        await reconcile(world, "m")
        with Daemon(api_server.kubeconfig, world.namespaces) as daemon:
            world.daemon = daemon
            await world.stands("m")
            assert f"http://m.{world.namespace}.example.com" in world.condition("m")["message"]
            assert world.ours() == ["Ingress/m", "Service/m-door"]
            for _ in range(5):
                written = await reconcile(world, "m")
                await world.barrier()
                there = world.view.get("InferenceService", "m")
                assert there
                assert there["metadata"]["resourceVersion"] == written["metadata"]["resourceVersion"], "they fight"
        assert world.status("m")["url"] == f"http://m.{world.namespace}.example.com:80"
        assert world.condition("m", "IngressReady")["status"] == "True"
        standing = world.view.get("Service", "m")
        assert standing
        assert standing["metadata"]["resourceVersion"] == omes["metadata"]["resourceVersion"]


async def reconcile(world: World, name: str) -> JsonObject:
    """What OME's controller does at each of its reconciles: it writes all that it thinks is its own."""
    there = await world.cluster.get(resources()["InferenceService"], world.namespace, name)
    others = [c for c in there["status"]["conditions"] if c["type"] != "IngressReady"]
    status = {
        "url": f"http://{name}.{world.namespace}.example.com:80",
        "address": {"url": f"http://{name}.{world.namespace}.svc.cluster.local:80"},
        "conditions": [*others, condition("IngressReady")],
    }
    return await world.patch("InferenceService", name, {"status": status}, subresource="status", field_manager="ome")
