"""From a scenario that fails to the shortest one found that fails in the same way (delta debugging).

Pieces of the list of steps are left out, halves first, then ever smaller ones; then what single steps say is made
plainer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from doorward.testing.simulator import scenario as s
from doorward.testing.simulator.invariants import Violation
from doorward.testing.simulator.runner import play

_Fails = Callable[[s.Scenario], bool]


class Failure(msgspec.Struct, frozen=True):
    """How a scenario fails: ``what`` is the same for failures of the same kind."""

    what: str
    message: str


def failure(scenario: s.Scenario) -> Failure | None:
    """Play a scenario; None where it succeeds."""
    try:
        play(scenario)
    except Violation as violation:
        return Failure(violation.invariant, str(violation))
    except Exception as error:
        return Failure(type(error).__name__, f"the engine raises {type(error).__name__}: {error}")
    return None


def shrink(scenario: s.Scenario, what: str, budget: int = 1500) -> s.Scenario:
    """A scenario as short as ``budget`` plays can make it, which still fails as ``what``."""
    left = [budget]

    def fails(candidate: s.Scenario) -> bool:
        if left[0] <= 0:
            return False
        left[0] -= 1
        found = failure(candidate)
        return found is not None and found.what == what

    steps = scenario.steps
    while True:
        before = steps
        steps = _shorter(scenario, steps, fails)
        steps = _plainer(scenario, steps, fails)
        if steps == before or left[0] <= 0:
            break
    shortest = msgspec.structs.replace(scenario, steps=steps)
    for changes in ({"budget": 0}, {"calm": not shortest.calm}):
        candidate = msgspec.structs.replace(shortest, **changes)
        if candidate != shortest and fails(candidate):
            shortest = candidate
    return shortest


def _shorter(scenario: s.Scenario, steps: tuple[s.AnyStep, ...], fails: _Fails) -> tuple[s.AnyStep, ...]:
    size = max(1, len(steps) // 2)
    while True:
        at = 0
        while at < len(steps):
            candidate = steps[:at] + steps[at + size :]
            if fails(msgspec.structs.replace(scenario, steps=candidate)):
                steps = candidate
            else:
                at += size
        if size == 1:
            return steps
        size = max(1, size // 2)


def _plainer(scenario: s.Scenario, steps: tuple[s.AnyStep, ...], fails: _Fails) -> tuple[s.AnyStep, ...]:
    for at in range(len(steps)):
        for plain in _plain(steps[at]):
            candidate = (*steps[:at], plain, *steps[at + 1 :])
            if plain != steps[at] and fails(msgspec.structs.replace(scenario, steps=candidate)):
                steps = candidate
                break
    return steps


def _plain(step: s.AnyStep) -> Iterator[s.AnyStep]:
    """Plainer steps than this one, the plainest first."""
    replace = msgspec.structs.replace
    match step:
        case s.Make():
            for key in step.annotations:
                yield replace(step, annotations={k: v for k, v in step.annotations.items() if k != key})
            yield replace(step, components=("engine",))
            yield replace(step, service=0)
        case s.Deliver() | s.Act() | s.Perform() | s.Answer():
            yield s.Settle(step.replica)
            if not isinstance(step, s.Act):
                yield replace(step, which=0)
        case s.Configure() if step.data:
            for key in step.data:
                yield replace(step, data={k: v for k, v in step.data.items() if k != key})
        case s.Crash():
            yield replace(step, journal="all")
        case s.Pass():
            yield replace(step, seconds=11.0)
