"""Which service was meant, most likely, where there is none of the name that was typed."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice

from doorward.explaining import ExplainingEngine
from doorward.model.reference import Ref

from doorward_daemon.asking.doors import row

__all__ = ["did_you_mean"]

_LIKE = 0.6
"""How much alike (difflib's ratio) two names are of which one may be a slip of the other."""
_MOST_COMPARED = 20_000
_FEW = 5


def did_you_mean(asked: str, engine: ExplainingEngine) -> str:
    """``; did you mean NAMESPACE/NAME?``, of what an engine knows; empty where nothing is like it.

    ``asked`` is NAME or NAMESPACE/NAME.  One of the same namespace comes first, then one of nearly that namespace.
    """
    where, _, name = asked.rpartition("/")
    services: dict[str, dict[str, Ref]] = {}
    for ref in islice(engine.known(), _MOST_COMPARED):
        services.setdefault(ref.namespace if where else "", {})[ref.name] = ref
    near = get_close_matches(where, services, n=_FEW, cutoff=_LIKE) if where else services
    for refs in (services[each] for each in near):
        for found in get_close_matches(name, refs, n=_FEW, cutoff=_LIKE):
            ref = refs[found]
            if row(engine, ref) is not None:
                return f"; did you mean {ref.namespace}/{ref.name}?"
    return ""
