"""Everybody else: users who edit without a pause, OME, gateways and clouds, and somebody who deletes what isn't theirs.

Of so many services some ask for the same host, and get it or don't; in the end each asks for hosts of its own, so that
there is one right outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from secrets import token_hex

import orjson

from tests.e2e.doors import CLASS, DOORS, INGRESS, RAW
from tests.e2e.world import answer_to, component_service, condition
from tests.killing.client import Client, Json
from tests.killing.onlooker import OWNER, Onlooker

KEPT = {
    "istio": DOORS["istio"].annotations,
    "gateway_api": DOORS["gateway_api"].annotations,
    "loadbalancer": DOORS["loadbalancer"].annotations,
    "closed": {**RAW, "ome.io/ingress-disable-creation": "true"},
    **{name: {**RAW, **annotation} for name, annotation in CLASS.items()},
}
"""What a service may ask for, by annotations."""
TEMPLATE = "ome.io/ingress-domain-template"
KEYS = {key for annotations in KEPT.values() for key in annotations} | {TEMPLATE}
NAMESPACES = 5
UNDER_WAY = 16
"""Edits that may wait for an answer before nobody begins another one."""
ROUTES = ("Ingress", "HTTPRoute", "VirtualService")
SETTINGS = {"ingress": orjson.dumps(INGRESS).decode(), "doorward": "overlapSeconds: 1"}


class Users:
    """``count`` services in a few namespaces, and those who edit them: ``rate`` edits a second."""

    def __init__(self, client: Client, onlooker: Onlooker, count: int, rate: float, random: Random) -> None:
        self.edits = 0
        prefix = f"kill-{token_hex(2)}"
        self.namespaces = [f"{prefix}-{number}" for number in range(NAMESPACES)]
        self._names = [(self.namespaces[number % NAMESPACES], f"m-{number}") for number in range(count)]
        self._contests = max(2, count // 20)
        self._client = client
        self._onlooker = onlooker
        self._rate = rate
        self._random = random
        self._answers: set[asyncio.Task[None]] = set()
        onlooker.on_change.append(self._answer)

    @property
    def settings_namespace(self) -> str:
        return self.namespaces[0]

    async def begin(self) -> None:
        """Namespaces, settings, and every service with its first wish."""
        for name in self.namespaces:
            await self._client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        metadata = {"name": "inferenceservice-config", "namespace": self.settings_namespace}
        await self._client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": SETTINGS})
        some = asyncio.Semaphore(16)

        async def deploy(namespace: str, name: str) -> None:
            async with some:
                service = component_service(name, "engine")
                service["metadata"]["namespace"] = namespace
                await self._client.create(service)
                await self._make(namespace, name)

        await asyncio.gather(*(deploy(*each) for each in self._names))

    async def edit_for_ever(self) -> None:
        """One edit after the other, for as long as nobody ends it."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                if len(under_way) < UNDER_WAY:
                    task = asyncio.create_task(self._edit())
                    under_way.add(task)
                await asyncio.sleep(self._random.expovariate(self._rate))
                for each in [each for each in under_way if each.done()]:
                    under_way.discard(each)
                    each.result()
        finally:
            await asyncio.gather(*under_way)

    async def part(self) -> None:
        """Leave each contested host to the first that asks for it; the others go back to their own."""
        taken: set[str] = set()
        for service in await self._client.list("InferenceService"):
            metadata = service["metadata"]
            template = (metadata.get("annotations") or {}).get(TEMPLATE, "")
            if "contested" in template and template in taken:
                body = {"metadata": {"annotations": {TEMPLATE: None}}}
                await self._client.patch("InferenceService", metadata["namespace"], metadata["name"], body)
            taken.add(template)

    async def end(self) -> None:
        """Wait for what gateways and clouds have yet to say."""
        await asyncio.gather(*self._answers)

    async def _edit(self) -> None:
        self.edits += 1
        namespace, name = self._random.choice(self._names)
        lot = self._random.random()
        if lot < 0.08:
            await self._client.delete("InferenceService", namespace, name)
            await self._make(namespace, name)
        elif lot < 0.12:
            await self._vandalize()
        else:
            body = {"metadata": {"annotations": self._wish(name)}}
            await self._client.patch("InferenceService", namespace, name, body)

    def _wish(self, name: str) -> dict[str, str | None]:
        """Annotations that ask for one thing, and for no other."""
        wish: dict[str, str | None] = {**dict.fromkeys(KEYS), **KEPT[self._random.choice(list(KEPT))]}
        lot = self._random.random()
        if lot < 0.35:
            wish[TEMPLATE] = f"contested-{self._random.randrange(self._contests)}.example.com"
        elif lot < 0.6:
            wish[TEMPLATE] = f"{{{{.Name}}}}-{{{{.Namespace}}}}-{self._random.randrange(3)}.example.com"
        return wish

    async def _make(self, namespace: str, name: str) -> None:
        wish = {key: value for key, value in self._wish(name).items() if value is not None}
        metadata = {"name": name, "namespace": namespace, "annotations": wish}
        service = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "metadata": metadata}
        await self._client.create({**service, "spec": {"engine": {"minReplicas": 1}}})
        body = {"status": {"conditions": [condition("EngineReady")]}}
        await self._client.patch("InferenceService", namespace, name, body, subresource="status")

    async def _vandalize(self) -> None:
        """Delete something that doorward made."""
        ours = [obj for obj in self._onlooker.of(*ROUTES) if OWNER in _annotations(obj)]
        if ours:
            metadata = (obj := self._random.choice(ours))["metadata"]
            await self._client.delete(obj["kind"], metadata["namespace"], metadata["name"])

    # -- gateways and clouds

    def _answer(self, obj: Json) -> None:
        if OWNER in _annotations(obj) and obj["kind"] in ("HTTPRoute", "Service") and (status := answer_to(obj)):
            metadata, body = obj["metadata"], {"status": status}
            work = self._client.patch(obj["kind"], metadata["namespace"], metadata["name"], body, subresource="status")
            task = asyncio.create_task(work)
            self._answers.add(task)
            task.add_done_callback(self._answers.discard)


def _annotations(obj: Json) -> Mapping[str, str]:
    annotations: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    return annotations
