"""The list: one row per door, recomputed for what changed and nothing else."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import msgspec
from doorward.backends import BackendError
from doorward.door.components import is_missing
from doorward.model.door import Target
from doorward.model.event import Applied, Configured, Deleted, Issued, Leading, Observed, Record, Synced
from doorward.model.reference import JsonObject, Ref
from doorward.model.refusal import Refusal
from doorward.model.timestamp import seconds
from doorward.runtime.listener import Listener
from doorward.runtime.shell import Shell
from doorward.state.transform import OWNER

from doorward_daemon.opener import opener
from doorward_daemon.reported import condition_type, reported, url_of, with_missing

__all__ = ["COLUMNS", "Doors", "Row"]

Fares = Literal["ready", "waiting", "broken"]
LONGEST = 300
"""Characters of a message in the list; the door's own view has all of it."""
SLICE = 50
"""Rows that are computed before others get their turn."""
WAITING = frozenset(
    ("GuardPending", "LoadBalancerPending", "NoListener", "Pending", "RouteNotAccepted", "WaitingForCollection")
)
"""Reasons for which a door isn't ready yet (docs/status.md, Waiting), beside those of components."""
MOST_GONE = 10_000
"""Doors that went and are still remembered for those who follow the list; who is further behind reads it anew."""


class Row(msgspec.Struct, array_like=True, gc=False):
    """One door; on the wire an array, since there may be thousands."""

    kind: str
    namespace: str
    name: str
    status: str
    """``True``, ``False`` or ``Unknown``, as its condition says; empty where nothing is reported yet."""
    reason: str
    message: str
    state: str
    """``ready``, ``waiting`` or ``broken``: whether somebody has to do something."""
    url: str
    backend: str
    """Who opens it; empty where nothing stands outside."""
    created: float
    """Seconds since the epoch."""
    since: float
    """When the condition took this status; 0 where nobody says."""
    number: int
    """Of the newest record that concerned it."""


COLUMNS = Row.__struct_fields__


class Doors(Listener):
    """All rows, in the order in which they last changed; nothing is computed before somebody asks."""

    def __init__(self, shell: Shell) -> None:
        self._engine = shell.engine
        self._sources = shell.engine.backends.sources
        self._kinds = {source.resource.kind: kind for kind, source in self._sources.items()}
        """What services are called, by the kind that they are watched as."""
        self._rows: dict[Ref, tuple[int, Row]] = {}
        """With the version of the list in which each was new, which only grows."""
        self._gone: deque[tuple[int, Ref]] = deque(maxlen=MOST_GONE)
        self._dirty: dict[Ref, int] = {}
        self._refs: dict[str, Ref] = {}
        self._uids: dict[Ref, str] = {}
        self._actions: dict[int, str] = {}
        """Whom actions that are under way are for, by UID."""
        self._lacking: dict[Ref, tuple[Target, ...]] = {}
        """Those that lead to components without a Service, as their rows say."""
        self._refreshing = asyncio.Lock()
        self._seeded = False
        self.version = 0
        self.changed = asyncio.Event()
        """Set where something is new; whoever waits for it clears it."""

    # -- what the shell tells ------------------------------------------------------------------------------------

    def recorded(self, records: Sequence[Record]) -> None:
        for record in records:
            if (ref := self._concerned(record)) and self._seeded:
                self._dirty[ref] = record.number
        if (
            self._dirty
            or self._lacking != self._engine.lacking
            or any(isinstance(record.event, Configured | Leading | Synced) for record in records)
        ):
            self.changed.set()

    def _concerned(self, record: Record) -> Ref | None:
        """The service whose row a record may change."""
        event = record.event
        if isinstance(event, Observed):
            metadata = event.object["metadata"]
            owner = str((metadata.get("annotations") or {}).get(OWNER, ""))
            if (kind := self._kinds.get(event.kind)) and not owner:
                ref = Ref(kind, metadata.get("namespace", ""), metadata["name"])
                self._note(ref, metadata)
                return ref
            return self._refs.get(owner)
        if isinstance(event, Deleted):
            if kind := self._kinds.get(event.ref.kind):
                return event.ref._replace(kind=kind)
            return None  # what of ours goes by another's hand comes back by ours
        if isinstance(event, Issued):
            self._actions[event.action.id] = event.action.service
        elif isinstance(event, Applied):
            return self._refs.get(self._actions.pop(event.action, ""))
        elif (action := getattr(event, "action", None)) is not None:
            self._actions.pop(action, None)
        return None

    # -- what the page asks --------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Compute what is new, in slices."""
        async with self._refreshing:
            if not self._seeded:
                self._seed()
            # What becomes new meanwhile is the next one's: where much goes on there would be no end.
            before, self._lacking = self._lacking, dict(self._engine.lacking)
            for ref in before | self._lacking:
                if before.get(ref) != self._lacking.get(ref):
                    self._dirty.setdefault(ref, self._engine.number)
            due, self._dirty = self._dirty, {}
            for count, (ref, number) in enumerate(due.items(), 1):
                self._renew(ref, number)
                if count % SLICE == 0:
                    await asyncio.sleep(0)

    def rows(self) -> list[Row]:
        return [row for _, row in self._rows.values()]

    def since(self, version: int) -> tuple[list[Row], list[Ref]] | None:
        """The rows that are newer than a version of the list, and the doors that went; None: too long ago."""
        if version and self._gone and len(self._gone) == MOST_GONE and version < self._gone[0][0]:
            return None
        return [row for _, row in self._newer(version)], [ref for at, ref in self._gone if at > version]

    def _newer(self, version: int) -> Iterator[tuple[int, Row]]:
        for entry in reversed(self._rows.values()):
            if entry[0] <= version:
                return
            yield entry

    def row(self, ref: Ref) -> Row | None:
        entry = self._rows.get(ref)
        return entry[1] if entry else None

    def namespaces(self) -> set[str]:
        return {ref.namespace for ref in self._rows}

    def put(self, ref: Ref, row: Row) -> None:
        """A row is new, or another than it was."""
        self.version += 1
        self._rows.pop(ref, None)
        self._rows[ref] = (self.version, row)

    def _seed(self) -> None:
        self._seeded = True
        for kind in self._sources:
            for service in self._engine.services(kind):
                metadata = service["metadata"]
                ref = Ref(kind, metadata.get("namespace", ""), metadata["name"])
                self._note(ref, metadata)
                self._dirty.setdefault(ref, 0)

    def _note(self, ref: Ref, metadata: JsonObject) -> None:
        uid = str(metadata.get("uid", ""))
        before, self._uids[ref] = self._uids.get(ref), uid
        if before != uid:
            self._refs.pop(before or "", None)
            self._refs[uid] = ref

    def _renew(self, ref: Ref, number: int) -> None:
        uid = self._uids.get(ref, "")
        service = self._engine.service(uid)
        if service is None or "left" in service["spec"]:
            self._uids.pop(ref, None)
            self._refs.pop(uid, None)
            if self._rows.pop(ref, None):
                self.version += 1
                self._gone.append((self.version, ref))
            return
        self.put(ref, self._row(ref, service, number))

    def _row(self, ref: Ref, service: JsonObject, number: int) -> Row:
        metadata, status = service["metadata"], service.get("status") or {}
        source = self._sources[ref.kind]
        condition = reported(status.get("conditions"), condition_type(source, self._engine.settings))
        missing = self._lacking.get(ref, ())
        message = str(condition.get("message") or "")
        absent = [is_missing(ref.namespace, each.service, source.parts[each.component].called) for each in missing]
        return Row(
            kind=ref.kind,
            namespace=ref.namespace,
            name=ref.name,
            status=str(condition.get("status") or ""),
            reason=with_missing(str(condition.get("reason") or "")[:LONGEST], missing),
            message="; ".join(filter(None, (message, *absent)))[:LONGEST],
            state=state_of(condition, missing),
            url=url_of(status.get("url"), condition),
            backend=self._backend(ref, str(metadata.get("uid", ""))),
            created=seconds(metadata.get("creationTimestamp")) or 0.0,
            since=seconds(condition.get("lastTransitionTime")) or 0.0,
            number=number,
        )

    def _backend(self, ref: Ref, uid: str) -> str:
        try:
            chosen = self._engine.door(ref).backend
        except (BackendError, LookupError, Refusal):
            chosen = None
        return opener(chosen, self._engine.objects(uid), self._engine.backends)


def state_of(condition: JsonObject, missing: Collection[object] = ()) -> Fares:
    """How a door fares, by its condition: ``ready``, ``waiting`` for what comes by itself, or ``broken``, which one is
    that stands and leads to a component whose Service is ``missing``, too.
    """
    status, reason = condition.get("status"), str(condition.get("reason") or "")
    if status == "True":
        return "broken" if missing else "ready"
    return "waiting" if status != "False" or reason in WAITING or reason.endswith("NotReady") else "broken"
