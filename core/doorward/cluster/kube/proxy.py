"""Which proxy a request goes through, by the rules of Go's ``httpproxy``, and so of kubectl.

Python's own reading of NO_PROXY knows no address ranges, which is how clusters are usually exempted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit


def proxy_for(url: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """The proxy for ``url`` by HTTPS_PROXY, HTTP_PROXY and NO_PROXY (upper case wins over lower); None: none."""
    target = urlsplit(url)
    host, port = target.hostname or "", target.port or (443 if target.scheme == "https" else 80)
    proxy = _get(environ, f"{target.scheme.upper()}_PROXY")
    if not proxy or _loopback(host) or _exempt(host, port, _get(environ, "NO_PROXY")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _get(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _loopback(host: str) -> bool:
    address = _network(host)
    return address.is_loopback if address else host == "localhost"


def _exempt(host: str, port: int, no_proxy: str) -> bool:
    patterns = (entry.strip() for entry in no_proxy.lower().split(","))
    return any(_matches(pattern, host, port) for pattern in patterns if pattern)


def _matches(pattern: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY has the host: ``*``, an address, a range, or a name with everything below it.

    All but ranges may end in a port; ``.example.com`` and ``*.example.com`` mean what is below alone.
    """
    if pattern == "*":
        return True
    network = _network(pattern)
    if network is None:
        name, colon, only = pattern.rpartition(":")
        if colon and only != str(port):
            return False
        pattern = name.strip("[]") if colon else pattern
        network = _network(pattern)
    if network is not None:
        address = _network(host)
        return address is not None and address.network_address in network
    pattern = pattern.removeprefix("*")
    return host.endswith(pattern) if pattern.startswith(".") else host == pattern or host.endswith(f".{pattern}")


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
