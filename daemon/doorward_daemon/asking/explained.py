"""One door taken apart: its parts and their causes, its objects, and what stands in its way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from doorward.door.causes import Part
from doorward.explaining import ExplainingEngine
from doorward.model.quoting import visible
from doorward.model.reference import JsonObject, Ref
from doorward.plan.write import Write

from doorward_daemon.asking.doors import Row
from doorward_daemon.asking.obstacles import Obstacle
from doorward_daemon.asking.places import Places
from doorward_daemon.asking.printing import Cell, filled, styled, table

__all__ = ["Explained", "Object", "lines_of", "objects_of"]

_TO_BE = {"create": "to be created", "patch": "to be changed", "delete": "to be removed"}


class Object(msgspec.Struct, frozen=True):
    """One object of the door."""

    ref: Ref
    backend: str
    state: str


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One door, and why it is as it is."""

    shown: Row
    parts: Sequence[Part]
    places: Places
    objects: Sequence[Object]
    obstacles: Sequence[Obstacle]

    @property
    def refused(self) -> bool:
        """Whether the service can't have the door that it asks for."""
        return any(each.sort in ("refused", "denied") for each in self.obstacles)

    def lines(self) -> list[str]:
        """For a terminal, under a heading of its own."""
        shown, places = self.shown, self.places
        reported = " ".join(filter(None, (shown.ready or "not reported yet", shown.reason)))
        color = {"True": "green", "False": "red"}.get(shown.ready, "yellow")
        head = f"{shown.ref}  {visible(shown.url)}  ".replace("    ", "  ")
        told = [
            [part.name, _value(part), "; ".join(str(places.of(each)) for each in part.causes)] for part in self.parts
        ]
        objects = [[str(each.ref), each.backend, each.state] for each in self.objects]
        return [
            styled(head, "bold") + styled(visible(reported), color),
            *([f"  {visible(shown.message)}"] if shown.message else []),
            "",
            *_section(("PART", "VALUE", "BECAUSE"), told),
            *_section(("OBJECT", "BACKEND", "STATE"), objects),
            *lines_of(self.obstacles),
        ]

    def plain(self) -> JsonObject:
        """For programs."""
        return {
            "door": self.shown.plain(),
            "parts": [
                {
                    "part": part.name,
                    "value": part.value,
                    **filled({"problem": part.problem}),
                    "because": [self.places.of(cause).plain() for cause in part.causes],
                }
                for part in self.parts
            ],
            "objects": [
                {
                    "kind": each.ref.kind,
                    "namespace": each.ref.namespace,
                    "name": each.ref.name,
                    **filled({"backend": each.backend}),
                    "state": each.state,
                }
                for each in self.objects
            ],
            "obstacles": [
                {
                    "sort": each.sort,
                    "reason": each.reason,
                    "message": each.message,
                    **filled({"places": [place.plain() for place in each.places]}),
                    **filled({"note": each.note, "remedy": list(each.remedy)}),
                }
                for each in self.obstacles
            ],
        }


def objects_of(engine: ExplainingEngine, ref: Ref) -> list[Object]:
    """What stands, and what is to stand, with what is about to happen to it."""
    decision = engine.decisions.get(ref)
    service = engine.object(ref) or {"metadata": {}}
    standing = {each for each, _ in engine.objects(service["metadata"].get("uid", ""))}
    desired = decision.rendered.desired if decision and decision.rendered and not decision.refusal else {}
    writes = {write.ref: write for write in decision.writes if write.verb in _TO_BE} if decision else {}
    held = engine.settings is None or bool(decision and decision.refusal)
    found = []
    for each in sorted({*standing, *desired, *writes}):
        backend = desired[each].backend if each in desired else ""
        found.append(Object(each, backend, _state(writes.get(each), each in standing, each in desired, held=held)))
    return found


def _state(write: Write | None, stands: bool, wanted: bool, *, held: bool) -> str:
    if write and not (write.verb == "create" and stands):
        fields = f" ({', '.join(write.fields)})" if write.fields else ""
        return f"{_TO_BE[write.verb]}{fields}: {write.reason}"
    if stands:
        return "stands" if wanted else "stands, and is held" if held else "stands until the overlap is over"
    return "waits for what comes first"


def lines_of(obstacles: Sequence[Obstacle]) -> Iterator[str]:
    """What is in the way, with where it stands and what to do."""
    colors = {"refused": "red", "denied": "red", "missing": "red", "waits": "yellow", "warning": "yellow"}
    for each in obstacles:
        yield styled(f"{each.sort}: {visible(each.reason)}: ", colors[each.sort]) + visible(each.message)
        yield from (f"  {visible(str(place))}" for place in each.places)
        if each.note:
            yield f"  {visible(each.note)}"
        yield from (f"  to put it right: {visible(line)}" for line in each.remedy)


def _value(part: Part) -> str:
    return " ".join(filter(None, (part.value, part.problem)))


def _section(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    return [*table(columns, rows), ""] if rows else []
