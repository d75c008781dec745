"""What proves to the API server who we are, kept fresh.

A kubeconfig's user has, first that applies: a token file (read again every minute, as rotating tokens need), a token,
a name and password, a credential plugin, an OIDC token.  Client certificates go with any of them.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import msgspec
import orjson

from doorward.cluster.kube.access import Access, AccessError
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject

REREAD = 60.0
"""Seconds after which a token file is read again; what client-go has."""
EARLY = 10.0
"""Seconds before its end at which a plugin's credential is no longer used."""
PLUGIN_TIME = 60.0
"""Seconds that a credential plugin may take."""


class Credential(msgspec.Struct, frozen=True):
    """The value of the Authorization header, and a client certificate with its key (PEM); each may be empty."""

    authorization: str = ""
    certificate: str = ""
    key: str = ""


class Credentials(Protocol):
    async def current(self) -> Credential:
        """What to use now.  Raises ApiError 401 where there is nothing valid: the request isn't made."""
        ...

    def refused(self) -> None:
        """The server answered 401: what :meth:`current` gave last isn't good any more."""
        ...


def credentials_of(access: Access) -> Credentials:
    """Raises AccessError for a user that can't be made sense of."""
    user = access.user
    if user.get("tokenFile"):
        return TokenFile(Path(user["tokenFile"]), str(user.get("token") or ""))
    if user.get("token"):
        return Fixed(_bearer(user["token"]))
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password') or ''}"
        return Fixed("Basic " + base64.b64encode(pair.encode()).decode())
    if user.get("exec"):
        return Plugin(access)
    if user.get("auth-provider"):
        return Fixed(_oidc(user["auth-provider"], access))
    return Fixed("")


class Fixed:
    """A token, a password, or nothing."""

    def __init__(self, authorization: str) -> None:
        self._credential = Credential(authorization)

    async def current(self) -> Credential:
        return self._credential

    def refused(self) -> None:
        pass


class TokenFile:
    """A token that somebody else renews, such as the kubelet; the last one read is used while the file is away."""

    def __init__(self, path: Path, fallback: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._credential = Credential(_bearer(fallback)) if fallback else None
        self._until = 0.0

    async def current(self) -> Credential:
        if self._clock() >= self._until:
            try:
                token = self._path.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                if self._credential is None:
                    raise ApiError(401, "Unauthorized", f"token file can't be read: {error}") from error
            else:
                if token:
                    self._credential = Credential(_bearer(token))
            self._until = self._clock() + REREAD
        if self._credential is None:
            raise ApiError(401, "Unauthorized", f"token file {self._path} is empty")
        return self._credential

    def refused(self) -> None:
        self._until = 0.0


class Plugin:
    """A credential plugin (Kubernetes, "client-go credential plugins"), run when its credential is due.

    Nobody sits before this process: the plugin gets no standard input, and one that insists on it is refused.
    """

    def __init__(self, access: Access, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._spec: JsonObject = access.user["exec"]
        for key in ("command", "apiVersion"):
            if not self._spec.get(key):
                raise AccessError(f"exec in {access.source} has no {key}")
        if self._spec.get("interactiveMode") == "Always":
            raise AccessError(f"credential plugin {self._spec['command']} asks people (interactiveMode: Always)")
        self._info = _exec_info(self._spec, access)
        self._clock = clock
        self._credential: Credential | None = None
        self._expiry: datetime | None = None
        self._turn = asyncio.Lock()

    async def current(self) -> Credential:
        async with self._turn:
            due = self._expiry is not None and (self._expiry - self._clock()).total_seconds() <= EARLY
            if self._credential is None or due:
                self._credential, self._expiry = self._parse(await self._run())
            return self._credential

    def refused(self) -> None:
        self._credential = None

    async def _run(self) -> bytes:
        environ = {str(pair["name"]): str(pair["value"]) for pair in self._spec.get("env") or ()}
        try:
            process = await asyncio.create_subprocess_exec(
                str(self._spec["command"]),
                *map(str, self._spec.get("args") or ()),
                env={**os.environ, **environ, "KUBERNETES_EXEC_INFO": self._info},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            hint = self._spec.get("installHint") or ""
            raise self._failed(f"can't be started: {error}. {hint}".strip()) from error
        try:
            async with asyncio.timeout(PLUGIN_TIME):
                output, complaint = await process.communicate()
        except TimeoutError:
            raise self._failed(f"did not end within {PLUGIN_TIME:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise self._failed(f"ended with {process.returncode}: {complaint.decode(errors='replace').strip()[:500]}")
        return output

    def _parse(self, output: bytes) -> tuple[Credential, datetime | None]:
        try:
            answer = orjson.loads(output)
            status, version = answer["status"], answer["apiVersion"]
            token, certificate, key = (
                str(status.get(name) or "") for name in ("token", "clientCertificateData", "clientKeyData")
            )
            stamp = status.get("expirationTimestamp")
            expiry = datetime.fromisoformat(stamp) if stamp else None
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise self._failed("gave no ExecCredential with a status") from error
        if version != self._spec["apiVersion"]:
            raise self._failed(f"answered as {version}, not as {self._spec['apiVersion']}")
        if bool(certificate) != bool(key) or not (token or certificate):
            raise self._failed("gave neither a token nor a certificate with its key")
        return Credential(_bearer(token) if token else "", certificate, key), expiry

    def _failed(self, what: str) -> ApiError:
        return ApiError(401, "Unauthorized", f"credential plugin {self._spec['command']} {what}")


def _bearer(token: object) -> str:
    return f"Bearer {str(token).strip()}"


def _exec_info(spec: JsonObject, access: Access) -> str:
    """The ExecCredential that a plugin gets in KUBERNETES_EXEC_INFO."""
    request: JsonObject = {"interactive": False}
    if spec.get("provideClusterInfo"):
        known = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")
        request["cluster"] = {key: access.cluster[key] for key in known if access.cluster.get(key)}
        if authority := access.cluster.get("certificate-authority"):
            content = base64.b64encode(Path(authority).read_bytes()).decode()
            request["cluster"].setdefault("certificate-authority-data", content)
        for extension in access.cluster.get("extensions") or ():
            if extension.get("name") == "client.authentication.k8s.io/exec":
                request["cluster"]["config"] = extension.get("extension")
    info = {"apiVersion": spec["apiVersion"], "kind": "ExecCredential", "spec": request}
    return orjson.dumps(info).decode()


def _oidc(provider: JsonObject, access: Access) -> str:
    """The ID token at hand.  It isn't renewed: a renewal may make the stored refresh token of its user worthless."""
    token = (provider.get("config") or {}).get("id-token")
    if provider.get("name") != "oidc" or not token:
        raise AccessError(
            f"auth-provider {provider.get('name')!r} in {access.source} has no id-token; use a credential plugin (exec)"
        )
    return _bearer(token)
