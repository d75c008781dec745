"""The cluster of the demo: an API server in memory, and the others that live in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import orjson
from doorward.backends import Backends
from doorward.cluster.embedded import BUILT_IN, EmbeddedCluster, Store
from doorward.cluster.protocol import ApiError
from doorward.engine import SETTINGS_NAME
from doorward.model.reference import CONFIG_MAP, INFERENCE_SERVICE, JsonObject, kind_of

from doorward_daemon.healthy import Healthy

__all__ = ["NAMESPACE", "DemoCluster", "manifests"]

NAMESPACE = "models"
OVERLAP = 0.8
"""Seconds for which old and new stand side by side: short, so that changes end while somebody watches."""
_MOMENT = 0.03
"""Seconds that a gateway or a cloud takes to answer."""

_SERVICES: Mapping[str, tuple[str, dict[str, str]]] = {
    "llama-chat": ("engine", {}),
    "llama-raw": ("engine", {"ome.io/deployment-mode": "RawDeployment", "doorward.io/backend": "k8s_ingress"}),
    "llama-405b": ("engine", {"ome.io/deployment-mode": "MultiNode"}),
    "assistant": ("engine router", {"ome.io/deployment-mode": "RawDeployment"}),
    "speech": ("engine decoder", {}),
    "pipeline": ("engine router decoder", {"ome.io/deployment-mode": "RawDeployment"}),
    "nginx-chat": ("engine", {"ome.io/ingress-class": "nginx"}),
    "internal": ("engine", {}),
    "edge": (
        "engine",
        {
            "ome.io/deployment-mode": "RawDeployment",
            "ome.io/disable-ingress": "true",
            "ome.io/service-type": "LoadBalancer",
        },
    ),
}
"""Name, components and annotations, for each way to open a door."""
_LABELS = {"internal": {"networking.knative.dev/visibility": "cluster-local"}}


def manifests() -> list[JsonObject]:
    """The InferenceServices of the demo."""
    return [
        {
            "apiVersion": "ome.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "annotations": annotations,
                "labels": _LABELS.get(name, {}),
            },
            "spec": {component: {} for component in components.split()},
        }
        for name, (components, annotations) in _SERVICES.items()
    ]


class DemoCluster(EmbeddedCluster):
    """An API server with short ways to change what is there, and controllers that answer a moment later."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        served = [resource for kind, resource in backends.resources.items() if kind not in BUILT_IN]
        super().__init__(Store(served, clock=time.time))
        self._healthy = Healthy(self.store, backends.resources)
        self.configure({"enableGatewayAPI": True, "omeIngressGateway": "gateways/public", "urlScheme": "https"})

    def configure(self, ingress: JsonObject | str) -> None:
        """Write the ConfigMap; as text, for what is no JSON."""
        text = ingress if isinstance(ingress, str) else orjson.dumps(ingress).decode()
        data = {"ingress": text, "doorward": f"overlapSeconds: {OVERLAP}"}
        metadata = {"name": SETTINGS_NAME, "namespace": "ome"}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        resource = self._backends.resources[CONFIG_MAP]
        try:
            self.store.create(resource, "ome", body)
        except ApiError:
            self.store.patch(resource, "ome", SETTINGS_NAME, {"data": data}, field_manager="kubectl-edit")

    def add(self, obj: JsonObject) -> None:
        self.store.create(self._backends.resources[kind_of(obj)], NAMESPACE, obj)

    def edit(self, kind: str, name: str, body: JsonObject, subresource: str = "") -> None:
        """What somebody does with kubectl."""
        resource = self._backends.resources[kind]
        self.store.patch(resource, NAMESPACE, name, body, field_manager="kubectl-edit", subresource=subresource)

    def remove(self, kind: str, name: str) -> None:
        self.store.delete(self._backends.resources[kind], NAMESPACE, name)

    def find(self, kind: str, name: str) -> JsonObject | None:
        try:
            return self.store.get(self._backends.resources[kind], NAMESPACE, name)
        except ApiError:
            return None

    def deploy(self) -> None:
        """OME's own controllers bring up every component."""
        self._healthy.deploy(
            self.store.list(self._backends.resources[INFERENCE_SERVICE]).items,
            self._backends.sources[INFERENCE_SERVICE],
        )

    async def answer(self) -> None:
        """Gateways accept routes and clouds give addresses, for ever; to be cancelled."""
        owned = [kind for kind, watch in self._backends.watches.items() if watch.owned != "nothing"]
        changed = asyncio.Event()
        stop = self.store.subscribe(changed.set)
        try:
            while True:
                await changed.wait()
                await asyncio.sleep(_MOMENT)
                changed.clear()
                self._healthy.answer(o for kind in owned for o in self.store.list(self._backends.resources[kind]).items)
        finally:
            stop()
