"""An address to listen on."""

from __future__ import annotations

import ipaddress


class AddressError(Exception):
    """An address that can't be listened on."""


def parse_address(text: str) -> tuple[str | None, int]:
    """``HOST:PORT``, ``:PORT`` or ``[IPv6]:PORT``; no host: every address.  Raises AddressError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise AddressError(f"{text!r} is no address; write HOST:PORT, such as 127.0.0.1:8080 or :8080")
    return host.strip("[]") or None, int(port)


def is_loopback(host: str | None) -> bool:
    """Whether an address to listen on is loopback; no host is every address."""
    if not host:
        return False
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
