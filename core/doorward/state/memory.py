"""What only the journal knows, all of it, and what its loss means.

Everything else about a door follows from the cluster's objects.  Without a journal:

================  ================================================================================================
``last_applied``  What the server returned for our last write.  Lost: what stands is compared with what is rendered,
                  and a held door is repaired to the shape in which it was first observed.
``written``       Which claims we wrote with each object.  Lost: what stands when we come counts for the service whose
                  annotation it bears; where two services' objects have one host, for the one whose status names it
                  (annotation ``doorward.io/hosts``), else for the earlier.
``stood``         Which claims an object had when we came, without our having written them.  Lost: as above.
``draining``      When the new was first seen accepted.  Lost: draining starts afresh, so the old stays a little longer.
``told``          Which warnings were told.  Lost: they count as told where nothing else changes.
``wrote``         What we wrote into the status, and who has overwritten it how often (``overwrites``, ``yielded``).
                  Lost: the count starts afresh.
``back_offs``     How often somebody undid our repairs.  Lost: the pauses start afresh.
``retries``       When a refused write may be tried again.  Lost: it is tried at once.
``unknown``       Writes whose outcome is unknown: their objects are verified before they are written again.  Lost: a
                  fresh list has looked.
================  ================================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec.structs import replace

from doorward.model.action import Action
from doorward.model.reference import JsonObject, Ref
from doorward.state.packing import pack, unpack

NOTHING: Mapping[str, Any] = MappingProxyType({})

V = TypeVar("V")


class LastApplied(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Our last write to one object."""

    digest: str
    """Of the manifest that was written; empty where the object stood before we looked."""
    body: bytes
    """The trimmed object that the server returned for it, packed."""
    attempts: int = 0
    """How many writes of this manifest in a row didn't stick."""
    difference: tuple[str, ...] = ()
    """What the last of them lacks."""

    def object(self) -> JsonObject:
        """What the server returned, as fresh JSON."""
        return orjson.loads(unpack(self.body))  # type: ignore[no-any-return]


class Served(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Reservations that one object serves, by their keys (:func:`doorward.model.door.claim_key`)."""

    claims: tuple[str, ...]
    uid: str = ""
    """Of the object; empty while its creation is under way."""

    def seen(self, uid: str, now: Collection[str]) -> Served | None:
        """What is left once the object is seen to have these claims ``now``; None where that is nothing.

        A claim that an object once lost, or that another object of its name has, isn't this one's any more.
        """
        if self.uid not in ("", uid):
            return None
        claims = tuple(key for key in self.claims if key in now)
        if not claims:
            return None
        return self if (claims, uid) == (self.claims, self.uid) else Served(claims, uid)


class BackOff(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Repairs of one object that somebody keeps undoing."""

    rounds: tuple[float, ...] = ()
    pause: float = 0.0
    until: float = 0.0


class Retry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A write that the server refused."""

    attempts: int
    until: float
    status: int = 0
    message: str = ""
    deletes: bool = False
    """It was a deletion that was refused: any other write's pause doesn't hold up one that closes."""


class Overwrites(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Another writer's overwrites of one status field: resourceVersion and time of each."""

    seen: tuple[tuple[int, float], ...] = ()


class Memory(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is remembered about one service; keys are ``Kind.group/name`` of its objects."""

    last_applied: Mapping[str, LastApplied] = NOTHING
    written: Mapping[str, Served] = NOTHING
    stood: Mapping[str, Served] = NOTHING
    draining: Mapping[str, float] = NOTHING
    draining_for: str = ""
    told: tuple[str, ...] = ()
    wrote: Mapping[str, str] = NOTHING
    overwrites: Mapping[str, Overwrites] = NOTHING
    yielded: Mapping[str, int] = NOTHING
    back_offs: Mapping[str, BackOff] = NOTHING
    retries: Mapping[str, Retry] = NOTHING
    unknown: Mapping[str, Action] = NOTHING


FORGOTTEN = Memory()


def claims_of(served: Mapping[str, Served], key: str, uid: str) -> tuple[str, ...]:
    """The claims that memory knows of an object with this UID, or of one that is being created."""
    known = served.get(key)
    return known.claims if known and known.uid in ("", uid) else ()


def key_of(ref: Ref) -> str:
    """How memory names an object of a service's namespace."""
    return f"{ref.kind}/{ref.name}"


def put(mapping: Mapping[str, V], key: str, value: V) -> Mapping[str, V]:
    return {**mapping, key: value}


def drop(mapping: Mapping[str, V], *keys: str) -> Mapping[str, V]:
    """Without these keys; the same mapping where it has none of them."""
    if not mapping or not any(key in mapping for key in keys):
        return mapping
    return {k: v for k, v in mapping.items() if k not in keys} or NOTHING


def after_start(memory: Memory, now: float) -> Memory:
    """What a new process makes of it: nothing began to drain later than ``now``, and no refused write has to wait."""
    clamped = {key: min(at, now) for key, at in memory.draining.items()} or NOTHING
    retries = {key: replace(retry, until=0.0) for key, retry in memory.retries.items()} or NOTHING
    return replace(memory, draining=clamped, retries=retries)


def of_kinds(memory: Memory, kinds: Container[str]) -> Memory:
    """Without what concerns objects of other kinds than these."""
    parts = {name: getattr(memory, name) for name in ("last_applied", "unknown", "written", "stood")}
    strange = [key for part in parts.values() for key in part if key.partition("/")[0] not in kinds]
    if not strange:
        return memory
    return replace(memory, **{name: drop(part, *strange) for name, part in parts.items()})


def to_json(memory: Memory) -> dict[str, Any]:
    """As the journal holds it; bodies of last_applied as text, since they are JSON already."""
    plain = {key: replace(each, body=unpack(each.body)) for key, each in memory.last_applied.items()} or NOTHING
    return msgspec.to_builtins(replace(memory, last_applied=plain), str_keys=True)  # type: ignore[no-any-return]


def from_json(value: dict[str, Any]) -> Memory:
    memory = msgspec.convert(value, Memory, str_keys=True)
    empty = {name: NOTHING for name in memory.__struct_fields__ if getattr(memory, name) == {}}
    memory = replace(memory, **empty)
    kept = {key: replace(each, body=pack(each.body)) for key, each in memory.last_applied.items()}
    return replace(memory, last_applied=kept or NOTHING)


_OF_OBJECTS = ("last_applied", "back_offs", "retries", "unknown", "written", "stood")
"""What memory keeps by object."""


def forget(memory: Memory, ref: Ref) -> Memory:
    """Without what was remembered of an object that we removed."""
    key = key_of(ref)
    parts = {name: drop(getattr(memory, name), key) for name in _OF_OBJECTS}
    return replace(memory, **parts)
