"""A real API server, over HTTP and plain JSON.

The story of one request: :mod:`kubeconfig` reads who we are and where the server is, as kubectl does;
:mod:`credentials` keeps the tokens and certificates fresh, :mod:`tls` says whom they are for; :mod:`transport` turns a
request into bytes, writes over :mod:`wire`, and every failure into an
:class:`~doorward.cluster.protocol.ApiError`; :mod:`client` speaks Kubernetes over that.
"""

from doorward.cluster.kube.access import AccessError
from doorward.cluster.kube.client import KubeCluster

__all__ = ["AccessError", "KubeCluster"]
