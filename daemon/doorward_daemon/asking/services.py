"""Which services a question is about: NAME or NAMESPACE/NAME, in a namespace or in all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from doorward.model.reference import Ref

from doorward_daemon.asking.failing import Unanswered

__all__ = ["About"]


class About(msgspec.Struct, frozen=True):
    """``namespaces``: those in which services are looked for (empty: all); ``names``: which (empty: all there)."""

    namespaces: tuple[str, ...]
    names: tuple[tuple[str, str], ...] = ()
    """Each with its namespace; an empty one stands for any."""

    @classmethod
    def of(cls, names: Iterable[str], namespace: str, *, everywhere: bool = False) -> About:
        """What was typed, where ``namespace`` is meant unless another is named."""
        asked = tuple(_split(name, "" if everywhere else namespace) for name in names)
        if everywhere or any(not where for where, _ in asked):
            return cls((), asked)
        return cls(tuple(dict.fromkeys(where for where, _ in asked)) or (namespace,), asked)

    def has(self, ref: Ref) -> bool:
        """Whether a service is asked about."""
        if not self.names:
            return not self.namespaces or ref.namespace in self.namespaces
        return (ref.namespace, ref.name) in self.names or ("", ref.name) in self.names

    def missing(self, found: Iterable[Ref]) -> Sequence[str]:
        """What was asked for by name and isn't there."""
        known = {(ref.namespace, ref.name) for ref in found} | {("", ref.name) for ref in found}
        return ["/".join(filter(None, each)) for each in self.names if each not in known]


def _split(name: str, namespace: str) -> tuple[str, str]:
    where, slash, rest = name.partition("/")
    if not slash:
        return namespace, name
    if not where or not rest or "/" in rest:
        raise Unanswered(f"{name!r} is no service; write NAME or NAMESPACE/NAME")
    return where, rest
