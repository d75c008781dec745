"""Closing waits for nothing, least of all for an overlap of ten minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.controlplane.providers import ApiServer
from tests.e2e.doors import INGRESS, VISIBILITY, opened, outside
from tests.e2e.place import Place, place
from tests.e2e.world import World, reaches

SOON = 3.0
"""Seconds within which a door must be closed on a busy machine."""


@pytest.fixture(scope="module", name="place")
def _place(api_server: ApiServer) -> Iterator[Place]:
    with place(api_server.kubeconfig, INGRESS, doorward="overlapSeconds: 600") as made:
        yield made


@pytest.mark.parametrize("door", ["istio", "nginx", "gateway_api", "loadbalancer"])
async def test_a_door_that_becomes_cluster_local_closes_at_once(world: World, door: str) -> None:
    world.answer()
    name = await opened(world, door)
    way = outside(world, name, door)
    await world.patch("InferenceService", name, {"metadata": {"labels": {VISIBILITY: "cluster-local"}}})
    await world.view.until(lambda: not world.reaches(way), SOON, "it is still open")
    await world.reports(name, "ClusterLocal")
    assert world.reaches(f"http://{name}.{world.namespace}.svc.cluster.local/", inside=True) == f"{name}-engine"


@pytest.mark.parametrize("mode", ["RawDeployment", "Nonsense"])
async def test_what_closes_and_changes_mode_or_is_refused_is_still_reached_inside(world: World, mode: str) -> None:
    name = await opened(world, "istio")
    way, inside = outside(world, name, "istio"), f"http://{name}.{world.namespace}.svc.cluster.local/v1/models"
    annotations = {"ome.io/deployment-mode": mode, "ome.io/ingress-disable-creation": "true"}
    mark = len(world.view.changes)
    await world.annotate(name, annotations)
    await world.view.until(lambda: not world.reaches(way), SOON, "it is still open")
    await world.reports(name, "IngressDisabled" if mode == "RawDeployment" else "InvalidDeploymentMode")
    for change, standing in world.view.replay(mark):
        assert reaches(standing, inside, inside=True) == f"{name}-engine", change
    assert world.view.get("VirtualService", name), "those inside may still come through it"
