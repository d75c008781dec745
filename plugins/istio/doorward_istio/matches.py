"""Istio's ways to say "this host, with or without a port" and "this path and everything below".

Source: networking.istio.io HTTPMatchRequest: ``regex`` is RE2 and matches the whole value, ``prefix`` any text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

ANY_PORT = r"(:\d+)?"


def any_of(hosts: Sequence[str]) -> str:
    """An expression for an authority that is one of ``hosts``.

    One for all: Istio gives every host of a VirtualService all of its matches, so that a match per host would cost the
    square of their number.
    """
    escaped = "|".join(hosts).replace(".", r"\.")
    return escaped + ANY_PORT if len(hosts) == 1 else f"({escaped}){ANY_PORT}"


def in_cluster(hosts: tuple[str, str, str], bare: bool) -> str:
    """An expression for the three forms of an in-cluster name; ``bare``: for the name without its namespace too."""
    short, service, full = hosts
    name, _, namespace = short.partition(".")
    domain = full[len(service) + 1 :].replace(".", r"\.")
    forms = rf"(\.svc(\.{domain})?)?"
    return rf"{name}(\.{namespace}{forms})?{ANY_PORT}" if bare else rf"{name}\.{namespace}{forms}{ANY_PORT}"


def is_inside(regex: str, host: str) -> bool:
    """Whether an expression stands for ``host`` as one of the forms of an in-cluster name.

    So it is written here, and by KServe, OME and Knative: ``m\\.a(\\.svc(\\.cluster\\.local)?)?``.  The name alone
    tells nothing: ``m.a.svc.example.com`` may be a host outside.

    Source: ``HostRegExp`` in kserve/kserve, pkg/constants/constants.go; Knative's ``hostRegExp`` in
    knative-extensions/net-istio, pkg/reconciler/ingress/resources/virtual_service.go.
    """
    name, _, rest = host.partition(".")
    namespace, _, rest = rest.partition(".")
    service, _, domain = rest.partition(".")
    if not namespace or service not in ("", "svc"):
        return False
    escaped = domain.replace(".", r"\.")
    forms = rf"(\.svc(\.{escaped})?)?" if domain else _FORMS
    plain = regex.removeprefix("^").replace("(?:", "(")
    return plain.startswith((rf"{name}\.{namespace}{forms}", rf"{name}(\.{namespace}{forms}"))


@lru_cache(maxsize=64)
def hosts_of(regex: str) -> frozenset[str] | None:
    """The hosts outside the cluster that an expression of this module stands for; None where another hand wrote it."""
    if not regex.endswith(ANY_PORT):
        return None
    if regex.endswith(_FORMS_END) and _FORMS in regex:
        return frozenset()
    escaped = regex.removesuffix(ANY_PORT)
    if escaped.startswith("(") and escaped.endswith(")"):
        escaped = escaped[1:-1]
    hosts = escaped.replace(r"\.", "/")
    if hosts.translate(_HOST_CHARACTERS):
        return None
    return frozenset(hosts.replace("/", ".").split("|"))


_FORMS = r"(\.svc(\."
_FORMS_END = ")?)?" + ANY_PORT
_HOST_CHARACTERS = {ord(character): None for character in "abcdefghijklmnopqrstuvwxyz0123456789-/|"}
