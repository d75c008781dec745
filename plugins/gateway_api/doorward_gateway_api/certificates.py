"""Whether the certificate of a host has expired, as far as cert-manager says so.

Secrets aren't read: keys lie beside the certificates.  A Certificate whose Secret holds an expired one has condition
Ready False with reason ``Expired``.

Source: cert-manager/cert-manager, internal/controller/certificates/policies/checks.go (CurrentCertificateHasExpired).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from doorward.model.door import Door, Warning
from doorward.model.quoting import short
from doorward.model.reference import JsonObject, Ref

from doorward_gateway_api.listeners import Listeners


def expired(
    door: Door, hosts: Collection[str], listeners: Listeners, needed: Mapping[Ref, JsonObject]
) -> Iterator[Warning]:
    """A warning for each expired certificate of a listener that takes one of these hosts."""
    if door.scheme != "https":
        return
    serving = listeners.for_any(hosts, tls=True)
    for ref in dict.fromkeys(ref for listener in serving for ref in listener.certificates):
        if why := _expiry(needed.get(ref)):
            message = f"the certificate of Secret {ref.namespace}/{short(ref.name)} has expired: {why}"
            yield Warning("CertificateExpired", message, condition=True)


def _expiry(certificate: JsonObject | None) -> str:
    """What cert-manager says of it; empty where it hasn't expired."""
    for condition in ((certificate or {}).get("status") or {}).get("conditions") or ():
        told = (condition.get("type"), condition.get("status"), condition.get("reason"))
        if told == ("Ready", "False", "Expired"):
            return short(condition.get("message") or "Expired")
    return ""
