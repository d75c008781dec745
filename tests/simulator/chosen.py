"""Ten days in the life of a door, in steps as small as they get, for crashing at each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from doorward.testing.simulator.oracle import CLASS, MODE, PATH, TEMPLATE
from doorward.testing.simulator.scenario import (
    Accept,
    Act,
    Answer,
    AnyStep,
    Collect,
    Configure,
    Crash,
    Deliver,
    Edit,
    Make,
    Meddle,
    Pass,
    Perform,
    Ready,
    Remove,
    Scenario,
    Settle,
)

ON_ITS_WAY: tuple[AnyStep, ...] = (Deliver(0), Deliver(0), Act(), Perform(0), Answer(0), Perform(0), Answer(0))
"""The engine gets some way: what it decides is on its way to the API server, and partly back."""
GATEWAY = Configure({"ingress": '{"enableGatewayAPI": true, "omeIngressGateway": "sim/gateway"}'})
RAW = {MODE: "RawDeployment"}


def slowly(*steps: AnyStep, rounds: int = 2) -> tuple[AnyStep, ...]:
    return (*steps, *ON_ITS_WAY * rounds)


CHOSEN: dict[str, tuple[AnyStep, ...]] = {
    "a serverless door opens": slowly(Configure({}), Make(0), rounds=4),
    "a raw door opens": slowly(Configure({}), Make(0, ("engine", "router"), RAW), rounds=4),
    "a door changes its class": (Make(0, ("engine",), RAW), Settle(), *slowly(Edit(0, CLASS, "nginx")), Pass(11.0)),
    "a door changes its mode": (
        *(Make(0, ("engine",), {CLASS: "nginx"}), Settle()),
        *slowly(Edit(0, MODE, "RawDeployment")),
        *slowly(Pass(11.0)),
    ),
    "every door moves to the Gateway API": (
        *(Make(0, ("engine",), RAW), Make(1, ("engine",), RAW), Settle()),
        *slowly(GATEWAY, rounds=3),
        *slowly(Accept(), Pass(11.0)),
    ),
    "a door changes its host": (
        Make(0),
        Settle(),
        *slowly(Edit(0, TEMPLATE, "shared.example.com")),
        *slowly(Pass(11.0)),
    ),
    "a door is closed": (
        *(Make(0, ("engine", "decoder"), {**RAW, PATH: "/m/{{.Name}}"}), Settle()),
        *slowly(Edit(0, "!visibility", "cluster-local"), rounds=3),
    ),
    "a service is deleted and made anew": (
        *(Make(0, ("engine",), RAW), Settle()),
        *slowly(Remove(0), Make(0, ("engine", "router"), RAW)),
        *slowly(Collect()),
    ),
    "two services swap their hosts": (
        *(Make(0, ("engine",), {TEMPLATE: "shared.example.com"}), Make(4), Settle()),
        *slowly(Edit(4, TEMPLATE, "shared.example.com"), Edit(0, TEMPLATE, None), rounds=3),
        *slowly(Pass(11.0)),
    ),
    "a decoder joins, and somebody meddles": (
        *(Make(0, ("engine",), RAW), Settle()),
        *slowly(Edit(0, "!decoder", "yes"), Ready(0, "decoder", "True")),
        *slowly(Meddle("edit", 1)),
    ),
}
IN_PAIRS = ("a serverless door opens", "a door changes its class", "a service is deleted and made anew")


def crashing(name: str, count: int) -> Iterator[Scenario]:
    """A scenario with ``count`` crashes, at every choice of steps; the journal is whole, cut off or lost in turn."""
    steps = CHOSEN[name]
    for number, places in enumerate(combinations(range(len(steps) + 1), count)):
        journals = ("all", "disk", "snapshot", "none") if count == 1 else (("all", "disk", "none")[number % 3],)
        for journal in journals:
            yield Scenario(tuple(_with(steps, places, Crash(journal))))  # type: ignore[arg-type]


def _with(steps: tuple[AnyStep, ...], places: Iterable[int], crash: Crash) -> Iterator[AnyStep]:
    at = set(places)
    for number, step in enumerate(steps):
        if number in at:
            yield crash
        yield step
    if len(steps) in at:
        yield crash
