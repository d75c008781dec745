"""A door that is replaced by another: at no moment is there neither, by the API server's own account."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from itertools import permutations

import pytest
from doorward.model.reference import JsonObject

from tests.e2e.doors import ANNOTATIONS, opened, outside
from tests.e2e.world import World, answer_to, reaches

OVERLAP = 1.0
"""Seconds, as in the settings of the shared place."""

LEAVES = {
    "istio": "VirtualService",
    "nginx": "Ingress",
    "traefik": "Ingress",
    "gateway_api": "HTTPRoute",
    "loadbalancer": "Service",
}
"""Each outside door, and the kind of the object that opens it; of a load balancer only the type leaves."""

SWITCHES = list(permutations(LEAVES, 2))


async def ask(world: World, name: str, old: str, new: str) -> None:
    await world.annotate(name, {**dict.fromkeys(ANNOTATIONS[old]), **ANNOTATIONS[new]})


@pytest.mark.parametrize(("old", "new"), SWITCHES, ids=[f"{old} to {new}" for old, new in SWITCHES])
async def test_the_old_door_stands_until_the_new_one_has_had_its_overlap(world: World, old: str, new: str) -> None:
    world.answer()
    name = await opened(world, old)
    old_way, new_way = outside(world, name, old), outside(world, name, new)
    mark, asked = len(world.view.changes), time.monotonic()
    await ask(world, name, old, new)
    await world.view.until(lambda: has_left(world.view.get(LEAVES[old], name)), what="the old door stays")
    await world.stands(name)

    works = gone = False
    leaving = (LEAVES[old], world.namespace, name)
    for change, standing in world.view.replay(mark):
        mine = [obj for obj in standing if belongs(obj, name)]
        assert reaches(mine, old_way) or reaches(mine, new_way), f"neither stands after {change}"
        if change and change.key == leaving and not gone and has_left(change.object):
            assert works, "the new door never worked by itself"
            # Told late, it may seem longer than it was, and never shorter.
            assert change.at - asked >= OVERLAP
            gone = True
        others = [o for o in mine if (o["kind"], o["metadata"]["namespace"], o["metadata"]["name"]) != leaving]
        works = works or bool(change and reaches(others if old_way == new_way else mine, new_way))
    assert gone
    assert reaches(mine, new_way) == f"{name}-engine"


def has_left(obj: JsonObject | None) -> bool:
    """Whether an object that opened the old door is gone, or is a Service that doesn't lead in from outside."""
    return obj is None or (obj["kind"] == "Service" and obj["spec"].get("type") != "LoadBalancer")


def belongs(obj: JsonObject, name: str) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return labels.get("ome.io/inferenceservice") == name or obj["kind"] == "InferenceService"


async def test_a_route_that_nobody_accepts_yet_replaces_nothing(world: World) -> None:
    name = await opened(world, "nginx")
    await ask(world, name, "nginx", "gateway_api")
    route = await world.view.until(lambda: world.view.get("HTTPRoute", name))
    await world.reports(name, "RouteNotAccepted")
    await more_than_an_overlap(world)
    assert world.view.get("Ingress", name), "the old door went before the new one was accepted"
    assert route
    status = answer_to(route)
    assert status
    await world.write_status(route, status)
    await world.view.until(lambda: not world.view.get("Ingress", name), what="the old door stays")
    await world.stands(name)


async def test_a_load_balancer_without_an_address_replaces_nothing(world: World) -> None:
    name = await opened(world, "nginx")
    await ask(world, name, "nginx", "loadbalancer")
    await world.reports(name, "LoadBalancerPending")
    await more_than_an_overlap(world)
    assert world.view.get("Ingress", name), "the old door went before the new one had an address"
    world.answer()
    await world.view.until(lambda: not world.view.get("Ingress", name), what="the old door stays")
    await world.stands(name)


async def more_than_an_overlap(world: World) -> None:
    """Wait until another service has gone through two overlaps from now on, so that the daemon's clock went on."""
    name = await opened(world, "nginx")
    for domain, host in (("later.example.com", "example.com"), (None, "later.example.com")):
        leaving = f"{name}.{world.namespace}.{host}"
        assert leaving in hosts(world, name)
        await world.annotate(name, {"ome.io/ingress-domain": domain})
        await world.view.until(partial(lambda leaving: leaving not in hosts(world, name), leaving))


def hosts(world: World, name: str) -> Sequence[str]:
    ingress = world.view.get("Ingress", name) or {"spec": {}}
    return [rule["host"] for rule in ingress["spec"].get("rules") or ()]
