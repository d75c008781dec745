"""What the engine itself says of a door, with remedies: conditions that aren't True, Warning events, settings."""

from __future__ import annotations

from collections.abc import Iterable

from doorward.cluster.protocol import ApiError
from doorward.engine import SETTINGS_NAME
from doorward.model.reference import CONFIG_MAP

from doorward_daemon.doctor.examination import Examination, Patient
from doorward_daemon.doctor.fields import remedy_of_fields
from doorward_daemon.doctor.finding import Finding, Severity, edit_of_settings, kubectl
from doorward_daemon.doctor.hosts import remedy_of_hosts
from doorward_daemon.doctor.remedies import remedy
from doorward_daemon.doctor.severity import severity

__all__ = ["of_service", "of_settings", "on_purpose"]

ON_PURPOSE = ("IngressDisabled", "ClusterLocal")
"""Why a door is closed that nobody wants open."""
_IN_FORCE = (
    "the last good settings stay in force in a doorward that has read them; one that begins without any opens and "
    "repairs nothing"
)


def of_service(examination: Examination, patient: Patient, explained: Iterable[Finding]) -> list[Finding]:
    """The condition and the warnings; a component that isn't ready is left out where the reason was ``explained``."""
    found = []
    condition = patient.condition
    waits_for_a_component = patient.reason.endswith("NotReady") and bool(list(explained))
    if condition and condition.get("status") != "True" and not waits_for_a_component:
        evidence = (_said(patient),)
        found.append(_finding(examination, patient, patient.reason, str(condition.get("message") or ""), evidence))
    for reason, message in patient.warnings:
        if reason != patient.reason or message not in str(condition.get("message")):
            evidence = (f"Warning event {reason}",)
            found.append(_finding(examination, patient, reason, message, evidence, severity(reason)))
    return found


def on_purpose(examination: Examination, patient: Patient) -> list[Finding]:
    """A door that is closed on purpose: for who asks about this very service."""
    if patient.reason not in ON_PURPOSE:
        return []
    message = str(patient.condition.get("message") or "") or "there is no outside door, on purpose"
    return [_finding(examination, patient, patient.reason, message, (_said(patient),))]


async def of_settings(examination: Examination) -> list[Finding]:
    """What is wrong with the ConfigMap, and kinds that may not be listed."""
    namespace = examination.settings_namespace
    about = f"ConfigMap {namespace}/{SETTINGS_NAME}"
    edit = (edit_of_settings(namespace),)
    problems = examination.engine.problems
    found = []
    if examination.engine.settings is None and await _is_absent(examination, namespace):
        found.append(_none(about, namespace))
    else:
        found += [
            Finding(about=about, reason="InvalidSettings", cause=f"{problem}; {_IN_FORCE}", remedy=edit)
            for problem in problems
        ]
    found += [
        Finding(about=about, reason=reason, severity=severity(reason), cause=message, remedy=edit)
        for reason, message in examination.settings_warnings
        if message not in problems
    ]
    return found


async def _is_absent(examination: Examination, namespace: str) -> bool:
    """Whether there is no ConfigMap; one that may not be read may be there."""
    try:
        await examination.cluster.get(examination.engine.backends.resources[CONFIG_MAP], namespace, SETTINGS_NAME)
    except ApiError as error:
        return error.status == 404
    return False


def _none(about: str, namespace: str) -> Finding:
    ingress = """--from-literal=ingress='{"ingressDomain": "models.example.org"}'"""
    return Finding(
        about=about,
        reason="NoSettings",
        cause="there is no ConfigMap with settings, and doors stand: nothing is changed before there is one",
        remedy=(
            kubectl("", "create", "namespace", namespace),
            kubectl(namespace, "create", "configmap", SETTINGS_NAME, ingress),
            "doorward run --defaults",
        ),
    )


def _said(patient: Patient) -> str:
    return f"{patient.said}, {patient.reason or 'without a reason'}"


def _finding(
    examination: Examination,
    patient: Patient,
    reason: str,
    cause: str,
    evidence: tuple[str, ...],
    how_bad: Severity = "fault",
) -> Finding:
    return Finding(
        about=patient.name,
        reason=reason or "NotReady",
        severity=how_bad,
        cause=cause or "no door stands, and nobody says why",
        evidence=evidence,
        remedy=remedy_of_hosts(examination, patient, reason, cause)
        or remedy_of_fields(patient, examination.engine, examination.settings_namespace, reason, cause)
        or remedy(reason, patient, examination.settings_namespace, examination.engine.settings),
    )
