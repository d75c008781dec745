"""The story of one door, from a journal: what its users did, what doorward did about it, and because of what.

    the service observed       what differs from before: annotations, spec, conditions
    its objects observed       what somebody else changed
    an action's outcome        what was written, refused or left in doubt; because of which record
    a plugin that failed       where, and how

A service that was deleted and made anew has one story, as long as its name is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from doorward.journal import Journal
from doorward.model.action import Action
from doorward.model.event import (
    AnyEvent,
    Applied,
    Configured,
    Deleted,
    Failed,
    Issued,
    Leading,
    Observed,
    Record,
    Refused,
    Started,
    Synced,
    Unknown,
)
from doorward.model.reference import JsonObject, Ref
from doorward.model.source import Source
from doorward.model.timestamp import rfc3339
from doorward.settings.configuration import parse
from doorward.state.transform import OWNER

from doorward_daemon.asking.differences import differences, named
from doorward_daemon.asking.printing import Cell, filled
from doorward_daemon.manifests import is_service

__all__ = ["COLUMNS", "Line", "tell"]

COLUMNS = ("TIME", "RECORD", "WHAT", "BECAUSE")
MOST = 6
"""Differences that one line names."""
_DONE = {
    "create": "created",
    "patch": "changed",
    "delete": "deleted",
    "status": "reported",
    "event": "told",
    "verify": "looked at",
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    number: int
    at: float
    what: str
    because: str = ""
    cause: int = 0
    color: str = ""

    def cells(self) -> list[Cell]:
        return [rfc3339(self.at), str(self.number), (self.what, self.color), self.because]

    def plain(self) -> JsonObject:
        told = {"what": self.what, "because": self.because, "cause": self.cause or None}
        return {"time": rfc3339(self.at), "record": self.number, **filled(told)}


def tell(
    journal: Journal, namespace: str, name: str, kinds: Mapping[str, Source], before: Iterable[Record]
) -> Iterator[Line]:
    """The lines of a story; ``kinds`` are those of services, ``before`` is the state that the journal begins with."""
    story = _Story(journal, namespace, name, kinds)
    for record in before:
        list(story.lines(record))
    for record in journal.replay():
        yield from story.lines(record)


class _Story:
    """What is known of the door, up to the record that was told last."""

    def __init__(self, journal: Journal, namespace: str, name: str, kinds: Mapping[str, Source]) -> None:
        self._journal = journal
        self._namespace, self._name, self._kinds = namespace, name, kinds
        self._service: JsonObject | None = None
        self._ref: Ref | None = None
        self._objects: dict[Ref, JsonObject] = {}
        self._uids: set[str] = set()
        self._actions: dict[int, Action] = {}
        self._good: dict[str, str] | None = None
        self._settings: dict[int, str] = {}
        """What a record made of the settings."""

    def lines(self, record: Record) -> Iterator[Line]:
        event = record.event
        match event:
            case Observed() if self._is_it(event.ref, event.object):
                yield from self._of_service(record, event.ref, event.object)
            case Observed() if self._is_ours(event.object):
                yield from self._of_object(record, event.ref, event.object)
            case Deleted(ref=ref) if self._service is not None and ref == self._ref:
                self._service = None
                yield _line(record, f"{ref} was deleted", color="red")
            case Deleted(ref=ref) if self._objects.pop(ref, None) is not None:
                if not any(action.ref == ref and action.verb == "delete" for action in self._actions.values()):
                    went = f"{ref} was collected" if self._service is None else f"somebody deleted {ref}"
                    yield _line(record, went, color="yellow" if self._service else "")
            case Issued(action=action) if action.service in self._uids:
                self._actions[action.id] = action
            case Applied(action=id, object=body) if done := self._actions.pop(id, None):
                if body is not None and done.ref != self._ref:
                    self._objects[done.ref] = body
                elif body is not None:
                    self._service = body
                else:
                    self._objects.pop(done.ref, None)
                yield self._done(record, done)
            case Refused(action=id) if refused := self._actions.pop(id, None):
                what = f"{refused.verb} {refused.ref} was refused: {event.status} {event.reason}: {event.message}"
                yield self._line_of(record, refused, what, "red")
            case Unknown(action=id) if lost := self._actions.pop(id, None):
                yield self._line_of(record, lost, f"no answer to {lost.verb} {lost.ref}: {event.message}", "red")
            case Failed(uid=uid) if uid in self._uids:
                last = event.traceback.strip().splitlines()[-1:]
                yield _line(record, f"backend {event.plugin}, hook {event.hook} failed: {''.join(last)}", color="red")
            case Configured():
                self._settings[record.number] = _settings_changed(self._good, event)
                self._good = event.good

    def _of_service(self, record: Record, ref: Ref, now: JsonObject) -> Iterator[Line]:
        before, self._service, self._ref = self._service, now, ref
        uid = now["metadata"].get("uid", "")
        if before is None or before["metadata"].get("uid") != uid:
            self._uids.add(uid)
            created = str(now["metadata"].get("creationTimestamp", ""))
            yield _line(record, f"{ref} is seen, created {created}", color="green")
            return
        if changed := differences(before, now):
            yield _line(record, _told(map(named, changed)))

    def _of_object(self, record: Record, ref: Ref, now: JsonObject) -> Iterator[Line]:
        before = self._objects.get(ref)
        self._objects[ref] = now
        if before is None:
            yield _line(record, f"{ref} is seen")
        elif changed := differences(before, now):
            who = now["metadata"].get("otherManager", "") or "somebody"
            by = "" if all(path.startswith("status") for path, _, _ in changed) else f" ({who} changed it)"
            yield _line(record, f"{ref}: {_told(map(named, changed))}{by}", color="yellow" if by else "")

    def _is_it(self, ref: Ref, obj: JsonObject) -> bool:
        """Whether an object is the service; of a kind of which only some are, one that was stays in the story."""
        source = self._kinds.get(ref.kind)
        if source is None or ref[1:] != (self._namespace, self._name):
            return False
        return ref == self._ref or source.selected is None or is_service({**_head(source), **obj}, source)

    def _is_ours(self, obj: JsonObject) -> bool:
        annotations = obj["metadata"].get("annotations") or {}
        return annotations.get(OWNER) in self._uids and obj["metadata"].get("namespace") == self._namespace

    def _done(self, record: Record, action: Action) -> Line:
        what = f"{_DONE[action.verb]} {action.ref}"
        if action.verb == "status":
            what = f"reported {_reported(action)}"
        elif action.verb == "event" and action.body:
            what = f"told in an Event: {action.body.get('reason')}: {action.body.get('message')}"
        elif action.verb == "patch":
            what += f" ({', '.join(action.fields)})"
        color = "" if action.verb != "status" else "green" if action.reason.startswith("status: True") else "yellow"
        return self._line_of(record, action, what, color)

    def _line_of(self, record: Record, action: Action, what: str, color: str) -> Line:
        why = action.reason if action.verb in ("create", "patch", "delete") else ""
        because = "; ".join(filter(None, (why, self._because(action.cause))))
        return Line(
            number=record.number, at=record.event.at, what=what, because=because, cause=action.cause, color=color
        )

    def _because(self, number: int) -> str:
        """The record that led to an action, in a few words."""
        if number in self._settings:
            return self._settings[number]
        chain = self._journal.chain(number)
        if not chain:
            return ""
        return f"{_brief(chain[0].event, chain[1].event if len(chain) > 1 else None)} ({number})"


def _head(source: Source) -> JsonObject:
    return {"apiVersion": source.resource.api_version(), "kind": source.resource.name}


def _reported(action: Action) -> str:
    """A status as it was written: the condition, the URL, and the reason in full where it isn't True."""
    status = (action.body or {}).get("status") or {}
    said = action.reason.removeprefix("status: ")
    verdict, _, reason = said.partition(" ")
    of = (each for each in status.get("conditions") or () if each.get("reason", "") == reason and reason)
    message = "" if verdict == "True" else next((each.get("message", "") for each in of), "")
    other = f"({', '.join(action.fields)})" if not status.keys() & {"url", "conditions"} else ""
    return " ".join(filter(None, (f"{said}{':' if message else ''}", message, status.get("url", ""), other)))


def _brief(event: AnyEvent, before: AnyEvent | None) -> str:
    """A record in a few words; ``before`` is the one that led to it."""
    match event:
        case Observed():
            return f"{event.ref} was seen"
        case Deleted(ref=ref):
            return f"{ref} was deleted"
        case Synced(kind=kind, state=state):
            return f"{kind} is {state}"
        case Applied() if isinstance(before, Issued) and before.action.verb == "event":
            return "an Event was written"
        case Applied() if isinstance(before, Issued):
            return f"{before.action.ref} was {_DONE[before.action.verb]}"
        case Refused() | Unknown() if isinstance(before, Issued):
            return f"{before.action.verb} {before.action.ref} failed"
        case Started():
            return "doorward started"
        case Leading():
            return "doorward began to lead"
    return type(event).__name__.lower()


def _settings_changed(before: dict[str, str] | None, event: Configured) -> str:
    if event.problems:
        return f"settings were refused: {'; '.join(event.problems)}"
    old, new = (parse(data).settings if data is not None else None for data in (before, event.good))
    if old is None or new is None:
        return "the settings were read"
    changed = differences(old.model_dump(by_alias=True, mode="json"), new.model_dump(by_alias=True, mode="json"))
    return f"settings: {_told(map(named, changed))}" if changed else "the settings changed nothing"


def _told(parts: Iterable[str]) -> str:
    told = list(parts)
    return "; ".join(told[:MOST]) + (f" and {len(told) - MOST} more" if len(told) > MOST else "")


def _line(record: Record, what: str, *, color: str = "") -> Line:
    return Line(number=record.number, at=record.event.at, what=what, cause=record.cause, color=color)
