"""How bad it is what a Warning event says (docs/doctor.md, How bad it is)."""

from __future__ import annotations

from doorward_daemon.doctor.finding import Severity

__all__ = ["severity"]

_FAULTS = frozenset(
    {"BackendUnreachable", "CertificateExpired", "DomainNotAllowed", "HostConflict", "InvalidSettings", "NoListener"}
)
"""A host, or a component, to which no request comes."""
_REMARKS = frozenset({"NoPathRouting", "NotRouted"})
"""What no door of that sort could do."""


def severity(reason: str) -> Severity:
    """That of a Warning event; what the condition says is a fault, whatever its reason."""
    return "fault" if reason in _FAULTS else "remark" if reason in _REMARKS else "warning"
