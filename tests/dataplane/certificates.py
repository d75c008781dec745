"""An authority of the tests' own, its certificates as Secrets of the gateways, and who is served which of them."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

import trustme
from doorward.model.reference import JsonObject

from tests.dataplane.network import GATEWAY, Network

LONG_AGO = datetime.now(UTC) - timedelta(days=30)
OVER = datetime.now(UTC) - timedelta(days=1)


class Authority:
    """It certifies hosts, and whoever has its :meth:`context` trusts nobody else."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    @property
    def pem(self) -> str:
        return self._ca.cert_pem.bytes().decode()

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.pem)

    def data(self, *hosts: str, expired: bool = False) -> dict[str, str]:
        """What a Secret of type ``kubernetes.io/tls`` holds: a certificate for these hosts, and its key."""
        validity = {"not_before": LONG_AGO, "not_after": OVER} if expired else {}
        made = self._ca.issue_cert(*hosts, **validity)
        chain = b"".join(pem.bytes() for pem in made.cert_chain_pems)
        return {
            "tls.crt": b64encode(chain).decode(),
            "tls.key": b64encode(made.private_key_pem.bytes()).decode(),
        }


def secret(name: str, namespace: str, data: dict[str, str]) -> JsonObject:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}


async def served(network: Network, host: str, port: int, trusting: ssl.SSLContext) -> bytes:
    """The certificate, in DER, by which the gateway proves to be a host.

    Raises OSError (an SSLError is one) where it doesn't.
    """
    connection = network.socket()
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, (GATEWAY, port))
    _, writer = await asyncio.open_connection(sock=connection, ssl=trusting, server_hostname=host)
    try:
        found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return found
    finally:
        writer.close()


def certificate_in(data: dict[str, str]) -> bytes:
    """The certificate, in DER, of a Secret's data."""
    return ssl.PEM_cert_to_DER_cert(b64decode(data["tls.crt"]).decode())
