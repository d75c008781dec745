"""Kinds that a backend keeps itself, outside of the API server: its answers become the engine's events and outcomes.

    observe, every half a minute ---> differences from what was told ---> Observed …, Synced
      ^                                                                        |
      +--- soon after a write            apply <--- an action                engine

A write that begins, goes on or ends while all is observed may be in the answer, or not: its object is left out of it,
and told by the write's own outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from tenacity.wait import wait_base

from doorward.backends import Backend
from doorward.log import Log
from doorward.model.action import Action
from doorward.model.answer import ApiError
from doorward.model.event import Observed, Synced
from doorward.model.reference import JsonObject, Ref, Resource, ref_of
from doorward.runtime.watcher import Emit, Pauses
from doorward.state.transform import as_map

__all__ = ["EXTERNAL_EVERY", "External"]

EXTERNAL_EVERY = 30.0
"""Seconds between two observations of such a kind."""
SOON = 1.0
"""Seconds after a write before it is observed out of turn."""

_log = Log(__name__)


class External:
    """One kind that a backend keeps."""

    def __init__(self, backend: Backend, resource: Resource, clock: Callable[[], float]) -> None:
        self._backend = backend
        self._resource = resource
        self._clock = clock
        self._told: dict[Ref, JsonObject] = {}
        self._news = True
        """Whether a Synced is due although nothing differs from what was told."""
        self._writing: dict[Ref, int] = {}
        self._touched: set[Ref] = set()
        self._written = asyncio.Event()

    async def apply(self, action: Action) -> JsonObject | None:
        """Have the backend carry an action out.  Raises ApiError, with status 0 for whatever else goes wrong."""
        ref = action.ref
        self._writing[ref] = self._writing.get(ref, 0) + 1
        self._touched.add(ref)
        self._told.pop(ref, None)
        self._news = True
        try:
            answer = await self._backend.apply(action)
            if answer is None:
                if action.verb in ("create", "patch"):
                    raise ValueError(f"apply returned nothing for a {action.verb}")
                return None
            kept = self._checked(answer)
            if ref_of(kept) != ref:
                raise ValueError(f"apply returned {ref_of(kept)} for an action on {ref}")
            if action.verb == "delete" and not kept["metadata"].get("deletionTimestamp"):
                raise ValueError("apply returned for a delete an object without metadata.deletionTimestamp")
        except ApiError:
            raise
        except Exception as error:
            _log.exception("a plugin failed", plugin=self._backend.name, hook="apply", object=str(ref))
            raise ApiError(0, "", f"backend {self._backend.name}, hook apply: {error!r}") from error
        finally:
            self._writing[ref] -= 1
            if not self._writing[ref]:
                del self._writing[ref]
            if action.verb != "verify":
                self._written.set()
        return kept

    async def observed(self) -> list[Observed | Synced]:
        """What differs from what was told before.  Raises ApiError where it can't be seen."""
        kind = self._resource.kind
        self._touched = set(self._writing)
        try:
            found = {ref_of(obj): obj for obj in map(self._checked, await self._backend.observe(kind))}
        except ApiError:
            raise
        except Exception as error:
            _log.exception("a plugin failed", plugin=self._backend.name, hook="observe", kind=kind)
            raise ApiError(0, "", f"backend {self._backend.name}, hook observe: {error!r}") from error
        return self._differences({ref: obj for ref, obj in found.items() if ref not in self._touched})

    def _differences(self, found: dict[Ref, JsonObject]) -> list[Observed | Synced]:
        kind, at = self._resource.kind, self._clock()
        events: list[Observed | Synced] = [
            Observed(at=at, kind=kind, object=obj) for ref, obj in found.items() if self._told.get(ref) != obj
        ]
        if events or self._news or found.keys() != self._told.keys():
            keys = frozenset((ref.namespace, ref.name) for ref in (*found, *self._touched))
            events.append(Synced(at=at, kind=kind, keys=keys, version=self._resource.versions[0]))
        self._told, self._news = found, bool(self._touched)
        return events

    async def watch(self, *, emit: Emit, every: float, pauses: wait_base, attempts: int) -> None:
        """Give ``emit`` what is observed, for ever.

        So many failures in a row, before anything was ever observed, are told as a kind that can't be listed, so that
        what doesn't depend on it can go on.
        """
        rest, refused = Pauses(pauses), ""
        while True:
            self._written.clear()
            try:
                events = await self.observed()
            except ApiError as error:
                _log.info("not observed", kind=self._resource.kind, status=error.status, error=str(error))
                attempts -= 1
                if (attempts == 0 or error.status == 403) and refused != str(error):
                    refused, self._news = str(error), True
                    await _told(emit, [self._forbidden(refused)])
                await rest.take(error.retry_after)
                continue
            await _told(emit, events)
            attempts, refused = 0, ""
            rest.reset()
            try:
                async with asyncio.timeout(every):
                    await self._written.wait()
                await asyncio.sleep(min(SOON, every))
            except TimeoutError:
                pass

    def _forbidden(self, why: str) -> Synced:
        return Synced(at=self._clock(), kind=self._resource.kind, state="forbidden", message=why)

    def _checked(self, obj: Any) -> JsonObject:
        """An object as an API server would give it.  Raises ValueError, which names what is missing."""
        metadata = as_map(as_map(obj).get("metadata"))
        if not (isinstance(metadata.get("name"), str) and isinstance(metadata.get("uid"), str)):
            raise ValueError(f"a {self._resource.name} lacks metadata.name or metadata.uid: {str(obj)[:200]}")
        # Nobody else's hand is in it, so that every label and annotation counts as set by us.
        managed = sorted({*as_map(metadata.get("labels")), *as_map(metadata.get("annotations"))})
        whole = {"apiVersion": self._resource.api_version(), "kind": self._resource.name}
        return {**obj, **whole, "metadata": {**metadata, "managed": managed}}


async def _told(emit: Emit, events: Iterable[Observed | Synced]) -> None:
    for event in events:
        pending = emit(event)
        if pending is not None:
            await pending
