"""Whether a door's hosts lead to the gateway that serves them, as this machine's resolver has it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable

from doorward.model.reference import JsonObject

from doorward_daemon.doctor.examination import Examination, Patient
from doorward_daemon.doctor.finding import Finding, kubectl
from doorward_daemon.doctor.gateways import GATEWAYS

__all__ = ["Resolve", "of_service", "resolve"]

Resolve = Callable[[str], Awaitable[frozenset[str]]]
"""The addresses of a host; none where it has none."""
MOST = 20
"""Hosts of one service that are looked up."""


async def resolve(host: str) -> frozenset[str]:
    """By this machine's own resolver."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(str(address[0]) for *_, address in found)


async def of_service(examination: Examination, patient: Patient, look_up: Resolve = resolve) -> list[Finding]:
    """Hosts that don't resolve, or resolve to something else than the gateway."""
    door = patient.door
    if door is None or not patient.objects or door.exposure != "outside":
        return []
    hosts = tuple(dict.fromkeys((*door.hosts, *((door.path.host,) if door.path else ()))))[:MOST]
    if not hosts:
        return []
    told = await _addresses(examination, patient)
    expected = frozenset().union(*[await _of_address(each, look_up) for each in sorted(told)])
    answers = await asyncio.gather(*map(look_up, hosts))
    found = []
    for host, addresses in zip(hosts, answers, strict=True):
        gateway = f"the gateway's address is {', '.join(sorted(told))}" if told else "no gateway tells its address"
        where = ", ".join(sorted(told)) or "the gateway's address"
        remedy = (f"nslookup {host}", f"# in the zone of {host}: a record that leads to {where}")
        if not addresses:
            cause = f"host {host} doesn't resolve"
            found.append(_finding(patient, "HostNotResolved", cause, (gateway,), remedy))
        elif expected and not addresses & expected:
            cause = f"host {host} leads to {', '.join(sorted(addresses))}, and not to the gateway"
            found.append(_finding(patient, "HostLeadsElsewhere", cause, (gateway,), remedy))
    return found


async def _of_address(told: str, look_up: Resolve) -> frozenset[str]:
    """A gateway tells an IP address, or a host name."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in told else socket.AF_INET, told)
    except OSError:
        return await look_up(told)
    return frozenset({told})


async def _addresses(examination: Examination, patient: Patient) -> frozenset[str]:
    """Where the door's objects, or their Gateways, say that they are served."""
    told: set[str] = set()
    for ref, obj in patient.objects:
        resource = examination.engine.backends.resources[ref.kind]
        whole = await examination.get(resource, ref.namespace, ref.name) or {}
        told |= set(_balancers(whole.get("status") or {}))
        for parent in (obj.get("spec") or {}).get("parentRefs") or ():
            namespace = parent.get("namespace", ref.namespace)
            gateway = await examination.get(GATEWAYS, namespace, parent["name"]) or {}
            addresses = (gateway.get("status") or {}).get("addresses") or ()
            told |= {str(each["value"]) for each in addresses if each.get("value")}
    return frozenset(told)


def _balancers(status: JsonObject) -> Iterable[str]:
    for each in (status.get("loadBalancer") or {}).get("ingress") or ():
        if told := each.get("ip") or each.get("hostname"):
            yield str(told)


def _finding(patient: Patient, reason: str, cause: str, evidence: tuple[str, ...], remedy: tuple[str, ...]) -> Finding:
    follow = (*remedy, kubectl(patient.ref.namespace, "get", patient.kubectl, "-o", "jsonpath='{.status.url}'"))
    return Finding(about=patient.name, reason=reason, cause=cause, evidence=evidence, remedy=follow)
