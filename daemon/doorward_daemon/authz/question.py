"""What a proxy asks: by which door a request wants to come in, and what it shows for it.

The path of a check says who asks and how to read the question.  That is the proxy's own configuration: what a client
can put into its request never chooses another reading, nor another door.

    /door/DIALECT/NAMESPACE/NAME    the door is named; host and path tell nothing
    /host/DIALECT                   the door is the one that has this host, from this path downwards

    dialect   host                          path and query
    -------   ---------------------------   --------------------------------------------
    envoy     Host                          what follows the path of the check
    nginx     of X-Original-URL             of X-Original-URL
    traefik   X-Forwarded-Host              X-Forwarded-Uri

Each of these headers is set anew by its proxy, whatever the client sent.

Source: Envoy, api/envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto (``path_prefix``; Host and path are those
of the request); kubernetes/ingress-nginx, rootfs/etc/nginx/template/nginx.tmpl (``X-Original-URL``); Traefik, reference
of middleware forwardAuth (``X-Forwarded-*``).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from doorward.model.hosts import host_problem

__all__ = ["Credentials", "Question", "is_plain", "read"]

Dialect = Literal["envoy", "nginx", "traefik"]
Header = Callable[[str], Sequence[str]]
"""All values of a header, by its name in lower case."""

_PORT = re.compile(r":[0-9]{1,5}")
_AMBIGUOUS = re.compile(r"//|/\.{1,2}(?:/|$)|[\\;#\x00-\x20\x7f-\U0010ffff]|%(?![0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_MEANS_ITSELF = re.compile(r"[A-Za-z0-9._~/\\%;#?\x00-\x1f\x7f-]")
"""What is the same, or means more, when it is written out: proxies differ in whether they do."""


class Credentials(msgspec.Struct, frozen=True):
    """What a request shows; nothing of it where a header is there twice, or can't be read."""

    keys: tuple[str, ...] = ()
    """Keys, as ``X-API-Key`` and ``Authorization: Bearer`` give them."""
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "Credentials(...)"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One check."""

    door: tuple[str, str] | None = None
    """Namespace and name of the InferenceService, where the proxy names it."""
    host: str = ""
    """In lower case, without port and final dot; empty where it is no host that a door can have."""
    path: str = ""
    """As the client wrote it, without its query; empty where nobody knows."""
    credentials: Credentials = Credentials()


def read(target: str, header: Header) -> Question | None:
    """The question of a check with this request target, as it came on the wire; None for what is no check."""
    path, _, query = target.partition("?")
    _, _, rest = path.partition("/")
    form, _, rest = rest.partition("/")
    dialect, slash, rest = rest.partition("/")
    door = None
    if form == "door":
        namespace, _, rest = rest.partition("/")
        name, slash, rest = rest.partition("/")
        if not (namespace and name):
            return None
        door = (namespace, name)
    elif form != "host":
        return None
    if dialect not in _DIALECTS:
        return None
    host, path = _DIALECTS[dialect](slash + rest + ("?" + query if query else ""), header)
    return Question(door=door, host=_host(host), path=path.partition("?")[0], credentials=_credentials(header))


def _of_envoy(rest: str, header: Header) -> tuple[str, str]:
    return _only(header("host")), rest


def _of_nginx(_: str, header: Header) -> tuple[str, str]:
    _, _, where = _only(header("x-original-url")).partition("://")
    host, slash, path = where.partition("/")
    return host, slash + path


def _of_traefik(_: str, header: Header) -> tuple[str, str]:
    return _only(header("x-forwarded-host")), _only(header("x-forwarded-uri"))


_DIALECTS: dict[str, Callable[[str, Header], tuple[str, str]]] = {
    "envoy": _of_envoy,
    "nginx": _of_nginx,
    "traefik": _of_traefik,
}


def _only(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else ""


def _host(text: str) -> str:
    name, colon, port = text.lower().partition(":")
    if colon and not _PORT.fullmatch(colon + port):
        return ""
    name = name.removesuffix(".")
    return "" if host_problem(name) else name


def is_plain(path: str) -> bool:
    """Whether a path can be read in one way only, by proxies that normalise and by those that don't."""
    if not path.startswith("/") or _AMBIGUOUS.search(path):
        return False
    return not any(_MEANS_ITSELF.fullmatch(chr(int(code, 16))) for code in _ESCAPED.findall(path))


def _credentials(header: Header) -> Credentials:
    key = _only(header("x-api-key")).strip()
    keys = (key,) if key else ()
    scheme, _, value = _only(header("authorization")).strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        keys = (*keys, value) if value not in keys else keys
    elif scheme.lower() == "basic":
        user, password = _of_basic(value)
        return Credentials(keys, user, password)
    return Credentials(keys)


def _of_basic(value: str) -> tuple[str, str]:
    """User and password (RFC 7617), both empty where they can't be read."""
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return (user, password) if colon else ("", "")
