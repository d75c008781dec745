"""URLs: built from an address, or written by others and taken only where they are plain."""

from __future__ import annotations

import re
from ipaddress import ip_address

from doorward.model.hosts import domain_problem

__all__ = ["is_address", "is_plain", "url"]

LONGEST = 2048
"""Characters of a URL that is taken."""

_URL = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[^/?#@:\[\]]+)(?::([0-9]{1,5}))?(?:/[-A-Za-z0-9/._~!$&'()*+,;=:@%]*)?")


def url(scheme: str, address: str) -> str:
    """The URL of a host name or IP address; IPv6 goes into brackets (RFC 3986, section 3.2.2)."""
    return f"{scheme}://[{address}]" if ":" in address else f"{scheme}://{address}"


def is_address(text: object) -> bool:
    """Whether ``text`` is an IP address or a host name, as a load balancer is reached by."""
    return isinstance(text, str) and (domain_problem(text.lower()) is None or _is_ip(text))


def is_plain(text: object) -> bool:
    """Whether ``text`` is a URL of http or https with a host, and at most a port and a path behind it.

    User information, queries and fragments have no place in the URL of a component.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        return False
    found = _URL.fullmatch(text)
    if found is None or (found[2] and not 0 < int(found[2]) < 65536):
        return False
    host = found[1]
    return _is_ip(host[1:-1]) if host.startswith("[") else is_address(host)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone means something on one machine alone
