"""Where an API server is, and as whom we speak to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from doorward.model.reference import JsonObject


class AccessError(Exception):
    """There is no usable way to a cluster: no kubeconfig, no such context, or one that doesn't make sense."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One context of a kubeconfig with every path absolute, or the service account of a pod.

    ``cluster`` and ``user`` are a kubeconfig's entries (``kubectl config``, "Cluster" and "AuthInfo" of its v1 API).
    """

    cluster: JsonObject
    user: JsonObject = {}
    namespace: str = ""
    """The namespace that the context names; empty where it names none."""
    source: str = ""
    """Where this was read, for people."""

    @property
    def server(self) -> str:
        return str(self.cluster["server"]).rstrip("/")

    def headers(self) -> list[tuple[str, str]]:
        """What the user's ``as`` fields put on each request (Kubernetes, "User impersonation")."""
        found: list[tuple[str, str]] = []
        if self.user.get("as"):
            found.append(("Impersonate-User", str(self.user["as"])))
        if self.user.get("as-uid"):
            found.append(("Impersonate-Uid", str(self.user["as-uid"])))
        found += [("Impersonate-Group", str(group)) for group in self.user.get("as-groups") or ()]
        extra: Mapping[str, list[str]] = self.user.get("as-user-extra") or {}
        found += [(f"Impersonate-Extra-{key}", value) for key, values in extra.items() for value in values]
        return found

    def files(self) -> list[Path]:
        """The certificate files that a connection is made from; a change of one calls for new connections."""
        names = [self.cluster.get("certificate-authority")]
        names += [self.user.get("client-certificate"), self.user.get("client-key")]
        return [Path(name) for name in names if name]
