"""Who may look, and at which doors.

On loopback everybody may who can reach it, as with ``kubectl proxy``; a browser is to have asked for a loopback name,
so that no page from elsewhere comes in by a name of its own that leads here (DNS rebinding).  Elsewhere a request bears
a token of the cluster: TokenReview says whose it is, SubjectAccessReview what that user may list.  Who may list a kind
of service in a namespace sees the doors of these; who may get the ConfigMap sees the settings.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TypeVar

import msgspec
from aiohttp import web
from doorward.cluster.protocol import ApiError, Cluster
from doorward.engine import SETTINGS_NAME
from doorward.model.reference import CONFIG_MAP, CORE_RESOURCES, JsonObject, Resource
from doorward.model.source import Source

from doorward_daemon.address import is_loopback

__all__ = ["Access", "Local", "Rights", "Tokens"]

TOKEN_REVIEWS = Resource("TokenReview.authentication.k8s.io", "tokenreviews", namespaced=False)
ACCESS_REVIEWS = Resource("SubjectAccessReview.authorization.k8s.io", "subjectaccessreviews", namespaced=False)
GOOD_FOR = 30.0
"""Seconds for which an answer of the API server counts; a right that is taken away ends after as long."""
BAD_FOR = 5.0
"""Seconds for which a token that was refused is refused without asking."""
MOST_KNOWN = 1000
"""Tokens of which answers are kept."""
AT_ONCE = 8
"""Reviews under way at a time, whoever asks."""
MOST_NAMESPACES = 200
"""Namespaces that a user is asked about who may not list a kind everywhere."""
LONGEST_TOKEN = 16 * 1024

K = TypeVar("K")
V = TypeVar("V")


class Rights(msgspec.Struct, frozen=True):
    """What somebody may see."""

    everything: frozenset[str] = frozenset()
    """Kinds of services whose doors are seen in all namespaces."""
    some: frozenset[tuple[str, str]] = frozenset()
    """Kinds with the namespaces in which their doors are seen."""
    settings: bool = False

    def sees(self, kind: str, namespace: str) -> bool:
        return kind in self.everything or (kind, namespace) in self.some

    def sees_all(self, kinds: Iterable[str]) -> bool:
        return self.everything.issuperset(kinds)


class Access:
    """How a request gets its rights."""

    async def rights(self, request: web.Request, namespaces: Iterable[str]) -> Rights:
        """What whoever asks may see; ``namespaces``: those in which there are doors.

        Raises HTTPForbidden, HTTPUnauthorized or HTTPServiceUnavailable, each with words for people.
        """
        raise NotImplementedError

    def check(self, request: web.Request) -> None:
        """Raise HTTPForbidden for a request that no page of ours, and no person, made."""
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise web.HTTPForbidden(text="another site's page may not ask this one\n")


class Local(Access):
    """On loopback: whoever can reach it sees everything."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._rights = Rights(everything=frozenset(kinds), settings=True)

    def check(self, request: web.Request) -> None:
        super().check(request)
        host = request.headers.get("Host", "")
        name = host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
        if not is_loopback(name):
            raise web.HTTPForbidden(text="the page is served on loopback alone; ask for localhost or 127.0.0.1\n")

    async def rights(self, request: web.Request, namespaces: Iterable[str]) -> Rights:  # noqa: ARG002
        return self._rights


class Tokens(Access):
    """Elsewhere: by a bearer token of the cluster."""

    def __init__(self, cluster: Cluster, sources: Mapping[str, Source], settings_namespace: str) -> None:
        self._cluster = cluster
        self._resources = {kind: source.resource for kind, source in sources.items()}
        self._settings_namespace = settings_namespace
        self._known: OrderedDict[bytes, tuple[float, JsonObject | None]] = OrderedDict()
        """The user of each token, until when; None: of nobody."""
        self._allowed: OrderedDict[tuple[bytes, str, str, str], tuple[float, bool]] = OrderedDict()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def rights(self, request: web.Request, namespaces: Iterable[str]) -> Rights:
        digest, token = _token(request)
        try:
            user = await self._user(digest, token)
            if user is None:
                raise _unauthorized("the cluster doesn't know this token; get one with: kubectl create token NAME")
            return await self._rights_of(digest, user, namespaces)
        except ApiError as error:
            needed = "the page needs the rights of deploy/page.yaml, or value page.enabled of the chart"
            what = f"the API server doesn't say who may look: {error}; {needed}"
            raise web.HTTPServiceUnavailable(text=f"{what}\n") from None

    async def _rights_of(self, digest: bytes, user: JsonObject, namespaces: Iterable[str]) -> Rights:
        kinds = self._resources
        everywhere = await asyncio.gather(*(self._may(digest, user, each, "list", "") for each in kinds.values()))
        everything = {kind for kind, may in zip(kinds, everywhere, strict=True) if may}
        asked = [
            (kind, namespace)
            for kind in kinds
            if kind not in everything
            for namespace in sorted(set(namespaces))[:MOST_NAMESPACES]
        ]
        may = await asyncio.gather(*(self._may(digest, user, kinds[kind], "list", name) for kind, name in asked))
        some = {each for each, yes in zip(asked, may, strict=True) if yes}
        config_map = next(each for each in CORE_RESOURCES if each.kind == CONFIG_MAP)
        settings = await self._may(digest, user, config_map, "get", self._settings_namespace)
        if not (everything or some or settings):
            what = " or ".join(f"{each.plural}.{each.group}".rstrip(".") for each in kinds.values())
            raise web.HTTPForbidden(text=f"you may list {what} in no namespace that has any; ask for that right\n")
        return Rights(frozenset(everything), frozenset(some), settings)

    async def _user(self, digest: bytes, token: str) -> JsonObject | None:
        now = time.monotonic()
        known = self._known.get(digest)
        if known and known[0] > now:
            return known[1]
        async with self._turn:
            body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
            answer = await self._cluster.create(TOKEN_REVIEWS, "", body)
        status = answer.get("status") or {}
        user = dict(status.get("user") or {}) if status.get("authenticated") is True else None
        _keep(self._known, digest, (now + (GOOD_FOR if user else BAD_FOR), user))
        return user

    async def _may(self, digest: bytes, user: JsonObject, what: Resource, verb: str, namespace: str) -> bool:
        now, key = time.monotonic(), (digest, what.kind, verb, namespace)
        known = self._allowed.get(key)
        if known and known[0] > now:
            return known[1]
        asked = {"group": what.group, "resource": what.plural, "verb": verb, "namespace": namespace}
        if what.kind == CONFIG_MAP:
            asked["name"] = SETTINGS_NAME
        spec: JsonObject = {"resourceAttributes": asked, "user": user.get("username", "")}
        for field in ("uid", "groups", "extra"):
            if user.get(field):
                spec[field] = user[field]
        async with self._turn:
            body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
            answer = await self._cluster.create(ACCESS_REVIEWS, "", body)
        allowed = (answer.get("status") or {}).get("allowed") is True
        _keep(self._allowed, key, (now + GOOD_FOR, allowed), most=MOST_KNOWN * 10)
        return allowed


def _token(request: web.Request) -> tuple[bytes, str]:
    """The token that a request bears, and its digest, by which answers are kept."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise _unauthorized("a token of the cluster is needed; get one with: kubectl create token NAME")
    return sha256(token.encode("utf-8", "surrogateescape")).digest(), token


def _unauthorized(what: str) -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(text=f"{what}\n", headers={"WWW-Authenticate": 'Bearer realm="doorward"'})


def _keep(known: OrderedDict[K, V], key: K, value: V, most: int = MOST_KNOWN) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > most:
        known.popitem(last=False)
