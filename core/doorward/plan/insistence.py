"""Another writer of the status: what we wrote, who has overwritten it how often, and what is left to them."""

from __future__ import annotations

from msgspec.structs import replace

from doorward.graph.facts import Fact
from doorward.graph.inference_service import legible
from doorward.graph.memory import NOTHING, Flips, Memory
from doorward.model.action import Action
from doorward.model.reference import JsonObject
from doorward.plan.status import FLIP_WINDOW, FLIPS, condition_type, observed_values

_PART = {"url": "url", "address": "address", "condition": "conditions", "hosts": "annotations"}


def after_status(memory: Memory, action: Action, returned: JsonObject, setting: str) -> Memory:
    """What the status has of ours after a write: the fields that this or an earlier write set."""
    service = legible(returned)
    values = observed_values(service, condition_type(setting, memory, service.metadata.generation))
    status = (action.body or {}).get("status", {})
    wrote = {k: v for k, v in values.items() if k in memory.wrote or _PART[k] in status}
    return replace(memory, wrote=wrote or NOTHING)


def after_change(memory: Memory, before: Fact, after: Fact, setting: str, now: float) -> Memory:
    """Somebody overwrote what we wrote into the status: five times within a minute, and the field is theirs."""
    old, new = legible(before.object()), legible(after.object())
    generation = new.metadata.generation
    type_ = condition_type(setting, memory, generation)
    was, is_now = observed_values(old, type_), observed_values(new, type_)
    flips, yielded = dict(memory.flips), dict(memory.yielded)
    for field, value in memory.wrote.items():
        if was.get(field) != value or is_now.get(field) == value:
            continue
        recent = tuple(s for s in flips.get(field, Flips()).seen if s[1] > now - FLIP_WINDOW)
        flips[field] = Flips((*recent, (after.version, now)))
        if len(flips[field].seen) >= FLIPS:
            yielded[field] = generation
            del flips[field]
    if flips == memory.flips and yielded == memory.yielded:
        return memory
    return replace(memory, flips=flips or NOTHING, yielded=yielded or NOTHING)
