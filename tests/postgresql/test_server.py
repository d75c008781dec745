"""Where the tests' PostgreSQL comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.postgresql import server


@pytest.mark.parametrize(("required", "installed"), [("1", True), ("", False)])
def test_debians_is_installed_only_where_tests_must_not_be_skipped(
    monkeypatch: pytest.MonkeyPatch, required: str, installed: bool
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: Any) -> None:
        ran.append(command)

    monkeypatch.setenv("DOORWARD_REQUIRE_CLUSTER", required)
    monkeypatch.setattr(server, "_found", lambda: Path("found") if ran else None)
    monkeypatch.setattr(server.os, "geteuid", lambda: 0)
    monkeypatch.setattr(server.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(server.subprocess, "run", run)
    assert server.binaries(lambda _: None) == (Path("found") if installed else None)
    assert any("postgresql" in command for command in ran) == installed
