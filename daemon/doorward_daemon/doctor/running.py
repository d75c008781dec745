"""Whether a doorward runs before this cluster: what tells so, and what nobody does.

A doorward that leads renews its Lease.  One without a Lease that has nothing to do writes nothing, so that the cluster
can't tell it from none: then its pods tell, where it has some, or it is asked itself, or nobody was seen.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Literal

import aiohttp
import msgspec
from doorward.lease import LEASE
from doorward.model.counting import counted
from doorward.model.quoting import short
from doorward.model.reference import JsonObject, Resource
from doorward.model.timestamp import seconds

from doorward_daemon.asking.printing import age
from doorward_daemon.doctor.examination import Examination
from doorward_daemon.doctor.finding import Finding, kubectl

__all__ = ["REASONS", "Presence", "look_for", "of_cluster"]

REASONS = ("NotRunning", "NobodySeen")
"""Of the findings that tell of it."""
PODS = Resource("Pod", "pods")
LABEL = "app.kubernetes.io/name=doorward"
"""What the chart's pods bear."""
TIMEOUT = 5.0
"""Seconds for an answer of the doorward that is asked."""
_ANSWERS = ("ready", "not ready")
"""What the first line of ``/readyz`` says."""


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody was seen, and what tells so."""

    state: Literal["runs", "gone", "unseen"]
    """``gone``: one led, and doesn't any more.  ``unseen``: nothing tells."""
    seen: tuple[str, ...] = ()
    """What was looked at."""
    look: tuple[str, ...] = ()
    """Commands that tell more."""


async def look_for(
    examination: Examination,
    lease_name: str,
    url: str = "",
    *,
    again: str = "doorward doctor",
    clock: Callable[[], float] = time.time,
) -> Presence:
    """Look for a doorward, at ``url`` too where that is given; ``again`` asks all this anew.  Raises ApiError."""
    now, namespace = clock(), examination.settings_namespace
    lease = await examination.get(LEASE, namespace, lease_name)
    pods = await examination.list(PODS, namespace, LABEL)
    answer, at_url = await _asked(url) if url else (False, ())
    led, of_lease = _led(lease, f"Lease {namespace}/{lease_name}", now)
    ready = [f"{namespace}/{pod['metadata']['name']}" for pod in pods or () if _is_ready(pod)]
    if ready:
        of_pods = f"{counted(len(ready), 'pod is', 'pods are')} ready: {short(', '.join(ready))}"
    elif pods is None:
        of_pods = f"pods of namespace {namespace} may not be listed"
    else:
        of_pods = f"no pod of namespace {namespace} with label {LABEL} is ready"
    written = examination.last_write
    of_writes = (
        f"its last write that stands is {age(now - written[0])} old: {written[1]}"
        if written
        else "nothing that stands was written by doorward"
    )
    seen = (*at_url, of_lease, of_pods, of_writes)
    if answer or led == "runs" or ready:
        return Presence(state="runs", seen=seen)
    look = (
        kubectl(namespace, "get", "pods", "-l", LABEL),
        kubectl(namespace, "logs", "deployment/doorward", "--tail=50"),
    )
    if led == "gone":
        return Presence(state="gone", seen=seen, look=look)
    asked = () if url else (f"{again} --url http://127.0.0.1:8080",)
    return Presence(state="unseen", seen=seen, look=(*asked, *look))


def of_cluster(examination: Examination, presence: Presence, start: str = "") -> list[Finding]:
    """Nobody leads, by the Lease, or nobody was seen and something is due; ``start`` begins one from here."""
    pending = [each for patient in examination.patients for each in patient.pending]
    due = (f"due: {counted(len(pending), 'write')}, such as {pending[0]}",) if pending else ()
    if presence.state == "gone":
        reason, cause = "NotRunning", "doorward doesn't run: it led, and nobody does any more"
    elif presence.state == "unseen" and due:
        reason = "NobodySeen"
        cause = (
            "nobody was seen to do what is due: doorward doesn't run, or serves other namespaces, or is refused, or is "
            "yet to come to it"
        )
    else:
        return []
    evidence, remedy = (*due, *presence.seen), (*presence.look, *filter(None, [start]))
    return [Finding(about="cluster", reason=reason, cause=cause, evidence=evidence, remedy=remedy)]


async def _asked(url: str) -> tuple[bool, tuple[str, ...]]:
    """Whether a doorward answers there, and what."""
    where = f"{url.rstrip('/').removesuffix('/readyz')}/readyz"
    if "://" not in where:
        where = f"http://{where}"
    try:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(where) as response:
            told = (await response.text()).strip().splitlines() or [""]
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return False, (f"{where} doesn't answer: {_why(error)}",)
    if told[0] not in _ANSWERS:
        return False, (f"{where} is answered by something else than doorward: {short(told[0])}",)
    return True, (f"{where} answers: {short('; '.join(told))}",)


def _why(error: Exception) -> str:
    """In the system's words, where it has any: the library's own tell of its classes."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else str(error) or "no answer in time"


def _led(lease: JsonObject | None, name: str, now: float) -> tuple[str, str]:
    """What a Lease tells: ``runs``, ``gone``, or nothing."""
    if lease is None:
        return "", f"there is no {name}"
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity")
    if not holder:
        return "", f"nobody holds {name}: who led has left it"
    renewed = seconds(spec.get("renewTime")) or 0.0
    left = renewed + float(spec.get("leaseDurationSeconds") or 0) - now
    if left < 0:
        return "gone", f"{name} ran out {-left:.0f} s ago; its last holder was {holder}"
    return "runs", f"{holder} holds {name}, and renewed it {max(0.0, now - renewed):.0f} s ago"


def _is_ready(pod: JsonObject) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any((each.get("type"), each.get("status")) == ("Ready", "True") for each in conditions)
