"""What a backend needs to be allowed, as manifests."""

from __future__ import annotations

import yaml
from doorward.backends import Backends
from doorward.runtime.permissions import backend_rules

__all__ = ["manifests"]


def manifests(name: str, namespace: str, account: str) -> str:
    """A ClusterRole for an installed backend and its binding to doorward's ServiceAccount, as YAML.

    Raises ValueError for a backend that isn't installed, BackendError for one whose hook fails.
    """
    backends = Backends()
    if name not in backends.by_name:
        raise ValueError(f"no backend {name!r} is installed; there are: {', '.join(sorted(backends.by_name))}")
    group = "rbac.authorization.k8s.io"
    role = f"doorward-{name.replace('_', '-')}"
    documents = (
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": backend_rules(backends, name),
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        },
    )
    return yaml.safe_dump_all(documents, sort_keys=False)
