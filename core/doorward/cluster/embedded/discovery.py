"""Which kinds are served, and how each behaves: the core's own, and those that CustomResourceDefinitions bring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

import msgspec
import orjson

from doorward.cluster.embedded.schema import Schema
from doorward.model.reference import JsonObject, Resource

CRD = "CustomResourceDefinition.apiextensions.k8s.io"
NAMESPACE = "Namespace"


class Kind(msgspec.Struct, frozen=True):
    """A kind as this server serves it."""

    resource: Resource
    """With the versions that are served."""
    storage: str = "v1"
    """The version that objects are kept in."""
    status: frozenset[str] = frozenset()
    """The versions with a status subresource."""
    generation: Literal["spec", "whole", "none"] = "none"
    """What ``metadata.generation`` counts changes of; ``whole``: everything but metadata and status."""
    upsert: bool = False
    """Whether a PUT creates what isn't there, uid and all else permitting."""
    custom: bool = False
    """Whether a CustomResourceDefinition brought it, which makes it behave differently in places."""
    schemas: Mapping[str, Schema] = {}
    """By version."""

    @property
    def name(self) -> str:
        return self.resource.kind


def _builtin(
    kind: str,
    plural: str,
    *,
    generation: Literal["spec", "whole", "none"] = "none",
    status: bool = False,
    upsert: bool = False,
    namespaced: bool = True,
) -> Kind:
    statuses = frozenset({"v1"}) if status else frozenset()
    return Kind(Resource(kind, plural, namespaced=namespaced), status=statuses, generation=generation, upsert=upsert)


BUILT_IN: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        _builtin(NAMESPACE, "namespaces", status=True, namespaced=False),
        _builtin("Service", "services", status=True, upsert=True),
        _builtin("ConfigMap", "configmaps"),
        _builtin("Secret", "secrets"),
        _builtin("Event", "events", upsert=True),
        _builtin("Endpoints", "endpoints", upsert=True),
        _builtin("ServiceAccount", "serviceaccounts"),
        _builtin("Pod", "pods", status=True, generation="spec"),
        _builtin("Node", "nodes", status=True, namespaced=False),
        _builtin("Deployment.apps", "deployments", status=True, generation="spec"),
        _builtin("EndpointSlice.discovery.k8s.io", "endpointslices", generation="whole"),
        _builtin("Ingress.networking.k8s.io", "ingresses", status=True, generation="spec"),
        _builtin("IngressClass.networking.k8s.io", "ingressclasses", generation="spec", namespaced=False),
        _builtin("Lease.coordination.k8s.io", "leases", upsert=True),
        _builtin(CRD, "customresourcedefinitions", status=True, generation="spec", namespaced=False),
    )
}
"""The kinds that every store serves."""


def kind_of_definition(manifest: JsonObject) -> Kind:
    """The kind that a CustomResourceDefinition brings.

    Compiling a large schema takes milliseconds; the answer is remembered by content.  Raises KeyError where the
    manifest lacks a required field.
    """
    return _compiled(orjson.dumps(manifest["spec"], option=orjson.OPT_SORT_KEYS))


@lru_cache(maxsize=64)
def _compiled(raw: bytes) -> Kind:
    spec: JsonObject = orjson.loads(raw)
    served = {version["name"]: version for version in spec["versions"] if version.get("served")}
    schemas = {
        name: Schema(version["schema"]["openAPIV3Schema"])
        for name, version in served.items()
        if version.get("schema", {}).get("openAPIV3Schema")
    }
    return Kind(
        Resource(
            f"{spec['names']['kind']}.{spec['group']}",
            spec["names"]["plural"],
            tuple(served),
            spec["scope"] == "Namespaced",
        ),
        storage=next(version["name"] for version in spec["versions"] if version.get("storage")),
        status=frozenset(name for name, version in served.items() if "status" in (version.get("subresources") or {})),
        generation="whole",
        custom=True,
        schemas=schemas,
    )


def kinds(sources: Iterable[Kind | Resource | JsonObject]) -> dict[str, Kind]:
    """Kinds by name, from ready ones, CustomResourceDefinitions, or bare resources (any content, with a status)."""
    found = {}
    for source in sources:
        if isinstance(source, Resource):
            kind = Kind(source, source.versions[0], frozenset(source.versions), "whole", custom=True)
        else:
            kind = source if isinstance(source, Kind) else kind_of_definition(source)
        found[kind.name] = kind
    return found
