"""How a run of all tests is split between processes (``pytest -n auto``): who stays together, and who begins.

::

    groups       the tests with real proxies are one, since they share one data plane
                 each other file is one, since its tests share what it has started
    their order  the data plane, the longest others, those that need an API server, and the rest
    processes    each takes the next group when it is nearly done with its own

What the data plane and API servers run is built at the beginning, if it has to be; the longest others, which need none
of it, pass meanwhile.  The short ones at the end make up for whatever time one process has more than the other.
"""

from __future__ import annotations

import os
from collections.abc import Collection

import pytest
from xdist.scheduler import LoadScopeScheduling

PROCESSES = 2
DATA_PLANE = "dataplane"
"""A group, and the mark of its tests."""
WITH_PROXIES = ("tests/dataplane/", "tests/authz/test_envoy.py")
"""Where tests have that mark: folders and files."""
LONGEST = (
    "tests/simulator/test_planted_faults.py",
    "tests/conformance/test_kit.py",
    "tests/simulator/test_crash_points.py",
    "tests/simulator/test_simulator.py",
)
"""The files that take the longest without an API server."""


class Groups(LoadScopeScheduling):
    """Gives each process whole groups, in the order in which the tests come."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return DATA_PLANE if file.startswith(WITH_PROXIES) else file


def place_of(group: str, marks: Collection[str]) -> int:
    """Where a group comes, by the marks of its tests; groups of one place come in the order that they have anyway."""
    if (group == DATA_PLANE) != (DATA_PLANE in marks):
        raise pytest.UsageError(f"{group}: the mark {DATA_PLANE} and WITH_PROXIES in {__name__} don't agree")
    if group == DATA_PLANE:
        return 0
    if group in LONGEST:
        return 1 + LONGEST.index(group)
    return 1 + len(LONGEST) + ("cluster" not in marks)


def pytest_xdist_auto_num_workers() -> int:
    """One process where all tests share the cluster that a kubeconfig names."""
    return 0 if os.environ.get("DOORWARD_TEST_KUBECONFIG") else PROCESSES


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Groups:
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a process that is one of several, put the tests in order."""
    if not hasattr(config, "workerinput"):
        return
    marks: dict[str, set[str]] = {}
    for item in items:
        marks.setdefault(group_of(item.nodeid), set()).update(mark.name for mark in item.iter_markers())
    places = {group: place_of(group, its) for group, its in marks.items()}
    items.sort(key=lambda item: places[group_of(item.nodeid)])
