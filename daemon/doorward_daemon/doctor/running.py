"""Whether a doorward runs before this cluster at all."""

from __future__ import annotations

import time
from collections.abc import Callable

from doorward.lease import LEASE
from doorward.model.timestamp import seconds

from doorward_daemon.doctor.examination import Examination
from doorward_daemon.doctor.finding import Finding, kubectl

__all__ = ["of_cluster"]


async def of_cluster(
    examination: Examination, lease_name: str, *, clock: Callable[[], float] = time.time
) -> list[Finding]:
    """Nobody leads, by the Lease, or by what nobody writes."""
    namespace = examination.settings_namespace
    lease = await examination.get(LEASE, namespace, lease_name)
    spec = (lease or {}).get("spec") or {}
    left = (seconds(spec.get("renewTime")) or 0.0) + float(spec.get("leaseDurationSeconds") or 0) - clock()
    pending = [each for patient in examination.patients for each in patient.pending]
    pods = kubectl(namespace, "get", "pods", "-l", "app.kubernetes.io/name=doorward")
    logs = kubectl(namespace, "logs", "deployment/doorward", "--tail=50")
    if lease and spec.get("holderIdentity") and left < 0:
        cause = f"doorward doesn't run: Lease {namespace}/{lease_name} ran out {-left:.0f} s ago"
        evidence = (f"its last holder was {spec['holderIdentity']}",)
    elif pending and lease and not spec.get("holderIdentity"):
        cause = f"doorward doesn't run: nobody holds Lease {namespace}/{lease_name}"
        evidence = (f"{len(pending)} writes are due, such as: {pending[0]}",)
    elif pending and not left > 0:
        cause = "nobody does what is due: doorward doesn't run, or serves other namespaces"
        evidence = (f"{len(pending)} writes are due, such as: {pending[0]}",)
    else:
        return []
    return [Finding(about="cluster", reason="NotRunning", cause=cause, evidence=evidence, remedy=(pods, logs))]
