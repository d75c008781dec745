"""Which service was meant, most likely, where there is none of the name that was typed."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice

from doorward.explaining import ExplainingEngine
from doorward.model.reference import Ref

from doorward_daemon.asking.doors import row

__all__ = ["did_you_mean"]

_LIKE = 0.7
"""How much alike (difflib's ratio) two names are of which one may be a slip of the other."""
_MOST_COMPARED = 20_000
_FEW = 5


def did_you_mean(asked: str, engine: ExplainingEngine) -> str:
    """``; did you mean NAMESPACE/NAME?``, of what an engine knows; empty where nothing is like it.

    ``asked`` is NAME or NAMESPACE/NAME.  One of the same namespace comes first.
    """
    where, _, name = asked.rpartition("/")
    known = list(islice(engine.known(), _MOST_COMPARED))
    nearby: dict[str, Ref] = {ref.name: ref for ref in known if where in ("", ref.namespace)}
    anywhere = {f"{ref.namespace}/{ref.name}": ref for ref in known}
    for typed, refs in ((name, nearby), (asked, anywhere)):
        for near in get_close_matches(typed, refs, n=_FEW, cutoff=_LIKE):
            ref = refs[near]
            if row(engine, ref) is not None:
                return f"; did you mean {ref.namespace}/{ref.name}?"
    return ""
