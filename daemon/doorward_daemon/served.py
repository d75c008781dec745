"""Versions in which clusters serve a kind beside those that doorward asks for, all of one shape.

A manifest of any of them is the same object, since their CustomResourceDefinitions convert by name alone (strategy
``None``): istio/istio ``manifests/charts/base/files/crd-all.gen.yaml``, kubernetes-sigs/gateway-api
``config/crd/standard``.
"""

from __future__ import annotations

from collections.abc import Mapping

from doorward.model.reference import Resource

__all__ = ["as_served"]

_BY_GROUP: Mapping[str, tuple[str, ...]] = {
    "networking.istio.io": ("v1", "v1beta1", "v1alpha3"),
    "gateway.networking.k8s.io": ("v1", "v1beta1"),
}


def as_served(resource: Resource) -> Resource:
    """The kind with every version in which a cluster takes it; the first is the one that objects are kept in."""
    more = _BY_GROUP.get(resource.group, ())
    versions = tuple(dict.fromkeys((*resource.versions, *more)))
    return Resource(resource.kind, resource.plural, versions, resource.namespaced)
