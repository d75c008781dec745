"""Guards of Istio's gateways, through a real one: outside, and in Serverless by names inside the cluster too.

istiod has the gateway ask by an AuthorizationPolicy (docs/auth.md, Istio); the authorization service is the one that
``doorward authz`` runs, told by the same API server.
"""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from doorward.cluster.kube import KubeCluster
from doorward.model.authorization_policy import AUTHORIZATION_POLICY
from doorward.model.reference import JsonObject
from doorward_daemon.authz.service import alone

from tests.dataplane.conftest import Places, Planes
from tests.dataplane.istio import INGRESS, LOCAL_PORT
from tests.dataplane.models import Models, models_in
from tests.dataplane.network import AUTHZ
from tests.dataplane.plane import DataPlane, put
from tests.dataplane.relay import to
from tests.dataplane.ways import WAYS
from tests.e2e.place import Place, apart, place
from tests.patience import PATIENCE

ISTIO = "istio-system"
SEEN = ("--namespace", ISTIO, "--namespace", "knative-serving")
GUARDED = """
overlapSeconds: 1
authService: ome/doorward-authz:9191
authPolicy: istio-system/doorward
"""
TRIED = ("ingress", "serverless-ingress", "virtualservice", "raw-virtualservice")
SERVERLESS = ("serverless-ingress", "virtualservice")
ASKING = {"doorward.io/auth": "api-key", "doorward.io/auth-secret": "alices"}
POLICY: JsonObject = {
    "apiVersion": "security.istio.io/v1",
    "kind": "AuthorizationPolicy",
    "metadata": {"name": "doorward", "namespace": ISTIO},
    "spec": {
        "selector": {"matchLabels": {"istio": "ingressgateway"}},
        "action": "CUSTOM",
        "provider": {"name": "doorward"},
        "rules": [{}],
    },
}
ALICE = {"X-API-Key": "alices-key"}
BOB = {"X-API-Key": "bobs-key"}
COMPONENTS = ("engine", "decoder")
PATHS = {"engine": "/v1/models", "decoder": "/v1/decoder/x"}


@pytest.fixture(scope="module", name="places")
def _places(planes: Planes) -> Iterator[Places]:
    """For each way a door that Alice may use, one that Bob may, and one that is open to everybody."""
    plane = planes("istio")
    with place(plane.kubeconfig, INGRESS, *SEEN, secrets=("alices", "bobs"), doorward=GUARDED) as made:
        try:
            apart(_populate(plane, made))
            yield lambda _: made
        finally:
            apart(_remove(plane))


async def _populate(plane: DataPlane, made: Place) -> None:
    async with models_in(plane, made) as models, answering(models):
        await models.cluster.create(AUTHORIZATION_POLICY, ISTIO, POLICY)
        for name, client in (("alices", "alice"), ("bobs", "bob")):
            data = {client: b64encode(f"{name}-key".encode()).decode()}
            metadata = {"name": name, "namespace": models.namespace}
            await put(models.cluster, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
        for way in TRIED:
            for whose, asked in (("alices", ASKING), ("bobs", {**ASKING, "doorward.io/auth-secret": "bobs"}), ("", {})):
                annotations = {**WAYS[way].annotations, **asked}
                how = {"components": COMPONENTS, "knative": WAYS[way].serverless}
                await models.add(f"{way}-{whose or 'open'}", annotations, **how)
        for way in TRIED:
            await models.stands(f"{way}-alices", f"{way}-bobs", f"{way}-open")


async def _remove(plane: DataPlane) -> None:
    cluster = KubeCluster.from_kubeconfig(plane.kubeconfig)
    try:
        await cluster.delete(AUTHORIZATION_POLICY, ISTIO, "doorward")
    finally:
        await cluster.close()


@asynccontextmanager
async def answering(models: Models) -> AsyncIterator[None]:
    """The authorization service answers where the gateway asks for it, and knows the doors."""
    scopes = {"settings_namespace": models.namespaces[0], "namespaces": tuple(models.namespaces)}
    async with alone(models.cluster, "127.0.0.1:0", **scopes) as (url, doors):
        async with asyncio.timeout(PATIENCE):
            while not doors.ready:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        listening = models.plane.network.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((AUTHZ, 9191))
        async with await asyncio.start_server(to(int(url.rpartition(":")[2])), sock=listening):
            yield


@pytest.fixture(name="asked")
async def _asked(models: Models) -> AsyncIterator[Models]:
    async with answering(models):
        for way in TRIED:
            await until(models, 200, host_of(models, f"{way}-alices"), WAYS[way].port, ALICE)
            await until(models, 401, host_of(models, f"{way}-alices"), WAYS[way].port, {})
        yield models


async def until(models: Models, status: int, host: str, port: int, headers: dict[str, str]) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await models.client.ask(host, "/", port=port, headers=headers)).status != status:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def host_of(models: Models, name: str) -> str:
    return f"{name}.{models.namespace}.example.com"


every_way = pytest.mark.parametrize("way", TRIED)
serverless = pytest.mark.parametrize("way", SERVERLESS)


@every_way
async def test_who_has_a_key_comes_in_and_is_named(asked: Models, way: str) -> None:
    for component, path in PATHS.items():
        for host in (host_of(asked, f"{way}-alices"), host_of(asked, f"{way}-alices") + ":8080"):
            forged = {**ALICE, "doorward-client": "root"}
            answer = await asked.client.ask(host, path, port=WAYS[way].port, headers=forged)
            assert asked.reached(answer) == f"{way}-alices-{component}"
            assert answer.body["headers"]["doorward-client"] == "alice"


@every_way
async def test_nobody_else_comes_in(asked: Models, way: str) -> None:
    host, port = host_of(asked, f"{way}-alices"), WAYS[way].port
    for path in (*PATHS.values(), "/health"):
        for key in ({}, BOB, {"Authorization": "Bearer x"}):
            assert (await asked.client.ask(host, path, port=port, headers=key)).status == 401
    assert (await asked.client.ask(host_of(asked, f"{way}-bobs"), "/", port=port, headers=BOB)).status == 200


@every_way
async def test_an_open_door_stays_open(asked: Models, way: str) -> None:
    name = f"{way}-open"
    answer = await asked.client.ask(host_of(asked, name), "/v1/models", port=WAYS[way].port)
    assert asked.reached(answer) == f"{name}-engine"
    (inside,) = await asked.inside(f"{name}.{asked.namespace}.svc.cluster.local", "/v1/models")
    assert asked.reached(inside) == f"{name}-engine"


@serverless
@pytest.mark.parametrize("form", ["", ".svc", ".svc.cluster.local", ".svc.cluster.local:80"])
async def test_names_inside_the_cluster_are_guarded_too(asked: Models, way: str, form: str) -> None:
    name = f"{way}-alices"
    for component, path in PATHS.items():
        (answer,) = await asked.inside(f"{name}.{asked.namespace}{form}", path, headers=ALICE)
        assert asked.reached(answer) == f"{name}-{component}"
        assert answer.body["headers"]["doorward-client"] == "alice"
        for key in ({}, BOB):
            (answer,) = await asked.inside(f"{name}.{asked.namespace}{form}", path, headers=key)
            assert answer.status == 401


@serverless
async def test_no_way_leads_round_by_the_local_gateway(asked: Models, way: str) -> None:
    """By a component's own name, and by a host of the outside."""
    name = f"{way}-alices"
    for component in COMPONENTS:
        for form in ("", ".svc", ".svc.cluster.local"):
            host = f"{name}-{component}.{asked.namespace}{form}"
            for key, status in ((ALICE, 200), ({}, 401), (BOB, 401)):
                assert (await asked.client.ask(host, "/x", port=LOCAL_PORT, headers=key)).status == status, host
    for key, status in ((ALICE, 200), ({}, 401), (BOB, 401)):
        host = host_of(asked, name)
        assert (await asked.client.ask(host, "/x", port=LOCAL_PORT, headers=key)).status == status


async def test_while_nobody_answers_nobody_comes_in(models: Models) -> None:
    for way in TRIED:
        for name in (f"{way}-alices", f"{way}-open"):
            await until(models, 403, host_of(models, name), WAYS[way].port, ALICE)


@pytest.mark.parametrize("way", TRIED)
async def test_a_policy_that_leaves_a_gateway_out_closes_the_door(asked: Models, way: str) -> None:
    """The last of this file, since it takes the guard away."""
    name = f"{way}-alices"
    elsewhere = {"spec": {"selector": {"matchLabels": {"istio": "other"}}}}
    await asked.cluster.patch(AUTHORIZATION_POLICY, ISTIO, "doorward", elsewhere)
    try:
        await asked.reports(name, "AuthUnsupported")
        await until(asked, 404, host_of(asked, name), WAYS[way].port, {})
    finally:
        await asked.cluster.patch(AUTHORIZATION_POLICY, ISTIO, "doorward", {"spec": POLICY["spec"]})
    await asked.stands(name)
