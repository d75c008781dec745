"""Where proxies ask whether a client may come in: the Service that setting authService names."""

from __future__ import annotations

from typing import NamedTuple

from doorward.model.settings import Settings

__all__ = ["AuthService"]


class AuthService(NamedTuple):
    """A port of a Service; its URL is ``http``, for requests from inside the cluster."""

    namespace: str
    name: str
    port: str
    url: str

    @classmethod
    def of(cls, settings: Settings) -> AuthService:
        """That of setting authService, ``NAMESPACE/NAME:PORT``, which has to be there."""
        where, _, port = settings.auth_service.partition(":")
        namespace, _, name = where.partition("/")
        return cls(namespace, name, port, f"http://{name}.{namespace}.svc.{settings.cluster_domain}:{port}")
