"""How a run of all tests is split."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.controlplane.server import free_port
from tests.side_by_side import LONGEST, WITH_PROXIES, group_of, place_of, pytest_collection_modifyitems

ROOT = Path(__file__).parents[1]


def item(nodeid: str, *marks: str) -> Any:
    return SimpleNamespace(nodeid=nodeid, iter_markers=lambda: [SimpleNamespace(name=mark) for mark in marks])


def ordered(*items: Any, split: bool = True) -> list[str]:
    config = SimpleNamespace(workerinput={}) if split else SimpleNamespace()
    pytest_collection_modifyitems(cast(pytest.Config, config), listed := list(items))
    return [each.nodeid for each in listed]


def test_what_shares_the_data_plane_stays_together_and_so_does_a_file() -> None:
    assert group_of("tests/dataplane/test_a.py::test_x[1]") == group_of("tests/authz/test_envoy.py::test_y")
    assert group_of("tests/e2e/test_a.py::test_x") == group_of("tests/e2e/test_a.py::TestY::test_z[a::b]")
    assert group_of("tests/e2e/test_a.py::test_x") != group_of("tests/e2e/test_b.py::test_x")


def test_the_long_come_first_and_the_short_last_in_their_own_order() -> None:
    plain = ["tests/b.py::test_2", "tests/b.py::test_1", "tests/a.py::test_1"]
    with_proxies = "tests/authz/test_envoy.py::test_1"
    servers = [item("tests/c.py::test_1"), item("tests/c.py::test_2", "cluster")]
    long = [item(f"{file}::test_1") for file in reversed(LONGEST)]
    items = [*(item(each) for each in plain), *servers, *long, item(with_proxies, "dataplane")]
    first = [with_proxies, *(f"{file}::test_1" for file in LONGEST)]
    assert ordered(*items) == [*first, "tests/c.py::test_1", "tests/c.py::test_2", *plain]
    assert ordered(*items, split=False) == [each.nodeid for each in items]


@pytest.mark.parametrize(("group", "marks"), [("tests/a.py", ["dataplane"]), ("dataplane", [])])
def test_a_mark_of_the_data_plane_elsewhere_is_refused(group: str, marks: list[str]) -> None:
    with pytest.raises(pytest.UsageError, match=group):
        place_of(group, marks)


@pytest.mark.parametrize("path", [*LONGEST, *WITH_PROXIES])
def test_what_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_processes_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    for name in ("gw0", "gw1"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", name)
        given.append({free_port() % 2 for _ in range(20)})
    assert given == [{0}, {1}]
