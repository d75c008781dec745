"""What odd doors are rendered as, before a real API server: it takes all that the embedded cluster took."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from doorward.cluster.kube import KubeCluster
from doorward.model.answer import ApiError
from doorward.model.reference import JsonObject, kind_of

from tests.controlplane.providers import ApiServer
from tests.engine.stage import backends
from tests.fuzz import doors
from tests.fuzz.choices import OfBytes

pytestmark = pytest.mark.cluster
SAMPLE = 120
"""Inputs; each different object of what they come to is shown to the server once."""
OF_A_SERVICE = ("type", "selector", "ports", "externalName", "loadBalancerIP")


def sample() -> Iterator[JsonObject]:
    """The objects of so many odd doors, without what only a server knows."""
    source, seen = random.Random(18), set[str]()
    for _ in range(SAMPLE):
        data = source.randbytes(source.randrange(30, 400))
        for obj in doors.written(doors.make(OfBytes(data))):
            told = obj["metadata"]
            shown = {key: obj[key] for key in ("apiVersion", "kind", "spec")}
            shown["metadata"] = {key: told[key] for key in ("name", "labels", "annotations") if key in told}
            if obj["kind"] == "Service":
                shown["spec"] = {key: obj["spec"][key] for key in OF_A_SERVICE if key in obj["spec"]}
                for port in shown["spec"].get("ports", ()):
                    port.pop("nodePort", None)
            if str(shown) not in seen:
                seen.add(str(shown))
                yield shown


async def test_a_real_server_refuses_nothing_that_the_embedded_one_took(api_server: ApiServer) -> None:
    cluster = KubeCluster.from_kubeconfig(api_server.kubeconfig)
    kinds: dict[str, int] = {}
    refused: list[str] = []
    try:
        for obj in sample():
            resource = backends().resources[kind_of(obj)]
            kinds[obj["kind"]] = kinds.get(obj["kind"], 0) + 1
            try:
                await cluster.create(resource, "default", obj, dry_run=True)
            except ApiError as error:
                if error.status != 409:
                    refused.append(f"{obj}: {error}")
    finally:
        await cluster.close()
    assert not refused
    assert {"Service", "Ingress", "VirtualService", "HTTPRoute"} <= kinds.keys(), kinds
