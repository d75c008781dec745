"""What a gateway shows to who asks for a door's host by TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from doorward_daemon.doctor.examination import Examination, Patient
from doorward_daemon.doctor.finding import Finding, kubectl
from doorward_daemon.doctor.names import MOST, Resolve, resolve

__all__ = ["Handshake", "handshake", "of_service"]

TIMEOUT = 5.0
"""Seconds for one handshake."""
EXPIRED, OTHER_HOST = 10, 62
"""X509_V_ERR_CERT_HAS_EXPIRED and X509_V_ERR_HOSTNAME_MISMATCH of OpenSSL's ``x509_vfy.h``."""

Handshake = Callable[[str, str], Awaitable[str]]
"""Why the certificate that an address shows for a host is none for it; empty where it is, or none is shown."""


async def handshake(address: str, host: str, port: int = 443) -> str:
    """By a real handshake.  Who signed the certificate isn't asked: that is between the clients and the signer."""
    try:
        shown = await _shown(address, port, host)
        if shown is None:
            return ""
        context = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(shown))
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        await _shake(address, port, host, context)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == EXPIRED:
            return "has expired"
        return "is for another host" if error.verify_code == OTHER_HOST else f"isn't valid: {error.verify_message}"
    except (OSError, TimeoutError):
        return ""  # what doesn't answer at all is another finding's business
    return ""


async def _shown(address: str, port: int, host: str) -> bytes | None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return await _shake(address, port, host, context)


async def _shake(address: str, port: int, host: str, context: ssl.SSLContext) -> bytes | None:
    async with asyncio.timeout(TIMEOUT):
        _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
        try:
            tls = writer.get_extra_info("ssl_object")
            return bytes(tls.getpeercert(binary_form=True)) if tls else None
        finally:
            writer.transport.abort()


async def of_service(
    _: Examination, patient: Patient, look_up: Resolve = resolve, shake: Handshake = handshake
) -> list[Finding]:
    """Hosts with scheme https whose certificate has expired, or is for another host."""
    door = patient.door
    if door is None or door.scheme != "https" or not patient.objects or door.exposure != "outside":
        return []
    found = []
    for host in door.hosts[:MOST]:
        address = next(iter(sorted(await look_up(host))), "")
        why = await shake(address, host) if address else ""
        if why:
            found.append(
                Finding(
                    about=patient.name,
                    reason="CertificateExpired" if "expired" in why else "CertificateInvalid",
                    cause=f"the certificate that {host} shows {why}",
                    evidence=(f"a handshake with {address}, port 443",),
                    remedy=(
                        f"openssl s_client -connect {address}:443 -servername {host} </dev/null | openssl x509 -text",
                        kubectl(patient.ref.namespace, "get", "certificates.cert-manager.io"),
                    ),
                )
            )
    return found
