"""Which hosts and paths a door may have, and how path prefixes relate: always by whole segments.

A problem is a phrase that follows "HOST: "; whoever reports it names the annotation or setting, and the value.
"""

from __future__ import annotations

import re

from doorward.model.quoting import short

__all__ = [
    "LONGEST_HOST",
    "LONGEST_PATH",
    "clean_path",
    "domain_problem",
    "host_problem",
    "is_below",
    "is_in_cluster",
    "overlaps",
    "path_problem",
    "plain_host",
    "plain_prefix",
    "segment_prefix",
    "service_of",
]

LONGEST_HOST = 253
LONGEST_PATH = 1024

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_HOST = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})+")
_DOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_IPV4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_STRANGER = re.compile(r"[^-a-z0-9.]")
_PATH = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*")
_ESCAPED = re.compile(r"%([0-9a-fA-F]{2})")
_NEEDS_NO_ESCAPE = re.compile(r"[-A-Za-z0-9/._~!$&'()*+,;=:@]")
_MEANS_MORE = re.compile(r"[%\\?#\x00-\x1f\x7f]")


def host_problem(host: str) -> str | None:
    """Why ``host`` can't be a door's host: None for a lower-case DNS name of at least two labels.

    At most 253 characters, labels at most 63, the last of them not all digits (RFC 1123, section 2.1).  No wildcards,
    and no IP addresses, which neither Ingress nor Gateway API takes.
    """
    if len(host) <= LONGEST_HOST and _HOST.fullmatch(host) and not host.rpartition(".")[2].isdigit():
        return None
    return _name_problem(host, labels=2)


def domain_problem(domain: str) -> str | None:
    """Why ``domain`` can't be the end of a host: as :func:`host_problem`, but one label is enough."""
    if len(domain) <= LONGEST_HOST and _DOMAIN.fullmatch(domain) and not domain.rpartition(".")[2].isdigit():
        return None
    return _name_problem(domain, labels=1)


def _name_problem(name: str, labels: int) -> str | None:
    if not name:
        return "is empty"
    if len(name) > LONGEST_HOST:
        return f"has {len(name)} characters; a host name has at most {LONGEST_HOST}"
    if name != name.lower():
        return "has capital letters; a host name is written in lower case"
    if stranger := _STRANGER.search(name):
        return f"has {stranger[0]!r}; a host name has letters, digits, '-' and '.' only"
    if _IPV4.fullmatch(name):
        return "is an IP address; a host name is needed"
    parts = name.split(".")
    for label in parts:
        if not label:
            return "has an empty label; a host name has one '.' between labels and none at its ends"
        if len(label) > 63:
            return f"has a label of {len(label)} characters; at most 63 are allowed ({short(label)})"
        if not _LABEL.fullmatch(label):
            return f"has a label that starts or ends with '-' ({short(label)})"
    if parts[-1].isdigit():
        return f"ends in a label of digits alone ({parts[-1]}), as an IP address does"
    if len(parts) < labels:
        return f"has {len(parts)} label; a host name has at least {labels}, as in model.example.com"
    return None


def is_below(name: str, domain: str) -> bool:
    """Whether ``name`` is ``domain`` or lies below it."""
    return name == domain or name.endswith(f".{domain}")


def is_in_cluster(name: str, cluster_domain: str) -> bool:
    """Whether ``name`` is one that the cluster's DNS keeps to itself: below its domain, or ``….svc`` without it.

    Pods look names up below ``svc.CLUSTERDOMAIN`` and ``CLUSTERDOMAIN`` first (Kubernetes' DNS specification), so that
    both name a Service to them.
    """
    return is_below(name, cluster_domain) or is_below(name, "svc")


def service_of(host: str, cluster_domain: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a host is a name of inside the cluster; None for any other host."""
    name, _, rest = host.partition(".")
    namespace, _, rest = rest.partition(".")
    return (namespace, name) if namespace and rest in ("", "svc", f"svc.{cluster_domain}") else None


def path_problem(path: str) -> str | None:
    """Why ``path`` can't be a door's prefix: None for an absolute path that every proxy reads alike.

    One trailing ``/`` is fine, and :func:`clean_path` drops it.  The characters are those of RFC 3986's ``pchar``, as
    in Gateway API's HTTPPathMatch.  What a proxy may normalise away is refused, since such a path could lead out of the
    prefix, or be another's prefix: dots and slashes, written plainly or as ``%2e`` and ``%2f``; ``;``, behind which
    some proxies cut a segment off; and every way to write a path but one, so that no two prefixes mean the same.
    """
    if not path.startswith("/"):
        return "doesn't start with '/'"
    if "//" in path:
        return "has '//'"
    if ".." in path:
        return "has '..'"
    if "?" in path:
        return "has a query ('?')"
    if "#" in path:
        return "has a fragment ('#')"
    if path == "/":
        return "is '/', which is the whole host; a path below it is needed"
    if len(path) > LONGEST_PATH:
        return f"has {len(path)} characters; at most {LONGEST_PATH} are allowed"
    if not _PATH.fullmatch(path):
        return "has a character that a path can't have unless it is percent-encoded"
    lower = path.lower()
    if "%2f" in lower or "%2e" in lower:
        return "has an encoded '/' or '.' (%2f, %2e)"
    if "/./" in path or path.endswith("/."):
        return "has a segment '.'"
    if ";" in path:
        return "has ';', behind which some proxies cut a segment off"
    return _escape_problem(path)


def _escape_problem(path: str) -> str | None:
    for code in _ESCAPED.findall(path):
        character = chr(int(code, 16))
        if _NEEDS_NO_ESCAPE.fullmatch(character):
            return f"has %{code}, which some proxies read as {character!r} and others don't; write {character!r}"
        if _MEANS_MORE.fullmatch(character):
            return f"has %{code}, which means more to some proxies than to others"
        if code != code.upper():
            return f"has %{code}, which is the same as %{code.upper()}; write that"
    return None


def clean_path(path: str) -> str:
    """``path`` without a trailing ``/``."""
    return path.removesuffix("/")


def plain_host(host: str) -> str:
    """The host that somebody's object names, as proxies compare hosts: in lower case, without a final dot."""
    return host.lower().rstrip(".")


def plain_prefix(prefix: str) -> str:
    """The path prefix that somebody's object names, as a proxy that normalises paths may read it.

    Characters that need no escape are written out (RFC 3986, section 6.2.2), slashes that follow each other are one,
    segments ``.`` and ``..`` are followed.
    """
    if "%" in prefix:
        prefix = _ESCAPED.sub(lambda code: _unescaped(code[0]), prefix)
    if "//" not in prefix and "/." not in prefix:
        return prefix
    segments: list[str] = []
    for segment in prefix.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return "/" + "/".join(segments)


def _unescaped(code: str) -> str:
    character = chr(int(code[1:], 16))
    return character if _NEEDS_NO_ESCAPE.fullmatch(character) else code.upper()


def segment_prefix(prefix: str, path: str) -> bool:
    """Whether ``path`` is ``prefix`` or lies below it; ``/`` (or nothing) holds every path.

    ``/v1/decoder`` holds ``/v1/decoder`` and ``/v1/decoder/x``, never ``/v1/decoders``.
    """
    prefix = prefix.removesuffix("/")
    return path.startswith(prefix) and (len(path) == len(prefix) or not prefix or path[len(prefix)] == "/")


def overlaps(prefix_a: str, prefix_b: str) -> bool:
    """Whether some path lies below both prefixes: one of them then holds the other."""
    a, b = prefix_a.removesuffix("/"), prefix_b.removesuffix("/")
    return segment_prefix(a, b) or segment_prefix(b, a)
