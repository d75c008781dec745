"""Of what an object claims, that which nothing else of the same object covers."""

from __future__ import annotations

from collections.abc import Iterable

from doorward.model.door import Claim
from doorward.model.hosts import segment_prefix

__all__ = ["outermost"]


def outermost(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """What the hook ``claims`` returns for an object: one claim per host and place, none below another.

    Claims of one host and prefix become one, served wherever any of them is (``via``).  A claim goes where another of
    its host holds its prefix, in whole segments, and is served wherever it is; an exact one holds nothing.  The rest
    stay in their order.  It takes as many steps as there are claims, nearly: anybody's object may have thousands.
    """
    claims = tuple(claims)
    if len(claims) == 1 and len(claims[0].via) < 2:
        return claims  # as of most objects
    ways: dict[tuple[str, str, bool], dict[str, None]] = {}
    for claim in claims:
        ways.setdefault((claim.host, claim.prefix, claim.exact), {}).update(dict.fromkeys(claim.via))
    covered: set[tuple[str, str, bool]] = set()
    above: list[tuple[str, str, bool]] = []
    for place in sorted(ways, key=_segments):
        host, prefix, exact = place
        while above and not (above[-1][0] == host and segment_prefix(above[-1][1], prefix)):
            above.pop()
        if any(ways[place].keys() <= ways[outer].keys() for outer in above):
            covered.add(place)
        elif not exact:
            above.append(place)
    return tuple(
        Claim(host, prefix, tuple(via), exact)
        for (host, prefix, exact), via in ways.items()
        if (host, prefix, exact) not in covered
    )


def _segments(place: tuple[str, str, bool]) -> tuple[str, list[str], bool]:
    """What sorts each place behind those that hold it, with nothing between that they don't hold as well."""
    host, prefix, exact = place
    return host, prefix.removesuffix("/").split("/"), exact
