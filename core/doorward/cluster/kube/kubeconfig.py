"""Kubeconfig files, read as kubectl reads them (Kubernetes, "Organizing Cluster Access Using kubeconfig Files").

The official Python client differs in what matters here: it takes KUBECONFIG when it is imported, lets the last file
win, and ignores a credential plugin that fails.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from doorward.cluster.kube.access import Access, AccessError
from doorward.model.reference import JsonObject

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_PATHS = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key", "tokenFile")}


def paths(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The files that make up the kubeconfig, first wins: those of KUBECONFIG, else ``~/.kube/config``; all exist."""
    named = [name for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    candidates = [Path(name).expanduser() for name in named] or [Path.home() / ".kube" / "config"]
    return [path for path in candidates if path.exists()]


def read(files: list[Path], context: str | None = None) -> Access:
    """Merge the files and pick a context, the current one unless named.

    Raises AccessError where a file, the context or what it refers to is missing or malformed.
    """
    source = ", ".join(map(str, files))
    entries: dict[str, dict[str, JsonObject]] = {"clusters": {}, "users": {}, "contexts": {}}
    current = ""
    for file in files:
        config = _load(file)
        current = current or str(config.get("current-context") or "")
        for section, known in entries.items():
            for name, entry in _section(config, section, file).items():
                known.setdefault(name, entry)
    name = context or current
    if not name:
        raise AccessError(f"no current-context in {source}")
    chosen = entries["contexts"].get(name)
    if chosen is None:
        raise AccessError(f"no context {name!r} in {source}; there are: {', '.join(entries['contexts']) or 'none'}")
    cluster = entries["clusters"].get(str(chosen.get("cluster")))
    if cluster is None or not cluster.get("server"):
        raise AccessError(f"context {name!r} names cluster {chosen.get('cluster')!r}, which has no server in {source}")
    user: JsonObject | None = {}
    if chosen.get("user"):
        user = entries["users"].get(str(chosen["user"]))
        if user is None:
            raise AccessError(f"context {name!r} names user {chosen['user']!r}, which is not in {source}")
    return Access(cluster=cluster, user=user or {}, namespace=str(chosen.get("namespace") or ""), source=source)


def in_cluster(environ: Mapping[str, str] = os.environ, account: Path | None = None) -> Access:
    """The service account of the pod that this process runs in (Kubernetes, "Accessing the API from a Pod")."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise AccessError("not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    account = account or SERVICE_ACCOUNT
    token, authority = account / "token", account / "ca.crt"
    if not token.exists() or not authority.exists():
        raise AccessError(f"no service account is mounted at {account}")
    namespace = account / "namespace"
    return Access(
        cluster={
            "server": f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
            "certificate-authority": str(authority),
        },
        user={"tokenFile": str(token)},
        namespace=namespace.read_text().strip() if namespace.exists() else "",
        source=str(account),
    )


def _load(file: Path) -> JsonObject:
    try:
        config = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AccessError(f"{file} can't be read: {error}") from error
    if not isinstance(config, dict | None):
        raise AccessError(f"{file} is not a kubeconfig")
    return config or {}


def _section(config: JsonObject, section: str, file: Path) -> dict[str, JsonObject]:
    """The entries of one section by name, first wins, their relative paths resolved against the file's folder."""
    singular = section.removesuffix("s")
    found: dict[str, JsonObject] = {}
    for item in config.get(section) or ():
        if not isinstance(item, dict) or not isinstance(item.get(singular) or {}, dict) or "name" not in item:
            raise AccessError(f"{file}: every entry of {section} needs a name and a {singular}")
        entry: dict[str, Any] = dict(item.get(singular) or {})
        for key in _PATHS.get(section, ()):
            if entry.get(key):
                entry[key] = _absolute(entry[key], file)
        plugin = entry.get("exec")
        if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
            entry["exec"] = {**plugin, "command": _absolute(plugin["command"], file)}
        found.setdefault(str(item["name"]), entry)
    return found


def _absolute(name: str, file: Path) -> str:
    return str(file.absolute().parent / name)
