"""Every sample of OME, under OME's full schema: a door, or a refusal that has a name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from doorward.model.reference import JsonObject

from tests.controlplane.providers import ApiServer
from tests.e2e.place import Place, place
from tests.e2e.world import TITLES, World

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.fixture(scope="module", name="place")
def _place(closed_api_server: ApiServer) -> Iterator[Place]:
    with place(closed_api_server.kubeconfig) as made:
        yield made


def samples() -> list[JsonObject]:
    """The InferenceServices, whose names become their own where two samples share one."""
    found: dict[str, JsonObject] = {}
    for path in sorted(SAMPLES.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document and document["kind"] == "InferenceService":
                metadata = {k: v for k, v in document["metadata"].items() if k != "namespace"}
                if metadata["name"] in found:
                    metadata["name"] += "-again"
                found[metadata["name"]] = {**document, "metadata": metadata}
    return list(found.values())


async def test_every_sample_gets_a_door_or_a_refusal_with_a_name(world: World) -> None:
    found = samples()
    assert len(found) >= 50
    await asyncio.gather(*(world.create(sample) for sample in found))
    for sample in found:
        name = sample["metadata"]["name"]
        told = await world.view.until(lambda name=name: world.condition(name), what=f"{name} isn't spoken of")  # type: ignore[misc]
        assert told["reason"], told

    for sample in found:
        name = sample["metadata"]["name"]
        components = [component for component in TITLES if component in sample["spec"]]
        await world.deploy(name, *components)
        await world.ready(name, *components)
    for sample in found:
        name, metadata = sample["metadata"]["name"], sample["metadata"]
        await world.stands(name)
        if (metadata.get("annotations") or {}).get("ome.io/ingress-disable-creation") == "true":
            assert world.condition(name)["reason"] == "IngressDisabled"
            assert world.reaches(f"http://{name}.{world.namespace}.example.com/") == ""
            continue
        entry = "router" if "router" in sample["spec"] else "engine"
        assert world.reaches(f"http://{name}.{world.namespace}.example.com/v1/models") == f"{name}-{entry}"
        assert world.status(name)["url"] == f"http://{name}.{world.namespace}.example.com"
