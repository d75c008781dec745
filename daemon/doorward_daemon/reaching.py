"""The cluster that the options of a command name."""

from __future__ import annotations

from pathlib import Path

from doorward.cluster.kube import KubeCluster

__all__ = ["reached"]


def reached(kubeconfig: Path | None, context: str | None) -> KubeCluster:
    """That of ``--kubeconfig``, else the one that kubectl would speak to, or the pod's own.  Raises AccessError."""
    if kubeconfig is not None:
        return KubeCluster.from_kubeconfig(kubeconfig, context)
    return KubeCluster.connect(context)
