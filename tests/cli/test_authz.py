"""``doorward authz``: what keeps it from beginning is told, and its help teaches."""

from __future__ import annotations

from pathlib import Path

import pytest
from doorward_daemon.commands import app
from typer.testing import CliRunner

ABSENT = ["--kubeconfig", "/nowhere/kubeconfig"]


@pytest.mark.parametrize("command", [["authz", "--listen"], ["run", *ABSENT, "--listen", "127.0.0.1:0", "--authz"]])
@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1", "127.0.0.1:http", ":70000"])
def test_an_address_that_is_none_is_told(command: list[str], address: str) -> None:
    result = CliRunner().invoke(app, [*command, address])
    assert result.exit_code == 1
    assert f"'{address}' is no address; write HOST:PORT" in result.output


def test_a_cluster_that_isnt_there_is_told() -> None:
    result = CliRunner().invoke(app, ["authz", *ABSENT, "--listen", "127.0.0.1:0"])
    assert result.exit_code == 1
    assert "/nowhere/kubeconfig" in result.output


def test_its_help_says_what_a_check_is_and_what_the_answers_mean() -> None:
    text = " ".join(CliRunner().invoke(app, ["authz", "--help"]).output.split())
    for part in ("/door/nginx/NAMESPACE/NAME", "X-API-Key", "401", "503", "doorward.io/auth-secret", "authService"):
        assert part in text


def test_the_page_names_the_options_and_the_manifest_runs_the_command() -> None:
    root = Path(__file__).parents[2]
    assert "doorward run --authz HOST:PORT" in (root / "docs" / "auth.md").read_text()
    assert "args: [doorward, authz]" in (root / "deploy" / "authz.yaml").read_text()
