"""The whole of it before a cluster in memory: a Secret's edit, a moved host, a door that is opened and closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from doorward.cluster.embedded import EmbeddedCluster
from doorward.cluster.protocol import Page, WatchEvent
from doorward.model.reference import SECRET, SECRETS, Resource
from doorward_daemon.authz.service import alone, beside
from prometheus_client import CollectorRegistry

from tests.authz.asking import secret
from tests.patience import PATIENCE
from tests.shell.running import Running

CONFIG = "authService: ome/doorward-authz:9191"
CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "nginx"},
    "spec": {"controller": "k8s.io/ingress-nginx"},
}
WITHIN = 1.0
"""Seconds in which an edit of a Secret is in force."""


ASKED: set[tuple[str, str]] = set()
"""Namespace and selector of every list and watch of Secrets."""


class Noting(EmbeddedCluster):
    """A cluster that notes what is asked of Secrets."""

    async def list(self, resource: Resource, namespace: str = "", **more: Any) -> Page:
        if resource.kind == SECRET:
            ASKED.add((namespace, more["field_selector"]))
        return await super().list(resource, namespace, **more)

    def watch(self, resource: Resource, namespace: str = "", **more: Any) -> AsyncIterator[WatchEvent]:
        if resource.kind == SECRET:
            ASKED.add((namespace, more["field_selector"]))
        return super().watch(resource, namespace, **more)


class Place(Running):
    """A cluster with an authorization service before it."""

    url: str
    session: aiohttp.ClientSession

    async def status(self, key: str, target: str = "/door/nginx/a/m", **headers: str) -> int:
        async with self.session.get(self.url + target, headers={"X-API-Key": key, **headers}) as answer:
            return answer.status

    async def until(self, status: int, key: str, target: str = "/door/nginx/a/m", **headers: str) -> float:
        """Seconds until a key is answered so."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(PATIENCE):
            while await self.status(key, target, **headers) != status:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return loop.time() - began

    def keys(self, name: str = "keys", **clients: str) -> None:
        body = {**secret(**clients), "apiVersion": "v1", "kind": "Secret"}
        body["metadata"] = {"name": name, "namespace": "a"}
        self.store.create(SECRETS, "a", body)

    def edit(self, **clients: str) -> None:
        self.store.patch(SECRETS, "a", "keys", {"data": {"alice": None, **secret(**clients)["data"]}})

    def guard(self, name: str = "m", **more: str) -> None:
        asked = {"doorward.io/auth": "api-key", "doorward.io/auth-secret": "keys", **more}
        self.patch("InferenceService.ome.io", name, {"metadata": {"annotations": asked}})


@asynccontextmanager
async def in_the_daemon() -> AsyncIterator[Place]:
    place = _place()
    shell = place.shell()
    async with beside(shell, "127.0.0.1:0", CollectorRegistry()) as place.url, shell:
        yield place


@asynccontextmanager
async def by_itself() -> AsyncIterator[Place]:
    """Beside a daemon that opens the doors, and knows nothing of it."""
    place = _place()
    async with place.shell(), alone(Noting(place.store), "127.0.0.1:0") as (place.url, _):
        yield place


def _place() -> Place:
    place = Place(Noting())
    ASKED.clear()
    place.settings({"ingressClassName": "nginx"}, doorward=CONFIG)
    place.store.create(place.resource("IngressClass.networking.k8s.io"), "", CLASS)
    return place


@pytest.fixture(params=[in_the_daemon, by_itself], ids=["in the daemon", "by itself"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with request.param() as place, aiohttp.ClientSession() as place.session:
        place.add("m")
        place.keys(alice="alices-key")
        place.guard()
        await place.until(200, "alices-key")
        yield place


async def test_only_a_client_of_the_door_comes_in(place: Place) -> None:
    place.keys("others", bob="bobs-key")
    place.add("n")
    place.guard("n", **{"doorward.io/auth-secret": "others"})
    await place.until(200, "bobs-key", "/door/nginx/a/n")
    assert [await place.status(key) for key in ("bobs-key", "", "x")] == [401, 401, 401]
    assert await place.status("alices-key", "/door/nginx/a/n") == 401


async def test_an_edit_of_the_secret_is_in_force_within_a_second(place: Place) -> None:
    place.edit(alice="a-new-key")
    assert await place.until(401, "alices-key") < WITHIN
    assert await place.status("a-new-key") == 200
    place.store.delete(SECRETS, "a", "keys")
    assert await place.until(401, "a-new-key") < WITHIN
    place.keys(alice="alices-key")
    assert await place.until(200, "alices-key") < WITHIN


async def test_another_secret_is_in_force_without_a_write(place: Place) -> None:
    place.keys("others", bob="bobs-key")
    before = len(place.writes)
    place.guard(**{"doorward.io/auth-secret": "others"})
    await place.until(200, "bobs-key")
    assert await place.status("alices-key") == 401
    assert [w.verb for w in place.writes[before:]] == []


async def test_a_host_leads_to_the_guard_of_whoever_has_it(place: Place) -> None:
    host = {"Host": "m.a.example.com"}
    await place.until(200, "alices-key", "/host/envoy/v1/chat", **host)
    assert await place.status("x", "/host/envoy/", **host) == 401
    assert await place.status("alices-key", "/host/envoy/", Host="n.a.example.com") == 401


FORMS = ("", ".svc", ".svc.cluster.local", ".svc.cluster.local:80")


@pytest.mark.parametrize("name", ["m", "m-engine"])
async def test_names_inside_the_cluster_lead_to_the_guard_of_the_door(place: Place, name: str) -> None:
    """Its own, and its component's."""
    for form in FORMS:
        host = {"Host": f"{name}.a{form}"}
        await place.until(200, "alices-key", "/host/envoy/v1/chat", **host)
        assert [await place.status(key, "/host/envoy/v1/chat", **host) for key in ("", "x")] == [401, 401]


async def test_other_names_inside_the_cluster_lead_to_nobody(place: Place) -> None:
    for host in ("m-router.a.svc", "m.b.svc", "m.a.svc.example.com", "m.a.pod", "x.m.a.svc", "a.svc"):
        assert await place.status("alices-key", "/host/envoy/", Host=host) == 401


async def test_a_door_of_another_name_is_known_by_that_one(place: Place) -> None:
    config = place.resource("ConfigMap")
    renamed = {"data": {"doorward": f'{CONFIG}\ndoorService: "{{{{.Name}}}}-door"'}}
    place.store.patch(config, "ome", "inferenceservice-config", renamed)
    await place.until(200, "alices-key", "/host/envoy/", Host="m-door.a.svc.cluster.local")
    await place.until(401, "alices-key", "/host/envoy/", Host="m.a.svc.cluster.local")


async def test_a_service_that_is_gone_has_no_door(place: Place) -> None:
    place.delete("InferenceService.ome.io", "m")
    await place.until(401, "alices-key")
    await place.until(401, "alices-key", "/host/envoy/", Host="m.a.example.com")


async def test_asking_for_none_lets_everybody_in_and_for_nonsense_nobody(place: Place) -> None:
    place.guard(**{"doorward.io/auth": "none"})
    await place.until(200, "x")
    place.guard(**{"doorward.io/auth": "oidc"})
    await place.until(401, "alices-key")


async def test_settings_are_followed_and_wrong_ones_change_nothing(place: Place) -> None:
    exempt = f"{CONFIG}\nauthExempt: [/health]"
    config = place.resource("ConfigMap")
    original = {"X-Original-URL": "http://m.a.example.com/health"}
    place.store.patch(config, "ome", "inferenceservice-config", {"data": {"doorward": exempt}})
    await place.until(200, "", **original)
    place.store.patch(config, "ome", "inferenceservice-config", {"data": {"doorward": "auth: bogus"}})
    place.edit(alice="a-new-key")
    await place.until(200, "a-new-key")
    assert await place.status("", **original) == 200


async def test_no_other_secret_is_ever_asked_for(place: Place) -> None:
    place.keys("others", bob="bobs-key")
    place.guard(**{"doorward.io/auth-secret": "others"})
    await place.until(200, "bobs-key")
    assert sorted(ASKED) == [("a", "metadata.name=keys"), ("a", "metadata.name=others")]
