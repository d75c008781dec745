"""What happens in the demo, act by act: somebody does something, and the doors follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter

from doorward.model.reference import INFERENCE_SERVICE, JsonObject
from doorward.runtime.shell import Shell

from doorward_daemon.demo.cluster import DemoCluster, manifests
from doorward_daemon.demo.view import Row, View, rows

__all__ = ["Story"]

HTTP_ROUTE = "HTTPRoute.gateway.networking.k8s.io"
INGRESS = "Ingress.networking.k8s.io"
LONGEST = 5.0
"""Seconds within which doors have to follow."""


class Story:
    """Plays the acts; ``pause`` is how long, in seconds, people are given to read."""

    def __init__(self, shell: Shell, cluster: DemoCluster, view: View, pause: float) -> None:
        self._shell = shell
        self._cluster = cluster
        self._view = view
        self._pause = pause
        self.followed = 0
        self.repairs: list[float] = []
        """Seconds from somebody's interference until it was put right."""

    async def play(self) -> None:
        for act in (
            self._opening,
            self._component_down,
            self._mode_switch,
            self._new_hosts,
            self._deletion,
            self._foreign_edit,
            self._closing,
            self._bad_settings,
        ):
            await act()
            await asyncio.sleep(self._pause)

    # -- acts ----------------------------------------------------------------------------------------------------

    async def _opening(self) -> None:
        services = manifests()
        self._view.say(f"{len(services)} InferenceServices are created; their components are still starting")
        for service in services:
            self._cluster.add(service)
        await self._until(lambda: len(rows(self._shell.engine)) == len(services))
        await asyncio.sleep(self._pause / 2)
        self._view.say("their components become ready")
        self._cluster.deploy()
        seconds = await self._until(lambda: all(row.ready for row in rows(self._shell.engine)))
        self._view.tell(f"every door opened within {_shown(seconds)}, each by the backend that suits it")
        self._view.show_table()

    async def _component_down(self) -> None:
        self._view.say("the router of assistant goes down")
        before = self._writes()
        conditions = [
            {**condition, "status": "False"} if condition["type"] == "RouterReady" else condition
            for condition in self._service("assistant")["status"]["conditions"]
        ]
        self._cluster.edit(INFERENCE_SERVICE, "assistant", {"status": {"conditions": conditions}}, "status")
        await asyncio.sleep(min(self._pause, 0.5))
        if self._row("assistant").objects and self._writes() - before <= 1:
            self._view.tell("its door stays: what stands is never torn down for readiness")

    async def _mode_switch(self) -> None:
        self._view.say("llama-chat is switched from Serverless to RawDeployment")
        annotations = {"ome.io/deployment-mode": "RawDeployment"}
        self._cluster.edit(INFERENCE_SERVICE, "llama-chat", {"metadata": {"annotations": annotations}})
        wanted = ("HTTPRoute/llama-chat", "Service/llama-chat")
        opened = await self._until(lambda: "HTTPRoute/llama-chat" in self._row("llama-chat").objects)
        await self._until(lambda: self._row("llama-chat").objects == wanted and self._row("llama-chat").ready)
        self._view.tell(f"the HTTPRoute stood after {_shown(opened)}; the VirtualService went once it was accepted")
        self.followed += 1

    async def _new_hosts(self) -> None:
        self._view.say("the domain template in the ConfigMap changes")
        self._cluster.configure(
            {
                "enableGatewayAPI": True,
                "omeIngressGateway": "gateways/public",
                "urlScheme": "https",
                "domainTemplate": "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}",
            }
        )
        moved = [row.name for row in rows(self._shell.engine) if ".models.example.com" in row.url]
        seconds = await self._until(lambda: not any(".models.example.com" in r.url for r in rows(self._shell.engine)))
        await self._until(lambda: all(self._hosts(name) == 1 for name in ("pipeline", "llama-405b")))
        self._view.tell(f"{len(moved)} doors have their new host after {_shown(seconds)}, old ones served meanwhile")
        self.followed += 1

    async def _deletion(self) -> None:
        self._view.say("somebody deletes the Ingress of llama-raw")
        self._cluster.remove(INGRESS, "llama-raw")
        seconds = await self._until(lambda: self._cluster.find(INGRESS, "llama-raw") is not None)
        self.repairs.append(seconds)
        self._view.tell(f"it was back after {_shown(seconds)}")

    async def _foreign_edit(self) -> None:
        self._view.say("somebody edits the hosts of pipeline's HTTPRoute")
        self._cluster.edit(HTTP_ROUTE, "pipeline", {"spec": {"hostnames": ["elsewhere.example.org"]}})
        seconds = await self._until(lambda: "elsewhere.example.org" not in self._hostnames("pipeline"))
        self.repairs.append(seconds)
        self._view.tell(f"put right after {_shown(seconds)}")

    async def _closing(self) -> None:
        self._view.say("llama-405b is labelled cluster-local")
        labels = {"networking.knative.dev/visibility": "cluster-local"}
        self._cluster.edit(INFERENCE_SERVICE, "llama-405b", {"metadata": {"labels": labels}})
        seconds = await self._until(lambda: self._cluster.find(HTTP_ROUTE, "llama-405b") is None)
        await self._until(lambda: self._row("llama-405b").url.endswith(".svc.cluster.local"))
        self._view.tell(f"its outside door was closed after {_shown(seconds)}")
        self.followed += 1

    async def _bad_settings(self) -> None:
        self._view.say("a typo gets into the ConfigMap")
        before = self._writes()
        self._cluster.configure('{"urlScheme": "htps"}')
        await self._until(lambda: bool(self._shell.engine.problems))
        await asyncio.sleep(min(self._pause, 0.3))
        if self._writes() - before <= 1:
            self._view.tell("no door moves: the last good settings stay in force, and an event names the field")

    # -- looking -------------------------------------------------------------------------------------------------

    async def _until(self, condition: Callable[[], bool]) -> float:
        """Wait until something is so; how long that took."""
        began = perf_counter()
        await self._shell.wait_for(condition, LONGEST)
        return perf_counter() - began

    def _row(self, name: str) -> Row:
        return next(row for row in rows(self._shell.engine) if row.name == name)

    def _service(self, name: str) -> JsonObject:
        service = self._cluster.find(INFERENCE_SERVICE, name)
        assert service is not None
        return service

    def _hostnames(self, name: str) -> list[str]:
        route = self._cluster.find(HTTP_ROUTE, name) or {"spec": {}}
        return list(route["spec"].get("hostnames", ()))

    def _hosts(self, name: str) -> int:
        return len(self._hostnames(name))

    def _writes(self) -> int:
        return sum(self._shell.summary().writes.values())


def _shown(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
