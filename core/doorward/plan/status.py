"""What the engine reports on an InferenceService: URL, address and one condition (behaviour, section 8).

The list of conditions is one atomic field of OME's CRD, so it is written back whole, other writers' entries as they
were read, under the resourceVersion that it was read at.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from doorward.graph.inference_service import InferenceService
from doorward.graph.memory import Memory
from doorward.model.reference import JsonObject
from doorward.plan.timestamp import rfc3339

INGRESS_READY = "IngressReady"
DOOR_READY = "doorward.io/DoorReady"
FLIPS = 5
"""Overwrites of a field within a minute, after which it is left to the other writer."""
FLIP_WINDOW = 60.0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a door stands.  None for ``url`` or ``address``: leave what is there."""

    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: str = ""
    url: str | None = None
    address: str | None = None


def condition_type(setting: str, memory: Memory, generation: int) -> str:
    """The condition to write: the setting's, or doorward's own where another writer insists on that one."""
    return DOOR_READY if memory.yielded.get("condition") == generation else setting


def status_patch(
    service: InferenceService, report: Report, setting: str, memory: Memory, now: float
) -> tuple[JsonObject, dict[str, str]]:
    """The merge patch of the status, empty where nothing differs, and our values by field (url, address, condition)."""
    generation = service.metadata.generation
    yielded = {field for field, at in memory.yielded.items() if at == generation}
    type_ = condition_type(setting, memory, generation)
    shared = setting == INGRESS_READY
    patch: JsonObject = {}
    values: dict[str, str] = {}
    if shared and report.url is not None and "url" not in yielded:
        values["url"] = report.url
        if service.status.url != report.url:
            patch["url"] = report.url
    if shared and report.address is not None and "address" not in yielded:
        values["address"] = report.address
        if service.status.address.url != report.address:
            patch["address"] = {"url": report.address}
    message = report.message
    if not shared and report.url:
        message = f"{report.url}: {message}" if message else report.url
    wanted: JsonObject = {"type": type_, "status": report.status}
    if report.reason:
        wanted["reason"] = report.reason
    if message:
        wanted["message"] = message
    values["condition"] = f"{report.status} {report.reason}"
    standing = [c for c in service.status.conditions if c.get("type") == type_]
    stale = type_ != DOOR_READY and any(c.get("type") == DOOR_READY for c in service.status.conditions)
    if len(standing) != 1 or stale or _said(standing[0]) != _said(wanted):
        same = standing[0] if standing and standing[0].get("status") == report.status else {}
        wanted["lastTransitionTime"] = same.get("lastTransitionTime") or rfc3339(now)
        patch["conditions"] = _merged(service.status.conditions, wanted, drop=DOOR_READY if stale else "")
    return patch, values


def _said(condition: JsonObject) -> tuple[str, str, str]:
    return tuple(str(condition.get(key) or "") for key in ("status", "reason", "message"))  # type: ignore[return-value]


def _merged(conditions: list[JsonObject], wanted: JsonObject, drop: str) -> list[JsonObject]:
    merged: list[JsonObject] = []
    placed = False
    for condition in conditions:
        if condition.get("type") == wanted["type"]:
            if not placed:
                merged.append(wanted)
            placed = True
        elif not drop or condition.get("type") != drop:
            merged.append(condition)
    return merged if placed else [*merged, wanted]


def observed_values(service: InferenceService, type_: str) -> dict[str, str]:
    """The fields that we write, as they stand."""
    condition = service.condition(type_)
    return {
        "url": service.status.url,
        "address": service.status.address.url,
        "condition": f"{condition.get('status')} {condition.get('reason') or ''}" if condition else "",
    }
