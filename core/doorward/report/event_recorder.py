"""Kubernetes Events: how users hear of what doesn't fit into a condition."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import msgspec

from doorward.model.action import REPORT
from doorward.model.door import Warning
from doorward.model.quoting import bounded
from doorward.model.reference import EVENT, JsonObject, Ref
from doorward.model.timestamp import rfc3339
from doorward.plan.write import Write
from doorward.report.remedies import ending
from doorward.state.inference_service import InferenceService
from doorward.state.memory import Memory


def digest(uid: str, warning: Warning) -> str:
    """Tells warnings of one object apart."""
    return sha256(f"{uid}\n{warning.reason}\n{warning.message}".encode()).hexdigest()[:16]


def about(service: InferenceService, warning: Warning, now: float) -> tuple[Ref, JsonObject]:
    """A Warning event about a service; its name follows from what it says, so it is there once."""
    meta, (api_version, kind) = service.metadata, service.source.owner
    regarding = {
        "apiVersion": api_version,
        "kind": kind,
        "name": meta.name,
        "namespace": meta.namespace,
        "uid": meta.uid,
    }
    told = msgspec.structs.replace(warning, message=service.source.words(warning.message))
    return _event(regarding, told, now)


def about_settings(settings: Ref, uid: str, warning: Warning, now: float) -> tuple[Ref, JsonObject]:
    """A Warning event about the ConfigMap; ``uid`` is empty where there is none."""
    regarding = {"apiVersion": "v1", "kind": "ConfigMap", "name": settings.name, "namespace": settings.namespace}
    return _event({**regarding, "uid": uid} if uid else regarding, warning, now)


def _event(regarding: JsonObject, warning: Warning, now: float) -> tuple[Ref, JsonObject]:
    namespace = regarding["namespace"]
    name = f"{regarding['name'][:200].rstrip('.-')}.{digest(str(regarding.get('uid', '')), warning)}"
    at = rfc3339(now)
    body: JsonObject = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": regarding,
        "type": "Warning",
        "reason": warning.reason,
        "message": bounded(warning.message, ending(warning.reason)),
        "source": {"component": "doorward"},
        "reportingComponent": "doorward.io/doorward",
        "reportingInstance": "doorward",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
    return Ref(EVENT, namespace, name), body


def events(
    service: InferenceService, warnings: Iterable[Warning], memory: Memory, now: float, *, silent: bool
) -> tuple[Memory, list[Write]]:
    """The Events that are still to be told, and memory with what counts as told from now on.

    What is told now counts once it was handed out.  ``silent``: whatever there is counts as told.
    """
    current = {digest(service.metadata.uid, warning): warning for warning in warnings}
    told = [each for each in memory.told if each in current]
    new = [each for each in current if each not in told]
    if silent:
        told, new = [*told, *new], []
    if tuple(told) != memory.told:
        memory = msgspec.structs.replace(memory, told=tuple(told))
    writes = []
    for each in new:
        ref, body = about(service, current[each], now)
        writes.append(Write(verb="event", ref=ref, order=REPORT, reason=current[each].reason, body=body, digest=each))
    return memory, writes


def is_from_journal(memory: Memory) -> bool:
    """Whether what was told is remembered, so that whatever isn't among it is news."""
    return bool(memory.told) or any(last.digest for last in memory.last_applied.values())
