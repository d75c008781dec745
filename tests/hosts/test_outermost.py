"""Of what an object claims, the outermost: what nothing else in it covers."""

from __future__ import annotations

from time import process_time

import pytest
from doorward.model.door import Claim
from doorward.model.hosts import segment_prefix
from doorward.model.outermost import outermost
from hypothesis import given
from hypothesis import strategies as st

HOST = "m.example.com"

CLAIMS = st.lists(
    st.builds(
        Claim,
        st.sampled_from(["a.b", "c.d"]),
        st.sampled_from(["/", "/a", "/a/b", "/a-b", "/ab", "/a/b/c", "/a//b", "/a.b", "a"]),
        st.sampled_from([(), ("x",), ("y",), ("x", "y")]),
        st.booleans(),
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("claims", "left"),
    [
        ([], []),
        ([Claim(HOST, "/a/b"), Claim(HOST, "/a")], [Claim(HOST, "/a")]),
        ([Claim(HOST, "/a"), Claim(HOST, "/ab")], [Claim(HOST, "/a"), Claim(HOST, "/ab")]),
        ([Claim(HOST, "/a"), Claim(HOST, "/a-b"), Claim(HOST, "/a/b")], [Claim(HOST, "/a"), Claim(HOST, "/a-b")]),
        ([Claim(HOST, "/a"), Claim("o.example.com", "/a/b")], [Claim(HOST, "/a"), Claim("o.example.com", "/a/b")]),
        ([Claim(HOST, "/a", exact=True), Claim(HOST, "/a")], [Claim(HOST, "/a")]),
        (
            [Claim(HOST, "/a/b"), Claim(HOST, "/a", exact=True)],
            [Claim(HOST, "/a/b"), Claim(HOST, "/a", exact=True)],
        ),
    ],
)
def test_a_claim_goes_where_another_holds_its_prefix(claims: list[Claim], left: list[Claim]) -> None:
    assert list(outermost(claims)) == left


def test_what_another_gateway_serves_covers_nothing() -> None:
    apart = (Claim(HOST, "/", ("x",)), Claim(HOST, "/a", ("y",)))
    assert outermost(apart) == apart
    assert outermost([Claim(HOST, "/", ("x", "y")), Claim(HOST, "/a", ("y",))]) == (Claim(HOST, "/", ("x", "y")),)


def test_one_place_is_one_claim_wherever_it_is_served() -> None:
    claims = [Claim(HOST, "/a", ("x",)), Claim(HOST, "/b"), Claim(HOST, "/a", ("y", "x"))]
    assert outermost(claims) == (Claim(HOST, "/a", ("x", "y")), Claim(HOST, "/b"))


@given(CLAIMS)
def test_what_is_left_covers_all_that_was_claimed_and_none_of_it_another(claims: list[Claim]) -> None:
    left = outermost(claims)
    assert {claim.host for claim in left} == {claim.host for claim in claims}
    for claim in claims:
        holding = [each for each in left if _holds(each, claim)]
        assert {*claim.via} <= {way for each in holding for way in each.via}
        assert holding
    assert not [(a, b) for a in left for b in left if a != b and _holds(a, b) and {*b.via} <= {*a.via}]


def _holds(outer: Claim, inner: Claim) -> bool:
    same = (outer.prefix, outer.exact) == (inner.prefix, inner.exact)
    return outer.host == inner.host and (same or (not outer.exact and segment_prefix(outer.prefix, inner.prefix)))


@pytest.mark.parametrize("claimed", ["/{}", "/a/{}", "/{}/" + "a/" * 99], ids=["flat", "beside", "deep"])
def test_thousands_of_paths_are_looked_at_in_no_time(claimed: str) -> None:
    claims = [Claim(HOST, claimed.format(n)) for n in range(10_000)]
    started = process_time()
    assert len(outermost(claims)) == len(claims)
    assert process_time() - started < 5
