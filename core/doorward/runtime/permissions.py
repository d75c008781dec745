"""What the daemon has to be allowed, worked out from what the engine and its backends say that they need."""

from __future__ import annotations

from collections.abc import Iterable

from doorward.backends import Backends
from doorward.hooks import Watch
from doorward.model.reference import (
    CONFIG_MAP,
    CORE_RESOURCES,
    ENDPOINT_SLICE,
    EVENT,
    KNATIVE_SERVICE,
    SERVICE,
    JsonObject,
)

__all__ = ["backend_rules", "cluster_rules", "lease_rules", "page_rules", "settings_rules"]

_READ = ("list", "watch")
_OWN = {
    SERVICE: _READ,
    ENDPOINT_SLICE: _READ,
    KNATIVE_SERVICE: _READ,
    EVENT: ("create",),
}
"""What the engine itself does, backends aside.  The ConfigMap is read in one namespace only: :func:`settings_rules`."""
_ORDER = ("get", "list", "watch", "create", "update", "patch", "delete")


def cluster_rules(backends: Backends) -> list[JsonObject]:
    """The rules of a ClusterRole (``rbac.authorization.k8s.io/v1``): one per API group and set of verbs, sorted.

    Kinds that a backend keeps outside of the API server call for finalizers, so that services are patched.
    A kind that is written is also looked at, one object at a time, where nobody knows what became of a write.
    """
    verbs: dict[tuple[str, str], set[str]] = {}
    for resource in CORE_RESOURCES:
        if resource.kind != CONFIG_MAP:
            verbs[resource.group, resource.plural] = set(_OWN[resource.kind])
    for source in backends.sources.values():
        group, plural = source.resource.group, source.resource.plural
        verbs.setdefault((group, plural), set()).update(("get", *_READ))
        verbs[group, f"{plural}/status"] = {"patch"}
        # Our objects block the deletion of their owner; where admission guards that, it asks for this.
        verbs[group, f"{plural}/finalizers"] = {"update"}
    _add(verbs, backends.watches.values(), backends)
    return _rules(verbs)


def backend_rules(backends: Backends, name: str) -> list[JsonObject]:
    """The part of :func:`cluster_rules` that one backend asks for.  Raises KeyError for one that isn't there."""
    verbs: dict[tuple[str, str], set[str]] = {}
    _add(verbs, backends.described(name), backends)
    return _rules(verbs)


def settings_rules(name: str = "inferenceservice-config") -> list[JsonObject]:
    """The rules of a Role in the namespace of the settings: that one ConfigMap, to be read."""
    return [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": list(_READ)}]


def lease_rules(name: str = "doorward") -> list[JsonObject]:
    """The rules of a Role in that namespace: the Lease by which one of several leads.  What isn't there has no name."""
    group = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    return [{**group, "resourceNames": [name], "verbs": ["get", *_READ, "update"]}, {**group, "verbs": ["create"]}]


def page_rules() -> list[JsonObject]:
    """The rules of a ClusterRole for the page at ``/ui`` where it isn't on loopback: to ask whose a token is, and what
    its user may see."""
    reviews = {"authentication.k8s.io": "tokenreviews", "authorization.k8s.io": "subjectaccessreviews"}
    return [{"apiGroups": [group], "resources": [each], "verbs": ["create"]} for group, each in reviews.items()]


def _add(verbs: dict[tuple[str, str], set[str]], watches: Iterable[Watch], backends: Backends) -> None:
    for watch in watches:
        if watch.external:
            for source in backends.sources.values():  # to put finalizers on
                verbs.setdefault((source.resource.group, source.resource.plural), set()).add("patch")
            continue
        own = verbs.setdefault((watch.resource.group, watch.resource.plural), set())
        own.update(watch.verbs, () if watch.owned == "nothing" else ("get",))


def _rules(verbs: dict[tuple[str, str], set[str]]) -> list[JsonObject]:
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, plural), allowed in sorted(verbs.items()):
        together.setdefault((group, tuple(sorted(allowed, key=_ORDER.index))), []).append(plural)
    return [
        {"apiGroups": [group], "resources": plurals, "verbs": list(allowed)}
        for (group, allowed), plurals in together.items()
    ]
