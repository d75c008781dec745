"""One request through a door, and how far it came."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import msgspec

from doorward_daemon.doctor.examination import Patient
from doorward_daemon.doctor.names import Resolve, resolve

__all__ = ["Step", "travel"]

TIMEOUT = 10.0
"""Seconds for each step."""
LONGEST = 65536
"""Bytes of an answer that are read."""

_MEANS = {
    401: "the door asks for a key, and the request had none: the gateway and the guard work",
    403: "the gateway, or the component, refuses this client",
    404: "the gateway knows no such host or path, or the component doesn't: compare the door's hosts and routes",
    502: "the gateway reached the component, and its answer made no sense: does its port speak HTTP?",
    503: "the gateway has nobody to send it to: no ready endpoint, or no such Service",
    504: "the component didn't answer in time",
}


class Step(msgspec.Struct, frozen=True):
    """One step of a request."""

    name: str
    """``resolve``, ``connect``, ``tls`` or ``answer``."""
    well: bool
    said: str


async def travel(patient: Patient, path: str, address: str = "", look_up: Resolve = resolve) -> list[Step]:
    """Send a GET through a service's door; ``address``: go there rather than where the host's name leads.

    The last step is the one at which it failed, or the answer.
    """
    url = str((patient.object.get("status") or {}).get("url") or "")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host:
        return [Step("resolve", False, "the service has no status.url: no door stands")]
    there, _, other = address.rpartition(":") if address.count(":") == 1 else (address, "", "")
    port = int(other or parts.port or (443 if parts.scheme == "https" else 80))
    steps = []
    if not there:
        addresses = sorted(await look_up(host))
        if not addresses:
            return [Step("resolve", False, f"{host} doesn't resolve here")]
        there = addresses[0]
        steps.append(Step("resolve", True, f"{host} is {', '.join(addresses)}"))
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(there, port)
    except (OSError, TimeoutError) as error:
        return [*steps, Step("connect", False, f"{there}, port {port}: {error or 'no answer'}")]
    steps.append(Step("connect", True, f"{there}, port {port}"))
    try:
        if parts.scheme == "https":
            try:
                async with asyncio.timeout(TIMEOUT):
                    await writer.start_tls(ssl.create_default_context(), server_hostname=host)
            except (OSError, TimeoutError) as error:
                return [*steps, Step("tls", False, str(error) or "no answer")]
            steps.append(Step("tls", True, f"the certificate is {host}'s"))
        target = parts.path.rstrip("/") + path
        asked = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: doorward\r\nConnection: close\r\n\r\n"
        try:
            async with asyncio.timeout(TIMEOUT):
                writer.write(asked.encode("ascii"))
                head = (await reader.read(LONGEST)).partition(b"\r\n\r\n")[0].decode("latin-1")
        except (OSError, TimeoutError) as error:
            return [*steps, Step("answer", False, f"GET {target}: {error or 'no answer'}")]
    finally:
        writer.transport.abort()
    return [*steps, _answer(target, head)]


def _answer(target: str, head: str) -> Step:
    line, _, rest = head.partition("\r\n")
    status = int(line.split()[1]) if line.startswith("HTTP/") and line.split()[1:2] else 0
    server = next((each for each in rest.split("\r\n") if each.lower().startswith("server:")), "")
    said = ", ".join(filter(None, (line or "no answer", server)))
    means = _MEANS.get(status, "")
    return Step("answer", 200 <= status < 400, f"GET {target}: {said}" + (f": {means}" if means else ""))
