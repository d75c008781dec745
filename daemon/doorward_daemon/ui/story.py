"""What happened to one door, moment by moment, and what there was of it at each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from doorward.model.action import Action
from doorward.model.event import Applied, Configured, Deleted, Failed, Issued, Observed, Record, Refused, Unknown
from doorward.model.quoting import short
from doorward.model.reference import JsonObject, Ref
from doorward.model.settings import Settings, spelling
from doorward.model.timestamp import seconds
from doorward.settings.configuration import parse

from doorward_daemon.ui.changes import fields
from doorward_daemon.ui.past import Told

__all__ = ["Moment", "Story", "story"]

MOST = 400
"""Moments of a door that are told, the newest."""
MOST_FIELDS = 8
_DONE = {"create": "created", "patch": "updated", "delete": "deleted", "status": "status written", "event": "told"}


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    number: int
    """Of its record."""
    at: float
    cause: int
    """The number of the record that led to it; 0: none."""
    because: str = ""
    """What that was, where it is no moment of this door."""
    sort: str
    """``seen``, ``gone``, ``wrote``, ``refused``, ``unanswered``, ``waits``, ``settings``, ``rejected``, ``failed``."""
    object: str = ""
    title: str
    detail: str = ""
    fields: list[str] = []


class Story(msgspec.Struct):
    """The moments, and what there was."""

    moments: list[Moment]
    since: int
    """The record at which it begins; 0 where nothing is known to be missing."""
    states: dict[int, dict[Ref, JsonObject | None]]
    """By a moment's number, the objects that it changed; None: gone."""
    settings: dict[int, Settings | None]
    """By a moment's number, the settings that came into force."""
    known: Mapping[Ref, JsonObject]
    """What is known now."""

    def at(self, number: int) -> dict[Ref, JsonObject]:
        """What there was after a record, as far as it is known."""
        changed = {ref for state in self.states.values() for ref in state}
        there: dict[Ref, JsonObject] = {ref: obj for ref, obj in self.known.items() if ref not in changed}
        when = max((moment.at for moment in self.moments if moment.number <= number), default=0.0)
        there = {ref: obj for ref, obj in there.items() if (seconds(_created(obj)) or 0.0) <= when + 1.0}
        for at, state in sorted(self.states.items()):
            if at > number:
                break
            for ref, obj in state.items():
                if obj is None:
                    there.pop(ref, None)
                else:
                    there[ref] = obj
        return there

    def settings_at(self, number: int, now: Settings | None) -> Settings | None:
        """The settings that counted then; those of now where they haven't changed since."""
        found, known = now, False
        for at, settings in sorted(self.settings.items()):
            if at <= number:
                found, known = settings, True
            elif not known:
                return found
        return found


def story(told: Told, known: Mapping[Ref, JsonObject]) -> Story:
    """The newest moments of a door; ``known`` is what is known of it now."""
    whole = Story([], told.since if told.since > 1 else 0, {}, {}, known)
    before: dict[Ref, JsonObject] = {}
    actions: dict[int, tuple[Action, Record]] = {}
    last: Settings | None = None
    for record in told.records:
        event = record.event
        because = _because(told, record)
        match event:
            case Observed(object=obj):
                _see(whole, record, event.ref, obj, before, because)
            case Deleted(ref=ref):
                whole.states[record.number] = {ref: None}
                before.pop(ref, None)
                _add(whole, record, because, sort="gone", object=str(ref), title=f"{_named(ref)} is gone")
            case Issued(action=action):
                actions[action.id] = (action, record)
            case Applied(action=id, object=obj) if id in actions:
                action, asked = actions.pop(id)
                _wrote(whole, record, asked, action, obj, before, _because(told, asked))
            case Refused(action=id) if id in actions:
                action, asked = actions.pop(id)
                detail = f"{event.status} {event.reason}: {event.message}".strip(" :")
                title = f"{_named(action.ref)}: {action.verb} refused"
                _add(whole, record, because, sort="refused", object=str(action.ref), title=title, detail=_cut(detail))
            case Unknown(action=id) if id in actions:
                action, asked = actions.pop(id)
                title = f"{_named(action.ref)}: {action.verb} unanswered"
                _add(
                    whole, record, because, sort="unanswered", object=str(action.ref), title=title, detail=event.message
                )
            case Configured():
                last = _settings(whole, record, event, last, because)
            case Failed():
                title = f"backend {event.plugin} failed in {event.hook}"
                detail = event.traceback.strip().rpartition("\n")[2]
                _add(whole, record, because, sort="failed", title=title, detail=_cut(detail))
    for action, asked in actions.values():
        title = f"{_named(action.ref)}: {action.verb} under way"
        _add(whole, asked, "", sort="waits", object=str(action.ref), title=title, detail=action.reason)
    whole.moments.sort(key=lambda moment: moment.number)
    if len(whole.moments) > MOST:
        _shorten(whole)
    return whole


def _shorten(whole: Story) -> None:
    """Keep the newest moments; what the others left becomes where it begins."""
    first = whole.moments[-MOST].number
    base: dict[Ref, JsonObject | None] = {}
    for number in sorted(number for number in whole.states if number < first):
        base.update(whole.states.pop(number))
    whole.states[first - 1] = base
    whole.since, whole.moments = first, whole.moments[-MOST:]


def _cut(text: str) -> str:
    return text if len(text) <= 600 else text[:599] + "…"


def _because(told: Told, record: Record) -> str:
    cause = told.causes.get(record.cause)
    if cause is None:
        return ""
    event = cause.event
    if isinstance(event, Observed):
        return f"{event.ref} changed"
    return f"{event.ref} went" if isinstance(event, Deleted) else ""


def _add(whole: Story, record: Record, because: str, **more: object) -> None:
    whole.moments.append(
        Moment(number=record.number, at=record.event.at, cause=record.cause, because=because, **more)  # type: ignore[arg-type]
    )


def _see(whole: Story, record: Record, ref: Ref, obj: JsonObject, before: dict[Ref, JsonObject], because: str) -> None:
    old = before.get(ref)
    before[ref] = obj
    whole.states[record.number] = {ref: obj}
    if old is None:
        new = record.event.at - (seconds(_created(obj)) or 0.0) < 5.0
        _add(
            whole,
            record,
            because,
            sort="seen",
            object=str(ref),
            title=f"{_named(ref)} {'appears' if new else 'is seen'}",
        )
        return
    paths = [field.path for field in fields(old, obj)]
    if not paths:
        return
    other = obj["metadata"].get("otherManager")
    detail = f"by {short(other)}" if other and ref.kind else ""
    status = all(path.startswith("status") for path in paths)
    title = f"status of {_named(ref)} changes" if status else f"{_named(ref)} changes"
    _add(whole, record, because, sort="seen", object=str(ref), title=title, detail=detail, fields=_few(paths))


def _wrote(
    whole: Story,
    record: Record,
    asked: Record,
    action: Action,
    obj: JsonObject | None,
    before: dict[Ref, JsonObject],
    because: str,
) -> None:
    ref = action.ref
    if obj is not None:
        before[ref] = obj
        whole.states[record.number] = {ref: obj}
    elif action.verb in ("delete", "verify"):
        before.pop(ref, None)
        whole.states[record.number] = {ref: None}
    if action.verb == "verify":
        return
    if action.verb == "event":
        told = (action.body or {}).get("message", "")
        title, detail = f"users are told: {action.reason}", _cut(str(told))
    else:
        title, detail = f"{_named(ref)} {_DONE[action.verb]}", action.reason
        if action.verb == "status":
            title, detail = f"reported: {action.reason.removeprefix('status: ')}", ""
    moment = Moment(
        number=record.number,
        at=record.event.at,
        cause=asked.cause,
        because=because,
        sort="wrote",
        object=str(ref) if action.verb != "event" else "",
        title=title,
        detail=detail,
        fields=_few(action.fields),
    )
    whole.moments.append(moment)


def _settings(whole: Story, record: Record, event: Configured, last: Settings | None, because: str) -> Settings | None:
    if event.problems:
        detail = _cut("; ".join(event.problems))
        _add(whole, record, because, sort="rejected", title="an edit of the settings is rejected", detail=detail)
    settings = parse(event.good).settings if event.good is not None else None
    whole.settings[record.number] = settings
    if not event.problems:
        moved = _moved(last, settings)
        title = "settings change" if last else "settings are in force"
        _add(whole, record, because, sort="settings", title=title, fields=_few(moved) if last else [])
    return settings


def _moved(before: Settings | None, after: Settings | None) -> list[str]:
    if before is None or after is None:
        return []
    return [spelling(name) for name in Settings.model_fields if getattr(before, name) != getattr(after, name)]


def _few(paths: Iterable[str]) -> list[str]:
    found = list(paths)
    return [*found[:MOST_FIELDS], f"and {len(found) - MOST_FIELDS} more"] if len(found) > MOST_FIELDS else found


def _named(ref: Ref) -> str:
    """Within the story of one namespace."""
    return f"{ref.kind.partition('.')[0]} {ref.name}"


def _created(obj: JsonObject) -> str:
    return str(obj["metadata"].get("creationTimestamp") or "")
