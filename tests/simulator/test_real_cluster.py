"""A real API server agrees: the same days end in the same objects and the same status as in the embedded cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from doorward.cluster.embedded import Store
from doorward.model.reference import CONFIG_MAP, INFERENCE_SERVICE, JsonObject, Resource
from doorward.state.transform import OWNER
from doorward.testing.simulator import Run, Scenario, generate
from doorward.testing.simulator.scenario import (
    NAMESPACES,
    Accept,
    AnyStep,
    Collect,
    Configure,
    Crash,
    Edit,
    Make,
    Meddle,
    Pass,
    Ready,
    Remove,
    Settle,
)
from doorward.testing.simulator.world import DOORS, SETTINGS, World

from tests.controlplane.providers import ApiServer
from tests.simulator.chosen import CHOSEN
from tests.simulator.remote import Remote

TAME = (Accept, Collect, Configure, Edit, Make, Meddle, Pass, Ready, Remove, Settle)
SEEDS = range(10)


def tame(steps: tuple[AnyStep, ...]) -> tuple[AnyStep, ...]:
    """Users, meddlers, and a process that is killed; no other faults, and requests one after the other."""
    kept: list[AnyStep] = []
    for step in steps:
        if isinstance(step, Crash):
            kept.append(Crash("all"))
        elif isinstance(step, TAME):
            kept.append(step)
    middle = len(kept) // 2
    return (*kept[:middle], Crash("all"), *kept[middle : middle + 12], Settle())


SCENARIOS = {name: tame(steps) for name, steps in CHOSEN.items()}
SCENARIOS |= {f"seed {seed}": tame(generate(seed).steps[:60]) for seed in SEEDS}


@pytest.fixture(scope="module")
def remote(own_api_server: ApiServer) -> Remote:
    return Remote(own_api_server.kubeconfig)


@pytest.fixture
def world(remote: Remote) -> Iterator[World]:
    world = World(cast(Store, remote))
    namespaces = Resource("Namespace", "namespaces", namespaced=False)
    for name in (*NAMESPACES, SETTINGS[0]):
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        if name not in {item["metadata"]["name"] for item in remote.list(namespaces).items}:
            remote.create(namespaces, "", manifest)
    yield world
    for service in world.all(INFERENCE_SERVICE):
        world.delete(INFERENCE_SERVICE, service["metadata"]["namespace"], service["metadata"]["name"])
    world.delete(CONFIG_MAP, *SETTINGS)
    remote.collect()


def standing(world: World) -> dict[str, Any]:
    """What stands of ours, and every status, without what differs between any two clusters."""
    found: dict[str, Any] = {}
    for obj in world.ours():
        found[_name(obj)] = _comparable(obj)
    for service in world.all(INFERENCE_SERVICE):
        status = service.get("status", {})
        conditions = [{k: v for k, v in c.items() if k != "lastTransitionTime"} for c in status.get("conditions", ())]
        told = sorted(conditions, key=lambda condition: condition["type"])
        found[_name(service)] = {"url": status.get("url"), "address": status.get("address"), "conditions": told}
    return found


def _comparable(obj: JsonObject) -> JsonObject:
    metadata, spec = obj["metadata"], obj["spec"]
    if obj["kind"] == "Service":
        spec = {key: spec.get(key) for key in ("type", "selector", "externalName")}
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if k != OWNER}
    return {"labels": metadata.get("labels"), "annotations": annotations, "spec": spec}


def _name(obj: JsonObject) -> str:
    return f"{obj['kind']} {obj['metadata']['namespace']}/{obj['metadata']['name']}"


@pytest.mark.cluster
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_day_ends_alike_on_a_real_api_server(name: str, world: World) -> None:
    assert len(DOORS) == 4
    scenario = Scenario(SCENARIOS[name])
    embedded, real = Run(scenario), Run(scenario, world)
    embedded.play()
    real.play()
    assert standing(embedded.world) == standing(real.world)
