"""When a candidate may take a Lease, and for how long it leads."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.lease import Election, Terms

TERMS = Terms(duration=15, deadline=10, retry=2, settle=1)
WALL = 1_800_000_000.0


def lease(holder: str = "other", **spec: Any) -> dict[str, Any]:
    return {"spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": "then", **spec}}


def election() -> Election:
    return Election("me", TERMS)


def won(began: float = 0.0, now: float = 0.0) -> Election:
    mine = election()
    mine.observe(None, began)
    mine.won({"spec": mine.bid(WALL)}, began, now)
    return mine


def test_nobodys_lease_may_be_taken_at_once() -> None:
    mine = election()
    for standing in (None, lease(""), {"spec": {}}, {}):
        mine.observe(standing, 0.0)
        assert mine.free_in(0.0) == 0


def test_anothers_lease_is_free_once_it_has_stayed_as_it_was_for_its_duration() -> None:
    mine = election()
    mine.observe(lease(), 100.0)
    assert mine.free_in(100.0) == 15
    mine.observe(lease(), 110.0)
    assert mine.free_in(110.0) == 5
    mine.observe(lease(renewTime="later"), 114.0)
    assert mine.free_in(114.0) == 15
    assert mine.free_in(129.0) == 0


def test_what_its_holder_says_of_its_duration_counts() -> None:
    mine = election()
    mine.observe(lease(leaseDurationSeconds=60), 0.0)
    assert mine.free_in(15.0) == 45
    mine.observe(lease(leaseDurationSeconds="long"), 20.0)
    assert mine.free_in(20.0) == TERMS.duration


def test_a_lease_that_was_deleted_is_its_holders_for_as_long_as_before() -> None:
    mine = election()
    mine.observe(lease(), 0.0)
    mine.observe(None, 5.0)
    assert mine.free_in(5.0) == 10
    assert mine.holder == "other"


def test_a_leader_whose_lease_was_deleted_leads_no_more_until_it_has_another() -> None:
    mine = won()
    mine.observe(None, 1.0)
    assert mine.seconds(1.0) == 0
    assert mine.free_in(1.0) == 0


def test_a_leader_leads_from_when_its_bid_was_sent_and_not_for_as_long_as_others_wait() -> None:
    mine = won(began=100.0, now=104.0)
    assert mine.seconds(104.0) == 6
    assert mine.seconds(110.0) == 0


def test_who_takes_over_waits_until_it_has_seen_what_the_one_before_wrote() -> None:
    mine = election()
    mine.observe(lease(""), 80.0)
    mine.won({"spec": mine.bid(WALL)}, 100.0, 101.0)
    assert (mine.seconds(101.0), mine.begins_in(101.0)) == (0, 1)
    assert mine.seconds(102.0) == 8
    mine.won({"spec": mine.bid(WALL)}, 103.0, 103.0)
    assert mine.seconds(103.0) == 10


def test_who_takes_a_lease_that_ran_out_or_that_nobody_had_waits_no_longer() -> None:
    mine = election()
    mine.observe(lease("other"), 80.0)
    mine.won({"spec": mine.bid(WALL)}, 100.0, 100.0)
    assert mine.seconds(100.0) == 10
    assert won(began=100.0, now=100.0).seconds(100.0) == 10


def test_a_bid_that_another_won_makes_nobody_a_leader() -> None:
    mine = election()
    mine.won(lease("other"), 0.0, 0.0)
    assert mine.seconds(0.0) == 0


def test_a_leader_that_sees_anothers_lease_leads_no_more() -> None:
    mine = won()
    mine.observe(lease("other"), 1.0)
    assert mine.seconds(1.0) == 0


def test_a_new_leader_is_counted_and_a_renewal_is_not() -> None:
    mine = election()
    mine.observe(lease("other", leaseTransitions=3, acquireTime="long ago"), 0.0)
    taken = mine.bid(WALL)
    assert taken == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2027-01-15T08:00:00.000000Z",
        "renewTime": "2027-01-15T08:00:00.000000Z",
        "leaseTransitions": 4,
    }
    mine.won({"spec": taken}, 0.0, 0.0)
    renewed = mine.bid(WALL + 2)
    assert renewed == {**taken, "renewTime": "2027-01-15T08:00:02.000000Z"}


def test_who_resigns_leaves_the_lease_to_anybody() -> None:
    mine = won()
    left = mine.resign(WALL)
    assert mine.seconds(0.0) == 0
    other = Election("other", TERMS)
    other.observe({"spec": left}, 0.0)
    assert other.free_in(0.0) == 0


@pytest.mark.parametrize("duration", [0.5, 2.5, 0, -1])
def test_a_lease_lasts_whole_seconds(duration: float) -> None:
    with pytest.raises(ValueError, match="whole seconds"):
        Terms.of(duration)


def test_a_term_that_was_raised_is_written_with_the_next_bid_and_never_falls() -> None:
    mine = won()
    assert mine.term == 0
    mine.raise_term(41)
    mine.won({"spec": mine.bid(WALL)}, 2.0, 2.0)
    assert mine.term == 42
    mine.raise_term(7)
    assert mine.bid(WALL)["leaseTransitions"] == 42
    assert mine.resign(WALL)["leaseTransitions"] == 42
