"""Whether a certificate has expired, as far as cert-manager says so.

Secrets aren't read: keys lie beside the certificates.  A Certificate whose Secret holds an expired one has condition
Ready False with reason ``Expired``.  Those that cert-manager makes for an Ingress or a Gateway are called like the
Secret; of others nothing is known.

Source: cert-manager/cert-manager, internal/controller/certificates/policies/checks.go (CurrentCertificateHasExpired),
and pkg/controller/certificate-shim/sync.go (buildCertificates).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from doorward.model.door import Warning
from doorward.model.quoting import short
from doorward.model.reference import JsonObject, Ref, Resource

__all__ = ["CERTIFICATE", "certificate_of", "expired"]

CERTIFICATE = Resource("Certificate.cert-manager.io", "certificates", ("v1",))


def certificate_of(namespace: str, secret: str) -> Ref:
    """The Certificate of a Secret."""
    return Ref(CERTIFICATE.kind, namespace, secret)


def expired(certificates: Iterable[Ref], read: Callable[[Ref], JsonObject | None]) -> Iterator[Warning]:
    """A warning for each of these Certificates whose Secret holds an expired one."""
    for ref in dict.fromkeys(certificates):
        if why := _expiry(read(ref)):
            message = f"the certificate of Secret {ref.namespace}/{short(ref.name)} has expired: {why}"
            yield Warning("CertificateExpired", message, condition=True)


def _expiry(certificate: JsonObject | None) -> str:
    """What cert-manager says of it; empty where it hasn't expired."""
    for condition in ((certificate or {}).get("status") or {}).get("conditions") or ():
        told = (condition.get("type"), condition.get("status"), condition.get("reason"))
        if told == ("Ready", "False", "Expired"):
            return short(condition.get("message") or "Expired")
    return ""
