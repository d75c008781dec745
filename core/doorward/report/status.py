"""What the engine reports on an InferenceService: URL, address and one condition.

Source: docs/status.md, How the status is written.

The list of conditions is one atomic field of OME's CRD, so it is written back whole, other writers' entries as they
were read, under the resourceVersion that it was read at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from doorward.model.action import REPORT
from doorward.model.quoting import bounded
from doorward.model.reference import JsonObject
from doorward.model.timestamp import rfc3339
from doorward.plan.gate import may_not_write_now
from doorward.plan.plan import Plan, Situation
from doorward.plan.write import Write
from doorward.state.facts import Fact
from doorward.state.inference_service import InferenceService
from doorward.state.memory import Memory, key_of
from doorward.state.reservations import Reservations
from doorward.state.status_conflict import DOOR_READY, INGRESS_READY, yielded
from doorward.state.transform import HOSTS, HOSTS_WRITTEN


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a door stands.  None for ``url`` or ``address``: leave what is there."""

    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: str = ""
    url: str | None = None
    address: str | None = None


def status_patch(
    service: InferenceService, report: Report, hosts: str, setting: str, memory: Memory, now: float
) -> JsonObject:
    """The merge patch of the status, empty where nothing differs; ``hosts``: the claims that we wrote for the door."""
    generation = service.metadata.generation
    left = yielded(memory, generation)
    shared = setting == INGRESS_READY
    patch: JsonObject = {}
    if shared and report.url is not None and "url" not in left and service.status.url != report.url:
        patch["url"] = report.url
    if shared and report.address is not None and "address" not in left and service.status.address.url != report.address:
        patch["address"] = {"url": report.address}
    conditions = service.status.conditions
    if service.hosts != hosts and memory.yielded.get("hosts") != service.metadata.generation:
        if service.source.annotated_status:
            patch["annotations"] = {HOSTS: hosts or None}
        else:
            conditions = _with_hosts(conditions, hosts, now)
    told = service.source.words(report.message)
    types = [] if "condition" in left else [setting]
    if left and DOOR_READY not in types:
        types.append(DOOR_READY)
    for type_ in types:
        named = report.url if type_ == DOOR_READY or not shared else ""
        message = bounded(": ".join(part for part in (named, told) if part))
        conditions = _with(conditions, type_, report, message, now)
    if DOOR_READY not in types and any(c.get("type") == DOOR_READY for c in conditions):
        conditions = [c for c in conditions if c.get("type") != DOOR_READY]
    if conditions is not service.status.conditions:
        patch["conditions"] = conditions
    return patch


def withdrawn(service: InferenceService, setting: str) -> JsonObject:
    """The merge patch of a status that is to tell of no door any more, empty where it doesn't."""
    ours = (setting, DOOR_READY, HOSTS_WRITTEN)
    others = [each for each in service.status.conditions if each.get("type") not in ours]
    return {"conditions": others} if len(others) < len(service.status.conditions) else {}


def _with_hosts(conditions: list[JsonObject], hosts: str, now: float) -> list[JsonObject]:
    """These conditions, with the claims that we wrote in the message of one; without it where there are none."""
    if not hosts:
        return [each for each in conditions if each.get("type") != HOSTS_WRITTEN]
    return _with(conditions, HOSTS_WRITTEN, Report(status="True", reason="Written"), hosts, now)


def _with(conditions: list[JsonObject], type_: str, report: Report, message: str, now: float) -> list[JsonObject]:
    """These conditions with ours among them; the same list where it says so already."""
    standing = [c for c in conditions if c.get("type") == type_]
    wanted: JsonObject = {"type": type_, "status": report.status}
    if report.reason:
        wanted["reason"] = report.reason
    if message:
        wanted["message"] = message
    if len(standing) == 1 and _said(standing[0]) == _said(wanted):
        return conditions
    same = standing[0] if standing and standing[0].get("status") == report.status else {}
    wanted["lastTransitionTime"] = same.get("lastTransitionTime") or rfc3339(now)
    return _merged(conditions, wanted)


def _said(condition: JsonObject) -> tuple[str, str, str]:
    return tuple(str(condition.get(key) or "") for key in ("status", "reason", "message"))  # type: ignore[return-value]


def _merged(conditions: list[JsonObject], wanted: JsonObject) -> list[JsonObject]:
    merged: list[JsonObject] = []
    placed = False
    for condition in conditions:
        if condition.get("type") != wanted["type"]:
            merged.append(condition)
        elif not placed:
            merged.append(wanted)
            placed = True
    return merged if placed else [*merged, wanted]


def write_status(s: Situation, plan: Plan, report: Report, hosts: str, setting: str) -> None:
    """Plan the write of what is reported, where anything differs and the status may be written now."""
    patch = status_patch(s.service, report, hosts, setting, plan.memory, s.now)
    _write(s, plan, patch, f"status: {report.status} {report.reason}".strip())


def withdraw_status(s: Situation, plan: Plan, setting: str) -> None:
    """Plan the write of a status that tells of no door any more."""
    _write(s, plan, withdrawn(s.service, setting), "status: there is no door any more")


def _write(s: Situation, plan: Plan, patch: JsonObject, reason: str) -> None:
    if not patch or may_not_write_now(s, s.fact.ref, plan, order=REPORT):
        return
    version = str(s.fact.version)
    write = Write(
        verb="status",
        ref=s.fact.ref,
        order=REPORT,
        reason=reason,
        uid=s.fact.uid,
        resource_version=version,
        body={"metadata": {"uid": s.fact.uid, "resourceVersion": version}, "status": patch},
        fields=tuple(f"status.{key}" for key in sorted(patch)),
    )
    plan.writes.append(write)


def written_hosts(ours: Iterable[Fact], memory: Memory, reservations: Reservations) -> str:
    """The claims that we are known to have written for a service, as its status names them."""
    served: set[str] = set()
    for fact in ours:
        if known := memory.written.get(key_of(fact.ref)):
            served.update(known.claims)
        served.update(key for key, each in reservations.of(fact.ref).items() if each.owner and each.written)
    return " ".join(sorted(served))
