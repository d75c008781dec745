"""Another writer of the status: what we wrote, who has overwritten it how often, and what is left to them."""

from __future__ import annotations

from msgspec.structs import replace

from doorward.model.action import Action
from doorward.model.reference import JsonObject
from doorward.state.facts import Fact
from doorward.state.inference_service import InferenceService, legible
from doorward.state.memory import NOTHING, Memory, Overwrites

INGRESS_READY = "IngressReady"
DOOR_READY = "doorward.io/DoorReady"
OVERWRITES = 5
"""Overwrites of a field within a minute, after which it is left to the other writer."""
WINDOW = 60.0
"""Seconds in which they are counted."""

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
    overwrites, yielded = dict(memory.overwrites), dict(memory.yielded)
    for field, value in memory.wrote.items():
        if was.get(field) != value or is_now.get(field) == value:
            continue
        recent = tuple(s for s in overwrites.get(field, Overwrites()).seen if s[1] > now - WINDOW)
        overwrites[field] = Overwrites((*recent, (after.version, now)))
        if len(overwrites[field].seen) >= OVERWRITES:
            yielded[field] = generation
            del overwrites[field]
    if overwrites == memory.overwrites and yielded == memory.yielded:
        return memory
    return replace(memory, overwrites=overwrites or NOTHING, yielded=yielded or NOTHING)


def condition_type(setting: str, memory: Memory, generation: int) -> str:
    """The condition to write: the setting's, or doorward's own where another writer insists on that one."""
    return DOOR_READY if memory.yielded.get("condition") == generation else setting


def yielded(memory: Memory, generation: int) -> tuple[str, ...]:
    """The fields (url, address, condition) that are left to another writer for this generation of the service."""
    return tuple(sorted(field for field, at in memory.yielded.items() if at == generation and field != "hosts"))


def observed_values(service: InferenceService, type_: str) -> dict[str, str]:
    """The fields that we write, as they stand."""
    condition = service.condition(type_)
    return {
        "url": service.status.url,
        "address": service.status.address.url,
        "hosts": service.hosts,
        "condition": f"{condition.get('status')} {condition.get('reason') or ''}" if condition else "",
    }
