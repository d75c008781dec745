"""What a kubeconfig says of TLS: whom we believe to be the server, and the certificate by which it knows us.

Standard library alone.  The official client imports a module per kind of Kubernetes before it can be asked for such a
context: half of what a process took that was about to make its first request.
"""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from doorward.cluster.kube.access import Access
from doorward.cluster.kube.credentials import Credential
from doorward.model.reference import JsonObject


def context_of(access: Access, credential: Credential) -> ssl.SSLContext:
    """The context for connections to the server of ``access``.

    As in kubectl, what is given as data goes before a file, and the user's own certificate before a plugin's.  Raises
    OSError (ssl.SSLError among them) or ValueError for what can't be read.
    """
    authority = _content(access.cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    # kubectl accepts authorities without the extensions that Python's strict mode asks for since 3.13.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if access.cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate = _content(access.user, "client-certificate")
    key = _content(access.user, "client-key")
    if not (certificate or key):
        certificate, key = credential.certificate.encode(), credential.key.encode()
    if certificate:
        _load(context, certificate, key)
    return context


def _content(entry: JsonObject, name: str) -> bytes:
    """PEM from ``name-data``, else from the file ``name``; empty where neither is there."""
    if data := entry.get(f"{name}-data"):
        return base64.b64decode(str(data), validate=False)
    return Path(entry[name]).read_bytes() if entry.get(name) else b""


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Python loads a certificate from files alone: these are for this user only, and gone at once."""
    with TemporaryDirectory(prefix="doorward-") as folder:
        chain = Path(folder, "certificate.pem")
        chain.write_bytes(certificate + b"\n" + key)
        context.load_cert_chain(chain)
