"""Every hook that a backend can implement; a plugin author needs no other file but :mod:`doorward.model`.

A backend is a module (or an object) with functions marked ``@hookimpl``, published under the entry point group
``doorward`` (``[project.entry-points.doorward]``, ``NAME = "package"``); NAME is the backend's name, as users write it
in ``doorward.io/backend``.  The built-in backends use what is in this file, and nothing else.

All hooks are pure: same arguments, same answer; no I/O, no clock, no global state.  The engine calls them when a fact
that the door depends on has changed, and may call them again at any time.  An exception, or an answer of the wrong
type, concerns that one door: it reports ``BackendError`` and, where it stands, stays as it is; the journal keeps the
traceback; every other door goes on.  A call that takes long is named, with its plugin, in a metric and in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

import msgspec
import pluggy

from doorward.model.door import Claim, Door, Rendering, Standing
from doorward.model.reference import JsonObject, Ref, Resource
from doorward.model.settings import Settings

__all__ = [
    "Watch",
    "accompanies",
    "claims",
    "hookimpl",
    "hookspec",
    "needs",
    "render",
    "select",
    "status",
    "supports",
    "watches",
]

F = TypeVar("F", bound=Callable[..., object])

hookspec = pluggy.HookspecMarker("doorward")
_hookimpl = pluggy.HookimplMarker("doorward")


def hookimpl(function: F) -> F:
    """Mark a function as the implementation of the hook of the same name."""
    return _hookimpl(function)


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """One kind that a backend reads, or reads and writes."""

    resource: Resource
    verbs: tuple[str, ...] = ("list", "watch")
    """What the daemon needs to be allowed; for kinds that are written: also create, patch and delete."""
    owned: Literal["nothing", "spec", "fields"] = "nothing"
    """How much of such an object is ours: nothing (read only), all of ``spec``, or the spec fields named next."""
    fields: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()
    """Prefixes of annotation keys that can move traffic: such a key that we didn't render is removed as drift."""
    adoptable: bool = False
    """Whether objects that OME's built-in ingress made may be taken over (setting ``adopt``)."""


@hookspec
def watches() -> Sequence[Watch]:  # type: ignore[empty-body]
    """Called once, at start: the kinds beyond the engine's own (Service, EndpointSlice …) that this backend needs.

    A kind that several backends name is watched once; it must be described alike by all that own it.
    """


@hookspec(firstresult=True)
def select(door: Door, settings: Settings) -> str | None:
    """Called per door that has an outside: the name of the backend that opens it, or None for no opinion.

    First result wins, third parties before built-ins.  ``door.backend`` is what the rules of the page select, so that
    a plugin can leave it.  Claim an ingress class here: ``return NAME if door.ingress_class == MINE else None``.
    """


@hookspec(firstresult=True)
def supports(door: Door) -> str | None:
    """Called on the selected backend: None where it can open this door, else the reason why not, for users.

    The door is refused with ``BackendUnsupported`` and that reason.
    """


@hookspec(firstresult=True)
def accompanies(door: Door) -> bool | None:
    """Called per door on every backend: True where it renders objects beside the selected one's.

    The in-cluster Service accompanies every door; the VirtualService of a Serverless one too, whatever its outside.
    """


@hookspec(firstresult=True)
def needs(door: Door) -> Sequence[Ref] | None:
    """Called before ``render`` on the backends that will render: objects that it wants to see.

    Objects of this very door are shown as doorward last wrote them: what others made of them is drift, to be undone.

    The engine tracks them: a change of one, or its appearance, renders this door anew.
    """


@hookspec(firstresult=True)
def render(door: Door, needed: Mapping[Ref, JsonObject]) -> Rendering | None:
    """Called for the selected backend, then for those that accompany: the objects that should stand.

    ``needed`` has what ``needs`` named and exists (metadata, spec and status).  The engine adds to each manifest the
    namespace, owner, labels and annotations that make it ours, and removes what isn't rendered any more.
    """


@hookspec(firstresult=True)
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing | None:
    """Called after each observation, for the backends that rendered: how what they rendered stands.

    ``observed`` holds their objects as the API server last returned them, with metadata, spec and status.  None (or no
    implementation) means accepted.  A status that tells of another generation is pending.
    """


@hookspec(firstresult=True)
def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    """Called per object of a kind that this backend watches, anybody's: the hosts that it serves.

    Hosts inside the cluster don't count.  For kinds that serve no host, None.
    """
