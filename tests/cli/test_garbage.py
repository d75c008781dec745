"""Python's collector of garbage: it waits while a command imports, and not for weeks."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from doorward_daemon import garbage
from doorward_daemon.daemon import Options, reconcile

from tests.shell.running import Running

LLAMA = Path(__file__).parents[2] / "examples" / "llama.yaml"

COUNTED = """
import gc, sys
from doorward_daemon.main import main
looks = []
gc.callbacks.append(lambda phase, found: looks.append(found))
sys.argv = ["doorward", *sys.argv[1:]]
try:
    main()
finally:
    print(len(looks), gc.get_threshold()[0] > 0, gc.isenabled(), file=sys.stderr)
"""


@pytest.fixture
def usual() -> Iterator[tuple[int, int, int]]:
    """How often the tests' own process looks, before and after."""
    thresholds = gc.get_threshold()
    yield thresholds
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.parametrize("command", [["--help"], ["render", "-f", str(LLAMA), "--simulate"]], ids=lambda each: each[0])
def test_a_command_that_is_soon_done_looks_for_no_garbage_and_could(command: list[str]) -> None:
    ended = subprocess.run([sys.executable, "-c", COUNTED, *command], capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines()[-1] == "0 True True"


async def test_a_daemon_looks_at_what_comes_once_everything_is_listed(usual: tuple[int, int, int]) -> None:
    garbage.look_rarely()
    while_listing = gc.get_threshold()
    assert await reconcile(Running().cluster, Options(once=True)) == 0
    assert 0 < gc.get_threshold()[0] < while_listing[0]
    assert gc.get_freeze_count()
