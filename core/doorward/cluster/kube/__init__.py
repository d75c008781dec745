"""A real API server, over the official client's TLS set-up and plain JSON.

The story of one request: :mod:`kubeconfig` reads who we are and where the server is, as kubectl does;
:mod:`credentials` keeps the tokens and certificates fresh; :mod:`transport` turns a request into bytes or an
:class:`~doorward.cluster.protocol.ApiError`; :mod:`client` speaks Kubernetes over that.
"""

from doorward.cluster.kube.access import AccessError
from doorward.cluster.kube.client import KubeCluster

__all__ = ["AccessError", "KubeCluster"]
