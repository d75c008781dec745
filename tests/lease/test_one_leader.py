"""Never two leaders: whatever is late, lost, or stopped, and whatever each one's clock says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from doorward.lease import Election, Terms
from hypothesis import given
from hypothesis import strategies as st

TERMS = Terms(duration=15, deadline=10, retry=2)


@dataclass
class Server:
    """One Lease, under optimistic concurrency."""

    version: int = 0
    lease: dict[str, Any] | None = None

    def write(self, version: int, spec: dict[str, Any]) -> bool:
        if version != (self.version if self.lease else 0):
            return False
        self.version += 1
        self.lease = {"spec": spec}
        return True


@dataclass
class Process:
    election: Election
    offset: float
    """How far its clock is from everybody else's."""
    seen: int = 0
    under_way: list[tuple[int, dict[str, Any], float]] = field(default_factory=list)
    answers: list[tuple[dict[str, Any], float]] = field(default_factory=list)


def step(server: Server, each: Process, what: str, now: float) -> None:
    own = now + each.offset
    match what:
        case "look":
            each.election.observe(server.lease, own)
            each.seen = server.version if server.lease else 0
        case "bid" if not each.election.free_in(own):
            each.under_way.append((each.seen, each.election.bid(now), own))
        case "land" if each.under_way:
            version, spec, began = each.under_way.pop(0)
            if server.write(version, spec):
                each.answers.append((spec, began))
        case "land and be lost" if each.under_way:
            version, spec, _ = each.under_way.pop(0)
            server.write(version, spec)
        case "answer" if each.answers:
            spec, began = each.answers.pop(0)
            each.election.won({"spec": spec}, began, own)
            each.seen = server.version if server.lease and server.lease["spec"] == spec else each.seen
        case "resign" if each.election.seconds(own):
            each.under_way.append((each.seen, each.election.resign(now), own))


steps = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["look", "look", "bid", "bid", "land", "land", "answer", "land and be lost", "resign"]),
    st.sampled_from([0.0, 0.0, 0.1, 1.0, 4.0, 9.0, 11.0, 16.0]),
)


@given(st.lists(steps, max_size=120))
def test_no_two_processes_lead_at_a_time(history: list[tuple[int, str, float]]) -> None:
    server, now = Server(), 1000.0
    clocks = {"first": 0.0, "second": -900.0, "third": 1e6}
    processes = [Process(Election(name, TERMS), offset) for name, offset in clocks.items()]
    for number, what, passes in history:
        now += passes
        step(server, processes[number], what, now)
        leaders = [each.election.identity for each in processes if each.election.seconds(now + each.offset)]
        assert len(leaders) <= 1, leaders


def test_the_property_finds_a_leader_that_acts_for_too_long() -> None:
    """That a holder acts for less than the duration is what keeps the two apart."""
    server, now = Server(), 0.0
    first = Process(Election("first", Terms(duration=15, deadline=20, retry=2)), 0.0)
    second = Process(Election("second", TERMS), 0.0)
    for each, what, passes in (
        (first, "bid", 0.0),
        (first, "land", 0.0),
        (first, "answer", 0.0),
        (second, "look", 0.0),
        (second, "bid", 16.0),
        (second, "land", 0.0),
        (second, "answer", 0.0),
        (second, "look", TERMS.settle),
    ):
        now += passes
        step(server, each, what, now)
    assert first.election.seconds(now)
    assert second.election.seconds(now)
