"""Every hook that a backend or a source can implement, and the types of what it is given and gives.

Authors need nothing else.

A backend is a module (or an object) with functions marked ``@hookimpl``, published under the entry point group
``doorward`` (``[project.entry-points.doorward]``, ``NAME = "package"``); NAME is the backend's name, as users write it
in ``doorward.io/backend``.  The built-in backends use what is in this file, and nothing else.

A door meets a backend three times: it is rendered into objects (:func:`render`); these are written, by the engine to
the API server, or by the backend itself where they live elsewhere (:func:`apply`); and the backend tells how they stand
(:func:`status`).  Most backends are ``watches``, which names their kinds, ``render`` and ``status``; the rest is
optional.

All hooks but ``apply`` and ``observe`` are pure: same arguments, same answer; no I/O, no clock, no global state.  The
engine calls them when a fact that the door depends on has changed, and may call them again at any time.  An exception,
or an answer of the wrong type, concerns that one door: it reports ``BackendError`` and, where it stands, stays as it
is; the journal keeps the traceback; every other door goes on.  A call that takes long is named, with its plugin, in a
metric and in the log.  ``apply`` and ``observe`` are for backends that talk to something that isn't Kubernetes (a DNS
provider, a hardware load balancer); they do I/O, and hold nobody up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, TypeVar, overload

import msgspec
import pluggy

from doorward.model import forward_auth, names
from doorward.model.action import Action
from doorward.model.answer import ApiError
from doorward.model.door import (
    ANY_CLASS,
    ANY_GATEWAY,
    Claim,
    Door,
    GRPCPort,
    Guard,
    PathDoor,
    Rendering,
    Route,
    Standing,
    Target,
    Warning,
    manifest,
)
from doorward.model.hosts import segment_prefix
from doorward.model.merge import merge
from doorward.model.outermost import outermost
from doorward.model.quoting import short
from doorward.model.reference import JsonObject, Ref, Resource
from doorward.model.settings import Settings
from doorward.model.source import Part, Source

__all__ = [
    "ANY_CLASS",
    "ANY_GATEWAY",
    "Action",
    "ApiError",
    "Claim",
    "Deprecated",
    "Door",
    "GRPCPort",
    "Guard",
    "Part",
    "PathDoor",
    "Read",
    "Rendering",
    "Route",
    "Settings",
    "Source",
    "Standing",
    "Target",
    "Warning",
    "Watch",
    "apply",
    "claims",
    "forward_auth",
    "hookimpl",
    "hookspec",
    "manifest",
    "merge",
    "names",
    "narrow",
    "observe",
    "outermost",
    "reads_annotations",
    "render",
    "segment_prefix",
    "select",
    "short",
    "source",
    "status",
    "watches",
]

F = TypeVar("F", bound=Callable[..., object])

hookspec = pluggy.HookspecMarker("doorward")
"""Marks a hook of this file; not for backends."""
_hookimpl = pluggy.HookimplMarker("doorward")


@overload
def hookimpl(function: F) -> F: ...
@overload
def hookimpl(*, tryfirst: bool = False, trylast: bool = False) -> Callable[[F], F]: ...
def hookimpl(function: F | None = None, *, tryfirst: bool = False, trylast: bool = False) -> F | Callable[[F], F]:
    """Mark a function as the implementation of the hook of the same name.

    ``@hookimpl(trylast=True)`` has it asked after all others, ``tryfirst`` before them.
    """
    return _hookimpl(function, tryfirst=tryfirst, trylast=trylast)


class Deprecated(DeprecationWarning):
    """Something of doorward's that a later version won't have (docs/stability.md, What is to go).

    A hook that is to go warns where a backend implements it: ``@hookspec(warn_on_impl=Deprecated("…"))``, or
    ``warn_on_impl_args`` for one of its arguments.  pytest shows such a warning, and the daemon logs it.
    """


Read = Callable[[Ref], JsonObject | None]
"""What :func:`render` reads other objects with."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """One kind that a backend reads, or reads and writes."""

    resource: Resource
    """The kind."""
    verbs: tuple[str, ...] = ("list", "watch")
    """What the daemon needs to be allowed; for kinds that are written: also create, patch and delete."""
    owned: Literal["nothing", "spec", "fields"] = "nothing"
    """How much of such an object is ours: nothing (read only), all of ``spec``, or the spec fields named next."""
    fields: tuple[str, ...] = ()
    """The fields of ``spec`` that are ours, where ``owned`` is ``fields``."""
    hosts: tuple[str, ...] = ()
    """Where in ``spec`` an object names the hosts that it serves, as dotted paths that pass through lists (``hosts``,
    ``virtualhost.fqdn``, ``rules.host``): claims and narrowing follow from it.  Empty where the hooks ``claims`` and
    ``narrow`` tell, or where such objects serve no host."""
    guarded: tuple[str, ...] = ()
    """Prefixes of annotation keys that can move traffic: such a key that we didn't render is removed as drift."""
    adoptable: bool = False
    """Whether objects that OME's built-in ingress made may be taken over (setting ``adopt``)."""
    guards: bool = False
    """An object of this kind is a guard: it stands before what it guards, and goes after it."""
    external: bool = False
    """Objects of this kind don't live in the API server: this backend keeps them (hooks ``apply`` and ``observe``)."""


@hookspec(firstresult=True)
def render(door: Door, read: Read) -> Rendering | None:
    """Called per door, on every backend: this backend's objects that should stand for it; None where it has none.

    ``door.backend`` is the name of the backend that opens the door: return None for a door of somebody else's, unless
    this backend has something to put beside it, as the in-cluster Service stands beside every door.  A door that this
    backend is to open and can't is refused by ``Rendering(refused="why, for users")``: reason ``BackendUnsupported``.

    ``read`` gives an object by its reference (metadata, spec and status), None where it isn't there: a Gateway, an
    IngressClass, a component's Service.  The engine tracks what is read: a change of it, or its appearance, renders
    this door anew.  Objects of this very door are shown as doorward last wrote them, but for their status: what others
    made of the rest is drift, to be undone.

    The engine adds to each manifest the namespace, owner, labels and annotations that make it ours, and removes what
    isn't rendered any more.

    Where ``door.guard`` is set, the backend that opens the door renders the guard too, and says so with ``guarded``;
    otherwise the door is refused (``AuthUnsupported``) and closed.  A backend that puts something beside the door, by
    which it could be reached without its guard, says ``unguarded``, and the door is closed as well.

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def apply(action: Action) -> Awaitable[JsonObject | None]:  # type: ignore[empty-body]
    """Called to create, patch, delete or look for one object of a kind that is ``external``: see :class:`Action`.

    To be ``async``; calls for different objects overlap.  The answer is the object as it stands then, as in
    ``observe``; None where there is none (any more).  One whose deletion takes its time bears, there too, a
    ``metadata.deletionTimestamp``.  :func:`merge` applies the body of a patch.

    Raise :class:`ApiError` for what isn't done: 409 where an object that is to be created is there already, or one that
    is to change or go has another ``uid`` or ``resourceVersion`` than the action says; 404 where it isn't there; any
    other 4xx for what can't be, in words for users; 429 or 5xx for what may be tried again; 0, as with every other
    exception, where nobody knows: it is looked for before it is written again.

    The engine writes only under the finalizer ``external.doorward.io/KIND`` on the InferenceService, which keeps that
    one until its objects of this kind are gone.

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing | None:
    """Called on the selected backend, each time that all that was rendered stands as rendered: is the door accepted?

    ``observed`` holds the objects that this backend rendered as the API server last returned them, with metadata, spec
    and status.  None (or no implementation) means accepted.  A status that tells of another generation is pending.

    .. versionadded:: 0.1
    """


# What is optional: kinds that are read or written, doors that are opened, hosts that are served, what lives elsewhere.


@hookspec
def watches() -> Sequence[Watch]:  # type: ignore[empty-body]
    """Called once, at start: the kinds beyond the engine's own (Service, EndpointSlice …) that this backend needs.

    A kind that several backends name is watched once; it must be described alike by all that own it.  The daemon's
    rights follow from it.

    .. versionadded:: 0.1
    """


@hookspec
def reads_annotations() -> Sequence[str]:  # type: ignore[empty-body]
    """Called once, at start: the keys of annotations of services that this backend reads, beyond the engine's own.

    Users are told of a key under ``doorward.io/`` that nothing reads (Warning event ``UnknownAnnotation``), and which
    one they may have meant.  Return none where it reads none; while a backend without this hook is installed, no such
    key is told.

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def select(door: Door, settings: Settings) -> str | None:
    """Called per door that has an outside: the name of the backend that opens it, or None for no opinion.

    First result wins.  The built-in backends choose by this hook too, after everybody else (``trylast``), so that a
    plugin decides before them; among plugins the order is that of their names.  Claim an ingress class here:
    ``return NAME if door.ingress_class == MINE else None``.  Where ``door.ingress`` is False, only a Service of type
    ``door.service_type`` may open the door, and only backends that write nothing but Services are asked.  A user's
    choice by annotation comes first, and isn't asked about.

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    """Called per object of a kind that this backend watches, anybody's: the hosts that it serves.

    Hosts inside the cluster don't count.  A path that is served without what lies below it is told by a claim that is
    ``exact``, unless another one of the object's covers it: it owns no host.  The service from whose door it takes
    requests is warned, as of any path below its own.  Return what :func:`outermost` leaves of all that the object
    serves.  For kinds that serve no host, None.  Not needed where :attr:`Watch.hosts` tells where an object names its
    hosts: they are then claimed whole, paths and all.

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def narrow(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    """Called per object that serves what it may not any more, where it can't be rendered anew.

    ``hosts`` are those of its claims that it may keep: none for a door that closes.  The answer is a merge patch of its
    ``spec`` that leaves those, and what serves requests from inside the cluster; None where nothing is left, and the
    object goes.  It goes as well when the answer would leave anything else.  Not needed with :attr:`Watch.hosts`.

    .. versionadded:: 0.1
    """


@hookspec(firstresult=True)
def observe(kind: str) -> Awaitable[Sequence[JsonObject]]:  # type: ignore[empty-body]
    """Called for a kind that is ``external``, at start, after writes and every half a minute: all that stands of it.

    To be ``async``; one call per kind at a time.  Each object is a manifest as it stands: ``metadata`` (``name``,
    ``namespace``, ``uid``, ``resourceVersion``, and ``annotations``, ``labels`` and ``ownerReferences`` as they were
    written), ``spec``, and ``status`` where there is something to tell.  ``uid`` tells an object apart from a later one
    of its name.  ``resourceVersion`` is a whole number that grows with every change of any of them; without one leave
    it out: writes then bear a 0 for it.  Any exception means that nobody knows; it is asked again, after a pause.

    .. versionadded:: 0.1
    """


# What doors are for: kinds whose objects become doors.


@hookspec
def source() -> Source:  # type: ignore[empty-body]
    """Called once, at start: a kind whose objects become doors, and how one of them is read; see :class:`Source`.

    A plugin with this hook is a source, and needs no other.  It counts where it is named: ``doorward run --source
    NAME``, ``Backends(sources=[NAME])``; without, it is OME's alone (``ome``).  The engine lists and watches the kind,
    owns what it writes for an object in its name, and reports in its status.  An exception while one object is read
    concerns that one: it is reported as ``SourceError``.

    .. versionadded:: 0.1
    """
