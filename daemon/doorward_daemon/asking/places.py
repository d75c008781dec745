"""Where a cause stands: in a file and line, or in an object and field, and who put it there and when.

Who and when are told by the object's ``managedFields`` (the Kubernetes documentation, "Server-Side Apply", Field
management), and by the journal: the record with which it last changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
import yaml
from doorward.model.event import Configured, Deleted, Observed, Record
from doorward.model.reference import JsonObject, Ref
from doorward.model.settings import Settings
from doorward.model.timestamp import rfc3339
from doorward.settings.configuration import Parsed, parse

from doorward_daemon.asking.printing import filled
from doorward_daemon.manifests import Document

__all__ = ["OfSettings", "Place", "Places", "last_changed", "last_good", "path_of"]

_MENTIONED = re.compile(r"(?:annotation|label|setting) [\w./-]*\w")
_FIELD = re.compile(r"([\w.]+?)\[([^\]]+)\]")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One cause, and where it stands."""

    cause: str
    object: str = ""
    field: str = ""
    value: str = ""
    file: str = ""
    line: int | None = None
    manager: str = ""
    at: str = ""
    record: int | None = None
    recorded: str = ""
    default: bool = False
    """It is a setting that nobody has set."""
    missing: bool = False
    """It is an annotation or label that isn't there."""

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line else self.field
        if self.cause.startswith("setting ") and not self.line:
            where = f"{self.object}, {self.field}"
        who = " ".join(filter(None, (f"by {self.manager}" if self.manager else "", self.at)))
        when = f"record {self.record}, {self.recorded}" if self.record else ""
        told = ["default"] if self.default else ["not set"] if self.missing else [where, who, when]
        about = "; ".join(filter(None, told))
        return f"{self.cause} ({about})" if about else self.cause

    def plain(self) -> JsonObject:
        return filled({name: getattr(self, name) for name in self.__struct_fields__})


class OfSettings:
    """Where settings stand: looked up once, for however many services."""

    def __init__(
        self, ref: Ref, settings: JsonObject | None, document: Document | None, good: Mapping[str, str] | None = None
    ) -> None:
        """``good``: the last good settings, where they are in force and those of the ConfigMap aren't."""
        self._ref, self._settings, self._document, self._good = ref, settings, document, good
        self._found: dict[str, Place] = {}

    @property
    def namespace(self) -> str:
        """Where the ConfigMap is."""
        return self._ref.namespace

    @cached_property
    def _parsed(self) -> Parsed:
        return parse(self._data if self._good is None else self._good)

    @property
    def _data(self) -> dict[str, str]:
        data = (self._settings or {}).get("data") or {}
        return {key: str(value) for key, value in data.items()}

    def rejected(self, problem: str) -> Iterator[Place]:
        """Who wrote the key of the ConfigMap that has this problem."""
        for each in parse(self._data).problems:
            if str(each) == problem:
                manager, at = _manager(self._settings or {}, ("data", each.key))
                yield Place(cause=f"{self._ref}, key {each.key}", manager=manager, at=at)

    def of(self, cause: str) -> Place:
        """The place of ``setting NAME``."""
        if cause not in self._found:
            self._found[cause] = self._look_up(cause)
        return self._found[cause]

    def _look_up(self, cause: str) -> Place:
        origin = self._parsed.origins.get(cause.removeprefix("setting "))
        if origin is None:
            return Place(cause=cause, default=True)
        key, field = origin
        held = self._good is not None
        manager, at = ("", "") if held else _manager(self._settings or {}, ("data", key))
        return Place(
            cause=cause,
            object=f"last good {self._ref}" if held else str(self._ref),
            field=f"key {key}, field {field}",
            file=self._document.file if self._document else "",
            line=_line_within(self._document, key, field) if self._document else None,
            manager=manager,
            at=at,
        )


class Places:
    """Looks causes up for one service."""

    def __init__(
        self,
        ref: Ref,
        service: JsonObject,
        document: Document | None,
        settings: OfSettings,
        records: Mapping[str, tuple[int, float]],
    ) -> None:
        self._ref, self._service, self._document = ref, service, document
        self._of_settings, self._records = settings, records

    def of(self, cause: str) -> Place:
        """The place of a cause (:mod:`doorward.door.causes`)."""
        if cause.startswith("setting "):
            return self._recorded(self._of_settings.of(cause))
        path = path_of(cause)
        if not path:
            return Place(cause=cause)
        document = self._document
        manager, at = _manager(self._service, path)
        value = _value(self._service, path)
        if path[0] == "metadata" and path[-1] not in (self._service["metadata"].get(path[1]) or {}):
            return Place(cause=cause, object=str(self._ref), missing=True)
        return self._recorded(
            Place(
                cause=cause,
                object=str(self._ref),
                field="" if cause.startswith(("spec", "status")) else ".".join(path[:-1]),
                value=value,
                file=document.file if document else "",
                line=document.line_of(*path) if document else None,
                manager=manager,
                at=at,
            )
        )

    def mentioned(self, message: str) -> list[Place]:
        """Those that a message names."""
        return [self.of(cause) for cause in dict.fromkeys(_MENTIONED.findall(message))]

    def _recorded(self, place: Place) -> Place:
        number, at = (None, 0.0) if place.default else self._records.get(place.cause, (None, 0.0))
        return msgspec.structs.replace(place, record=number, recorded=rfc3339(at)) if number else place


def path_of(cause: str) -> tuple[str, ...]:
    """The field of a service that a cause names; empty for one that is none."""
    sort, _, key = cause.partition(" ")
    if key:
        return ("metadata", f"{sort}s", key) if sort in ("annotation", "label") else ()
    if found := _FIELD.fullmatch(cause):
        return (*found[1].split("."), found[2])
    return tuple(cause.split(".")) if cause.startswith(("spec.", "status.")) else ()


def last_good(records: Iterable[Record]) -> Record | None:
    """The record of a journal with which the last good settings came into force, as far back as it goes."""
    found: Record | None = None
    for record in records:
        if isinstance(record.event, Configured) and (good := record.event.good) is not None:
            known = found.event if found else None
            if not isinstance(known, Configured) or known.good != good:
                found = record
    return found


def last_changed(
    records: Iterable[Record], causes: Mapping[Ref, Iterable[str]]
) -> dict[Ref, dict[str, tuple[int, float]]]:
    """The record of a journal with which each of these causes of these services became what it is, and when.

    The journal is read once, however many services there are.
    """
    fields = {ref: {each: path for each in told if (path := path_of(each))} for ref, told in causes.items()}
    names = {each for told in causes.values() for each in told if each.startswith("setting ")}
    found: dict[Ref, dict[str, tuple[int, float]]] = {ref: {} for ref in fields}
    of_settings: dict[str, tuple[int, float]] = {}
    values: dict[tuple[Ref | None, str], object] = {}
    for record in records:
        event = record.event
        if isinstance(event, Observed | Deleted):
            service = event.object if isinstance(event, Observed) else {}
            for cause, path in fields.get(event.ref, {}).items():
                if (now := _value(service, path)) != values.get((event.ref, cause)):
                    values[event.ref, cause] = now
                    found[event.ref][cause] = record.number, event.at
        elif isinstance(event, Configured) and event.good is not None:
            settings = parse(event.good).settings
            for cause in names:
                value = _setting(settings, cause)
                if value != values.get((None, cause)):
                    values[None, cause] = value
                    of_settings[cause] = record.number, event.at
    return {ref: {**told, **of_settings} for ref, told in found.items()}


def _setting(settings: Settings | None, cause: str) -> object:
    name = cause.removeprefix("setting ")
    return settings.model_dump(by_alias=True).get(name) if settings else None


def _value(obj: Any, path: Sequence[str]) -> str:
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return "" if obj is None else obj if isinstance(obj, str) else "{…}" if isinstance(obj, dict | list) else str(obj)


def _manager(obj: JsonObject, path: Sequence[str]) -> tuple[str, str]:
    """Who wrote a field last, and when, as the object itself tells."""
    entries = (obj.get("metadata") or {}).get("managedFields")
    found = [("", "")]
    for entry in entries if isinstance(entries, list) else ():
        fields = entry.get("fieldsV1")
        for name in path:
            fields = fields.get(f"f:{name}") if isinstance(fields, dict) else None
        if fields is not None:
            found.append((str(entry.get("time") or ""), str(entry.get("manager") or "")))
    at, manager = max(found)
    return manager, at


def _line_within(document: Document, key: str, field: str) -> int | None:
    """The line of a field in the text of a ConfigMap's key: JSON is YAML too."""
    found = document.node_at("data", key)
    if found is None:
        return None
    value = found[1]
    begins = value.start_mark.line + (2 if getattr(value, "style", "") in ("|", ">") else 1)
    try:
        node = yaml.compose(value.value, yaml.CSafeLoader)
    except yaml.YAMLError:
        return begins
    inner = Document(document.file, begins, {}, node).line_of(*field.split("."))
    return begins if inner is None else begins + inner - 1
