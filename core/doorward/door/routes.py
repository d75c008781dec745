"""Which components a door routes to (docs/doors.md, Routes)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from doorward.door import components
from doorward.model.door import Route, Target
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.state.inference_service import InferenceService
from doorward.state.kinds import Kinds
from doorward.state.reading import Reader


def routed_to(
    service: InferenceService,
    settings: Settings,
    reader: Reader,
    kinds: Kinds,
    targets: Mapping[str, Target],
    serverless: bool,
    stands: bool,
    routed: Collection[str],
) -> tuple[str, tuple[str, ...], Refusal | None]:
    """The entry, the components routed to (entry first), and whom the door waits for.

    A standing door goes on with the components that it routes to, ready or not; one that it doesn't route to yet joins
    when it is ready.
    """
    wanted = [("router" if "router" in targets else "engine")]
    wanted += ["decoder"] if "decoder" in targets else []
    waiting: list[Refusal] = []
    usable: set[str] = {name for name in routed if name in targets} if stands else set()
    for name in wanted:
        if name in usable:
            continue
        is_ready, why = components.ready(service, name, targets[name].service, serverless, settings, reader, kinds)
        if is_ready:
            usable.add(name)
        else:
            waiting.append(
                Refusal(f"{service.called(name).title()}NotReady", why, "Unknown" if is_ready is None else "False")
            )
    entry = wanted[0]
    if stands and entry not in usable:
        if "engine" not in usable:
            # What the door routed to is gone from the spec: the standing door is kept until the new entry is ready.
            raise waiting[0]
        entry = "engine"
    parts = [entry, *(name for name in wanted[1:] if name in usable)] if stands else wanted
    return entry, tuple(parts), waiting[0] if waiting else None


def table(entry: str, parts: tuple[str, ...]) -> tuple[Route, ...]:
    """docs/doors.md, Routes; ``/v1/router`` needs no route of its own, since the router is always the entry."""
    rest = Route("/", entry)
    return (Route("/v1/decoder", "decoder"), rest) if "decoder" in parts else (rest,)
