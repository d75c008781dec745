"""All checks, in the order in which a request would meet what they look at; what they find, the worst first."""

from __future__ import annotations

import asyncio

import msgspec

from doorward_daemon.doctor import (
    certificates,
    clocks,
    components,
    gateways,
    names,
    reported,
    rights,
    running,
    runtimes,
    writers,
)
from doorward_daemon.doctor.examination import Examination, Patient
from doorward_daemon.doctor.finding import SEVERITIES, Finding
from doorward_daemon.doctor.running import Presence

__all__ = ["Wanted", "findings"]

AT_A_TIME = 8
"""Services that are looked at at once."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    named: bool = False
    """Services were named: what is closed on purpose is told, too."""
    lease: str = "doorward"
    url: str = ""
    """Where a doorward answers, to be asked whether it is there; empty: nobody is asked."""
    again: str = "doorward doctor"
    """The command line that asks this."""
    start: str = ""
    """The command line that begins a doorward before the same cluster, from here; empty: that isn't the way."""
    account: str = "doorward"
    look_up: names.Resolve | None = names.resolve
    """None: hosts aren't looked up, and no gateway is spoken to."""
    shake: certificates.Handshake = certificates.handshake


async def findings(examination: Examination, wanted: Wanted, presence: Presence) -> list[Finding]:
    """Everything that is wrong, the worst first; alike bad, what concerns all doors before what concerns one.

    Raises ApiError.
    """
    found = [
        *running.of_cluster(examination, presence, wanted.start),
        *await clocks.of_cluster(examination, wanted.lease),
        *await reported.of_settings(examination),
        *await rights.of_account(examination, wanted.account),
    ]
    gate = asyncio.Semaphore(AT_A_TIME)

    async def of(patient: Patient) -> list[Finding]:
        async with gate:
            return await _of_service(examination, patient, wanted)

    for each in await asyncio.gather(*map(of, examination.patients)):
        found += each
    return sorted(dict.fromkeys(found), key=lambda each: SEVERITIES.index(each.severity))


async def _of_service(examination: Examination, patient: Patient, wanted: Wanted) -> list[Finding]:
    explained = [
        *await runtimes.of_service(examination, patient),
        *await components.of_service(examination, patient),
    ]
    found = [*reported.of_service(examination, patient, explained), *explained]
    if wanted.named:
        found += reported.on_purpose(examination, patient)
    found += await gateways.of_service(examination, patient)
    if wanted.look_up:
        found += await names.of_service(examination, patient, wanted.look_up)
        found += await certificates.of_service(examination, patient, wanted.look_up, wanted.shake)
    found += await writers.of_service(examination, patient)
    return found
