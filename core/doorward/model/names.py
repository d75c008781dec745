"""Names that we derive, the same everywhere: cut to what Kubernetes allows, and never another service's."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

__all__ = ["LABEL", "cut", "derived", "mark", "service_name"]

LABEL = 63
"""The longest DNS label (RFC 1123), and so the longest name of a Service and value of a label."""

_STRANGER = re.compile(r"[^a-z0-9-]")
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def cut(name: str) -> str:
    """``name``, or where it is over 63 characters: eight hex digits of its SHA-256, ``-``, and its last 54 characters.

    A leading digit of the hash becomes ``a``, as in OME (``TruncateNameWithMaxLength``).
    """
    if len(name) <= LABEL:
        return name
    digest = sha256(name.encode()).hexdigest()[:8]
    if digest[0].isdigit():
        digest = "a" + digest[1:]
    return f"{digest}-{name[-54:]}"


@lru_cache(maxsize=4096)
def mark(namespace: str, name: str, path: str = "") -> str:
    """The five hex digits that keep a derived name apart from every other service's."""
    return sha256(f"{namespace}/{name}{path}".encode()).hexdigest()[:5]


def derived(name: str, suffix: str, digits: str) -> str:
    """``NAME-SUFFIX-HHHHH``, cut before its suffix to 63 characters in all; no suffix: ``NAME-HHHHH``."""
    tail = f"-{suffix}-{digits}" if suffix else f"-{digits}"
    return name[: LABEL - len(tail)].rstrip("-.") + tail


def service_name(wanted: str, namespace: str, name: str) -> str:
    """A name that a Service can bear: ``wanted``, cut and mended where it can't be one (RFC 1035 labels)."""
    short = cut(wanted)
    if _SERVICE_NAME.fullmatch(short):
        return short
    mended = _STRANGER.sub("-", wanted.lower()).strip("-")
    if not mended or mended[0].isdigit():
        mended = "d-" + mended
    return derived(mended, "", mark(namespace, name))
