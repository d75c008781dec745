"""Who tells another time: this machine, or the doorward that leads."""

from __future__ import annotations

import time
from collections.abc import Callable

from doorward.cluster.protocol import ApiError
from doorward.lease import LEASE
from doorward.model.reference import JsonObject, Resource
from doorward.model.timestamp import seconds

from doorward_daemon.doctor.examination import Examination
from doorward_daemon.doctor.finding import Finding, kubectl

__all__ = ["of_cluster"]

SELF = Resource("SelfSubjectReview.authentication.k8s.io", "selfsubjectreviews", namespaced=False)
MOST = 5.0
"""Seconds by which clocks may differ: timestamps of the API server are whole seconds, and requests take their time."""


async def of_cluster(
    examination: Examination, lease_name: str, *, clock: Callable[[], float] = time.time
) -> list[Finding]:
    """Clocks that differ from the API server's."""
    found = []
    before = clock()
    answer = await _review(examination)
    told = seconds((answer.get("metadata") or {}).get("creationTimestamp"))
    if told and abs(skew := (before + clock()) / 2 - told) > MOST:
        found.append(_finding("this machine", skew, "what it looks at is judged by its clock"))
    lease = await examination.get(LEASE, examination.settings_namespace, lease_name)
    if lease:
        renewed = seconds((lease.get("spec") or {}).get("renewTime"))
        written = max(
            (at for each in lease["metadata"].get("managedFields") or () if (at := seconds(each.get("time")))),
            default=0.0,
        )
        if renewed and written and abs(skew := renewed - written) > MOST:
            holder = (lease.get("spec") or {}).get("holderIdentity") or "its holder"
            what = (
                f"Lease {examination.settings_namespace}/{lease_name} has the time of {holder}, and that it was written"
            )
            found.append(_finding(f"the machine of {holder}", skew, what))
    return found


async def _review(examination: Examination) -> JsonObject:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        return await examination.cluster.create(SELF, "", body)
    except ApiError as error:
        if error.status in (403, 404):
            return {}
        raise


def _finding(who: str, skew: float, evidence: str) -> Finding:
    ahead = "ahead of" if skew > 0 else "behind"
    return Finding(
        about="cluster",
        reason="ClockSkew",
        severity="warning",
        cause=f"the clock of {who} is {abs(skew):.0f} s {ahead} the API server's",
        evidence=(evidence,),
        remedy=("timedatectl status", kubectl("", "get", "nodes", "-o", "wide")),
    )
