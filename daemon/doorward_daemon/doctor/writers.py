"""Another controller that writes what doorward writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from doorward.model.reference import CORE_RESOURCES, EVENT, JsonObject
from doorward.state.status_conflict import INGRESS_READY
from doorward.state.transform import FIELD_MANAGER

from doorward_daemon.doctor.examination import OUT_OF_SIGHT, Examination, Patient
from doorward_daemon.doctor.finding import Finding, kubectl
from doorward_daemon.doctor.remedies import remedy

__all__ = ["of_service"]

EVENTS = next(each for each in CORE_RESOURCES if each.kind == EVENT)
_OF_THE_DOOR = ("f:url", "f:address")
_TOLD = ("Contested", "StatusContested")


async def of_service(examination: Examination, patient: Patient) -> list[Finding]:
    """Who else owns fields of the service's status, or of the door's objects (managedFields), or did until lately.

    What was fought over is told by Events, which the API server keeps for an hour.
    """
    found = []
    settings = examination.engine.settings
    shared = patient.condition_type == INGRESS_READY
    if shared and settings and (others := _writers_of_status(patient.object)):
        who = ", ".join(others)
        found.append(
            Finding(
                about=patient.name,
                reason="StatusContested",
                severity="warning",
                cause=f"{who} writes status.url or status.address, as doorward does: each undoes the other's work",
                evidence=(f"managedFields of {patient.name}: {who}, subresource status",),
                remedy=(kubectl(examination.settings_namespace, "edit", "configmap", "inferenceservice-config"),),
            )
        )
    for ref, _ in patient.objects:
        resource = examination.engine.backends.resources[ref.kind]
        obj = await examination.get(resource, ref.namespace, ref.name)
        if obj and (others := _writers_of_spec(obj)):
            who = ", ".join(others)
            plural = f"{resource.plural}.{resource.group}".rstrip(".")
            found.append(
                Finding(
                    about=patient.name,
                    reason="Contested",
                    severity="warning",
                    cause=f"{who} writes the spec of {ref}, which doorward keeps as it should be",
                    evidence=(f"managedFields of {ref}: {who}",),
                    remedy=(kubectl(ref.namespace, "get", plural, ref.name, "-o", "yaml", "--show-managed-fields"),),
                )
            )
    known = {finding.reason for finding in found}
    return found + [each for each in await _told(examination, patient) if each.reason not in known]


async def _told(examination: Examination, patient: Patient) -> list[Finding]:
    """What doorward said of it, while it could see who undoes what; and what it can't see where it runs."""
    events = {}
    for reason in (*_TOLD, OUT_OF_SIGHT):
        fields = f"involvedObject.uid={patient.object['metadata']['uid']},reason={reason}"
        for event in await examination.list(EVENTS, patient.ref.namespace, fields=fields) or ():
            events[reason] = event
    return [
        Finding(
            about=patient.name,
            reason=reason,
            severity="warning",
            cause=str(event.get("message")),
            evidence=(f"Warning event {reason}, {event.get('lastTimestamp')}",),
            remedy=remedy(reason, patient, examination.settings_namespace, examination.engine.settings),
        )
        for reason, event in events.items()
    ]


def _writers_of_status(obj: JsonObject) -> list[str]:
    return _managers(obj, "status", lambda fields: any(each in (fields.get("f:status") or {}) for each in _OF_THE_DOOR))


def _writers_of_spec(obj: JsonObject) -> list[str]:
    return _managers(obj, "", lambda fields: "f:spec" in fields)


def _managers(obj: JsonObject, subresource: str, owns: Callable[[JsonObject], bool]) -> list[str]:
    entries: Iterable[JsonObject] = obj["metadata"].get("managedFields") or ()
    return sorted(
        {
            str(each.get("manager"))
            for each in entries
            if each.get("manager") != FIELD_MANAGER
            and each.get("subresource", "") == subresource
            and owns(each.get("fieldsV1") or {})
        }
    )
