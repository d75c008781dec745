"""A thousand objects that backends render for random doors: a real API server with all CRDs refuses none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from doorward.cluster.protocol import ApiError
from doorward.model.door import Door
from doorward.model.reference import JsonObject
from hypothesis import HealthCheck, Phase, given, settings

from tests.backends.doors import doors
from tests.backends.gateways import gateway, gateway_class, http, https, istio_gateway
from tests.backends.opened import facts, open_door
from tests.controlplane.providers import ApiServer
from tests.e2e.place import Place, place
from tests.e2e.world import World, resources

ENOUGH = 1_000
DOORS = 500
"""So many have that many objects."""
CONCURRENCY = 8

FEATURES = (
    "HTTPRouteRequestTimeout",
    "HTTPRoutePathRewrite",
    "HTTPRouteSchemeRedirect",
    "HTTPRoutePortRedirect",
    "HTTPRoute308RedirectStatusCode",
)
CLUSTER = facts(
    gateway(http(), https(), https(name="other", port=8443, hostname="*.example.com")),
    gateway_class(features=FEATURES),
    istio_gateway(
        {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]},
        {
            "port": {"number": 8443, "name": "https", "protocol": "HTTPS"},
            "hosts": ["*"],
            "tls": {"mode": "SIMPLE", "credentialName": "star"},
        },
    ),
)
"""Gateways with TLS and without, of a class that can do everything."""


@pytest.fixture(scope="module", name="place")
def _place(api_server: ApiServer) -> Iterator[Place]:
    with place(api_server.kubeconfig, serve=False) as made:
        yield made


def rendered(namespace: str) -> list[JsonObject]:
    """The objects of random doors, the same ones each time."""
    found: list[JsonObject] = []

    @settings(
        max_examples=DOORS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(doors())
    def collect(door: Door) -> None:
        placed = msgspec.structs.replace(door, namespace=namespace)
        found.extend(open_door(placed, CLUSTER if door.scheme == "https" else None))

    collect()
    return found


async def test_a_real_api_server_takes_a_thousand_random_objects(world: World) -> None:
    objects = rendered(world.namespace)
    kinds = {obj["kind"] for obj in objects}
    assert len(objects) >= ENOUGH
    assert kinds == {"VirtualService", "Ingress", "HTTPRoute", "Service"}
    refused: list[str] = []
    queue = iter(objects)

    async def work() -> None:
        for obj in queue:
            try:
                await world.cluster.create(resources()[obj["kind"]], world.namespace, obj, dry_run=True)
            except ApiError as error:
                refused.append(f"{obj['kind']} {obj['metadata']['name']}: {error.message}\n{obj['spec']}")

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    assert not refused, "\n".join(refused[:10])
