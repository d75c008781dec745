"""A few inputs of each target, drawn by hypothesis; and everything that was ever found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import TARGETS
from tests.fuzz.choices import Drawn, OfBytes
from tests.fuzz.finding import smaller, tried
from tests.fuzz.playing import load, play, shares
from tests.fuzz.target import Target, TooSlow

FOUND = [(name, kept, value) for name in TARGETS for kept, value in load(name).found().items()]


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_promised_holds_for_odd_input(name: str) -> None:
    target = load(name)

    @settings(max_examples=5 if name == "doors" else 25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        target.run(target.make(Drawn(data.draw)))

    holds()


@pytest.mark.parametrize(("name", "kept", "value"), FOUND, ids=[f"{name}-{kept}" for name, kept, _ in FOUND])
def test_what_was_found_once_holds(name: str, kept: str, value: Any) -> None:
    load(name).run(value)


@pytest.mark.parametrize("name", TARGETS)
def test_bytes_make_the_same_input_each_time(name: str) -> None:
    data = bytes(range(1, 200))
    assert load(name).make(OfBytes(data)) == load(name).make(OfBytes(data))


def test_inputs_are_shared_out_and_none_is_lost() -> None:
    assert sum(shares(list(TARGETS), 1000).values()) >= 1000
    assert play(("templates", 7, 20)) == ("templates", 20, [])


def odd(data: bytes) -> Target:
    def check(value: Any) -> None:
        if "x" in value:
            raise KeyError("x")

    return Target(
        name="odd", make=lambda choices: choices.repeated(lambda: choices.pick("abx"), 9), check=check, share=1
    )


def test_a_finding_is_made_small() -> None:
    data = bytes([7, 1, 1, 2, 1, 1, 2, 1])
    finding = tried(odd(data), data)
    assert finding
    assert smaller(odd(data), data, finding).value == ["x"]


def test_what_takes_too_long_is_a_finding() -> None:
    def check(_: Any) -> None:
        sum(range(100_000))

    slow = Target(name="slow", make=lambda _: None, check=check, share=1)
    with pytest.raises(TooSlow, match="of CPU"):
        slow.run(None, limit=1e-6)
