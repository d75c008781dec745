"""How the engine names things: kinds, objects, and the resources that an API server serves them under."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

__all__ = [
    "CONFIG_MAP",
    "CORE_RESOURCES",
    "ENDPOINT_SLICE",
    "EVENT",
    "INFERENCE_SERVICE",
    "KNATIVE_SERVICE",
    "SECRET",
    "SECRETS",
    "SERVICE",
    "JsonObject",
    "Ref",
    "Resource",
    "kind_of",
    "ref_of",
]

JsonObject = dict[str, Any]
"""A Kubernetes object, or a part of one, as plain JSON."""

INFERENCE_SERVICE = "InferenceService.ome.io"
"""The kind of the first source, OME's; the engine treats it as any other source's."""
SERVICE = "Service"
"""The core's Service."""
CONFIG_MAP = "ConfigMap"
"""Where the settings are."""
ENDPOINT_SLICE = "EndpointSlice.discovery.k8s.io"
"""The endpoints of a component's Service."""
KNATIVE_SERVICE = "Service.serving.knative.dev"
"""Knative's Service, which is another kind than the core's."""
EVENT = "Event"
"""What users are told in passing."""
SECRET = "Secret"
"""What holds keys and passwords."""


class Ref(NamedTuple):
    """One object: its kind, its ``namespace`` (empty for cluster-scoped kinds) and its ``name``.

    ``kind`` is ``Kind`` for the core group and ``Kind.group`` for all others (``VirtualService.networking.istio.io``),
    so that Knative's Service and the core's never meet.  With ``#selected`` behind it, it is the same object as one of
    those that a source selects.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind.partition('#')[0].partition('.')[0]} {where}"


class Resource(msgspec.Struct, frozen=True):
    """A kind as API servers serve it.

    ``kind`` is that of :class:`Ref`, ``plural`` what stands in URLs, and ``versions`` are those that we know, newest
    first.  ``namespaced`` is False for a kind whose objects belong to no namespace.
    """

    kind: str
    plural: str
    versions: tuple[str, ...] = ("v1",)
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core's."""
        return self.kind.partition(".")[2]

    @property
    def name(self) -> str:
        """The bare kind, as in a manifest's ``kind`` field."""
        return self.kind.partition(".")[0]

    def api_version(self, version: str | None = None) -> str:
        """The ``apiVersion`` of manifests; the newest version that we know unless another is named."""
        version = version or self.versions[0]
        return f"{self.group}/{version}" if self.group else version

    def root(self, version: str | None = None) -> str:
        """The URL path below which a version of this group is served, and where discovery tells what there is."""
        return ("/apis/" if self.group else "/api/") + self.api_version(version)

    def path(self, namespace: str = "", name: str = "", *, version: str | None = None, subresource: str = "") -> str:
        """The URL path of a collection, an object or a subresource (Kubernetes API concepts, "Resource URIs")."""
        parts = [self.root(version)]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


CORE_RESOURCES = (
    Resource(SERVICE, "services"),
    Resource(CONFIG_MAP, "configmaps"),
    Resource(ENDPOINT_SLICE, "endpointslices"),
    Resource(KNATIVE_SERVICE, "services"),
    Resource(EVENT, "events"),
)
"""What the engine itself reads and writes; sources and backends add theirs by the hooks ``source``, ``watches``."""

SECRETS = Resource(SECRET, "secrets")
"""Read by name, and only where a door's guard goes by it."""


def kind_of(manifest: JsonObject) -> str:
    """The kind, as in :class:`Ref`, of a manifest; KeyError for one without ``kind``."""
    group, slash, _ = str(manifest.get("apiVersion", "")).partition("/")
    return f"{manifest['kind']}.{group}" if slash else str(manifest["kind"])


def ref_of(manifest: JsonObject) -> Ref:
    """The reference of a manifest; KeyError for one that lacks its kind or its name."""
    metadata = manifest["metadata"]
    return Ref(kind_of(manifest), metadata.get("namespace") or "", metadata["name"])
