"""The controllers that doorward is measured against do the same work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.cluster.cold import Cold, cold
from benchmarks.cluster.outcome import assert_same
from benchmarks.cluster.scene import Scene, scene
from benchmarks.peers import commands
from benchmarks.peers.raw import raw
from tests.controlplane.providers import ApiServer

pytestmark = pytest.mark.cluster

COUNT = 4


@pytest.fixture(scope="module")
def small(api_server: ApiServer) -> Iterator[Scene]:
    """Asks for the shared server so that it is skipped where there is none."""
    with scene(COUNT) as made:
        yield made


@pytest.fixture(scope="module")
def ours(small: Scene) -> Cold:
    return cold(small.servers, small.fresh, commands.doorward(), COUNT)


@pytest.mark.parametrize("peer", ["controller_runtime", "kopf"])
def test_a_peer_writes_what_doorward_writes(small: Scene, ours: Cold, peer: str) -> None:
    theirs = cold(small.servers, small.fresh, getattr(commands, peer)(), COUNT)
    assert_same(ours.outcome, theirs.outcome, peer)
    doors = [name for name in ours.outcome if name.startswith("Ingress ")]
    assert len(doors) == COUNT


def test_an_outcome_that_differs_is_named(ours: Cold) -> None:
    name = next(iter(ours.outcome))
    with pytest.raises(AssertionError, match=name):
        assert_same(ours.outcome, {**ours.outcome, name: {}}, "nobody")


def test_raw_makes_as_many_writes(small: Scene) -> None:
    assert raw(small.servers, small.fresh).writes == 3 * COUNT
