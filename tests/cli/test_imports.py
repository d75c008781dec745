"""A command imports what it works with, and nothing else: what isn't imported costs nobody anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from doorward.journal import SqliteJournal
from doorward_daemon.commands import PLACES, app
from typer.testing import CliRunner

LLAMA = Path(__file__).parents[2] / "examples" / "llama.yaml"

CLIENTS = ("aiohttp", "asyncio", "httptools", "kubernetes", "multidict", "psycopg", "requests", "ssl")
TELLING = ("opentelemetry", "prometheus_client", "pygments", "rich", "structlog")
"""Logs, metrics, and what is drawn on a terminal."""
SHELL = (
    "doorward.cluster.kube",
    "doorward.journal",
    "doorward.runtime.shell",
    "doorward.testing",
    "tenacity",
    "bcrypt",
)
ENGINE = ("doorward.engine", "msgspec", "orjson", "pluggy", "yaml")
"""Without pydantic: typer checks options with it, whatever we do."""

ELSEWHERE = ("doorward_loadbalancer.clouds",)
"""What is known of places where these doors aren't."""

ASKING = ("get", "explain", "diff", "log", "replay", "plugins")
RUNNING = ("bcrypt", "doorward.testing", "opentelemetry", "prometheus_client")
"""What only a daemon needs."""

WATCHED = """
import sys
from doorward_daemon.commands import app
try:
    app()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported(*arguments: str, status: int = 0) -> set[str]:
    """The modules that a command line has imported when it ends."""
    ended = subprocess.run([sys.executable, "-c", WATCHED, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    return set(ended.stderr.split())


@pytest.mark.parametrize(
    "command",
    [["--help"], ["--version"], *([name, "--help"] for name in ("run", "render", "authz", *ASKING))],
    ids=" ".join,
)
def test_help_imports_neither_the_engine_nor_what_it_runs_on(command: list[str]) -> None:
    found = imported(*command) & {*CLIENTS, *TELLING, *SHELL, *ENGINE}
    assert not found


def test_a_command_imports_no_other_one() -> None:
    modules = imported("render", "--help")
    assert "doorward_daemon.render" in modules
    others = {f"doorward_daemon.{place.partition(':')[0]}" for name, place in PLACES.items() if name != "render"}
    assert not modules & others


def test_a_name_that_is_nearly_right_is_told_the_right_one_of() -> None:
    result = CliRunner().invoke(app, ["rendr"])
    assert (result.exit_code, "Did you mean 'render'?" in result.output) == (2, True)


def test_render_imports_neither_a_client_nor_what_a_daemon_tells() -> None:
    modules = imported("render", "-f", str(LLAMA), "--simulate")
    assert "doorward.engine" in modules
    found = modules & {*CLIENTS, *TELLING, *SHELL, *ELSEWHERE}
    assert not found


def test_a_question_imports_no_more_than_it_is_answered_with(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    SqliteJournal(journal).close()
    files = imported("explain", "chat/llama", "-f", str(LLAMA))
    assert not files & {*RUNNING, "aiohttp", "rich", "doorward.journal.sqlite", "doorward.runtime.shell"}
    assert not imported("plugins") & {*CLIENTS, *TELLING, *SHELL}
    told = imported("log", "chat/llama", "--journal", str(journal), status=2)
    assert "doorward.journal.sqlite" in told
    assert not told & {*RUNNING, "aiohttp", "doorward.cluster.kube", "doorward.runtime.shell"}
    assert not imported("get", "--kubeconfig", str(tmp_path / "none"), status=2) & {*RUNNING, "doorward.journal.sqlite"}


def test_a_daemon_that_serves_nothing_imports_no_server(tmp_path: Path) -> None:
    modules = imported("run", "--once", "--listen", "", "--kubeconfig", str(tmp_path / "none"), status=1)
    assert "doorward.runtime.shell" in modules
    assert not modules & {"aiohttp", "attr", "doorward_daemon.ui", "opentelemetry", "rich"}


def test_a_journal_in_a_file_imports_no_database_client() -> None:
    code = "import sys, doorward.journal; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "doorward.journal.sqlite" in ended.stdout
    assert "psycopg" not in ended.stdout
