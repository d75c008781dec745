"""A door that is replaced by another: at no moment is there neither, by the API server's own account."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from secrets import token_hex
from typing import NamedTuple

import pytest
from doorward.model.reference import JsonObject

from tests.e2e.doors import DOORS
from tests.e2e.world import World, answer_to, reaches

OVERLAP = 1.0
"""Seconds, as in the settings of the shared place."""
LATE = 0.1
"""Seconds by which a busy machine may tell this test of the first event later than of the second."""

ADDRESS = "http://203.0.113.7/"

CLASS = {"nginx": {"ome.io/ingress-class": "nginx"}, "traefik": {"ome.io/ingress-class": "traefik"}}
ANNOTATIONS = {
    **{door: wanted.annotations for door, wanted in DOORS.items()},
    **{name: {**DOORS["k8s_ingress"].annotations, **annotation} for name, annotation in CLASS.items()},
}


class Switch(NamedTuple):
    """``leaves``: the kind of the object that goes."""

    old: str
    new: str
    leaves: str


SWITCHES = [
    Switch("istio", "nginx", "VirtualService"),
    Switch("nginx", "istio", "Ingress"),
    Switch("nginx", "gateway_api", "Ingress"),
    Switch("gateway_api", "nginx", "HTTPRoute"),
    Switch("nginx", "traefik", "Ingress"),
    Switch("gateway_api", "loadbalancer", "HTTPRoute"),
]


async def opened(world: World, door: str) -> str:
    name = f"s-{token_hex(3)}"
    await world.add(name, ANNOTATIONS[door])
    await world.view.until(lambda: world.reaches(outside(world, name, door)), what="the old door doesn't open")
    await world.stands(name)
    return name


def outside(world: World, name: str, door: str) -> str:
    return ADDRESS if door == "loadbalancer" else f"http://{name}.{world.namespace}.example.com/"


async def ask(world: World, name: str, old: str, new: str) -> None:
    await world.annotate(name, {**dict.fromkeys(ANNOTATIONS[old]), **ANNOTATIONS[new]})


@pytest.mark.parametrize("switch", SWITCHES, ids=[f"{s.old} to {s.new}" for s in SWITCHES])
async def test_the_old_door_stands_until_the_new_one_has_had_its_overlap(world: World, switch: Switch) -> None:
    world.answer()
    name = await opened(world, switch.old)
    old_way, new_way = outside(world, name, switch.old), outside(world, name, switch.new)
    mark = len(world.view.changes)
    await ask(world, name, switch.old, switch.new)
    await world.view.until(lambda: not world.view.get(switch.leaves, name), what="the old door stays")
    await world.stands(name)

    new_since = old_gone = 0.0
    leaving = (switch.leaves, world.namespace, name)
    for change, standing in world.view.replay(mark):
        mine = [obj for obj in standing if belongs(obj, name)]
        assert reaches(mine, old_way) or reaches(mine, new_way), f"neither stands after {change}"
        others = [o for o in mine if (o["kind"], o["metadata"]["namespace"], o["metadata"]["name"]) != leaving]
        if change and not new_since and reaches(others, new_way):
            new_since = change.at
        if change and change.key == leaving and change.object is None:
            old_gone = change.at
    assert new_since, "the new door never worked by itself"
    assert old_gone - new_since >= OVERLAP - LATE
    assert world.reaches(new_way) == f"{name}-engine"


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
