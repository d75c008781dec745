"""``doorward plugin new``: a distribution that works as it is, and keeps every promise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from doorward_daemon.commands import app
from typer.testing import CliRunner, Result

NAME = "my_gateway"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plugin", "new", *arguments])


@pytest.fixture(scope="module", name="written")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin") / "mine"
    result = run(NAME, "--into", str(folder))
    assert result.exit_code == 0, result.output
    assert str(folder / "doorward_my_gateway" / "__init__.py") in result.output
    return folder


def in_process(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python's in the folder, where the distribution that was written is installed."""
    environ = {**os.environ, "PYTHONPATH": str(folder.parent / "site"), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module", name="installed")
def _installed(written: Path) -> Path:
    site = written.parent / "site"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), str(written)]
    done = in_process(written, *install)
    assert done.returncode == 0, done.stderr
    return written


def test_it_keeps_every_promise_as_it_is(installed: Path) -> None:
    report = installed.parent / "report.json"
    report.touch()
    done = in_process(installed, "pytest", "--doorward-examples=20", f"--doorward-report={report}")
    assert done.returncode == 0, done.stdout
    assert f"{NAME} keeps 29 of 29 promises; 2 weren't tried" in done.stdout
    assert "there is no API server; name one: --doorward-kubeconfig=FILE" in done.stdout
    findings = orjson.loads(report.read_bytes())["findings"]
    assert {each["outcome"] for each in findings} == {"kept", "doesn't apply", "not tried"}
    assert orjson.loads(report.with_suffix(".badge.json").read_bytes())["message"] == "29/29"


def test_a_file_that_leads_pytest_past_the_configuration_is_named(installed: Path) -> None:
    elsewhere = installed.parent / "crds.yaml"
    elsewhere.touch()
    done = in_process(installed, "pytest", "--doorward-definitions", str(elsewhere))
    assert done.returncode == 4, done.stdout
    assert "no backend is named: add --doorward-backend NAME" in done.stderr
    assert "write --doorward-definitions=… with =" in done.stderr


def test_what_it_writes_is_typed_and_clean(installed: Path) -> None:
    for command in (("mypy",), ("ruff", "check", "."), ("ruff", "format", "--check", ".")):
        done = in_process(installed, *command)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_promise_that_is_broken_is_shown_by_the_smallest_door(installed: Path) -> None:
    module = installed / "doorward_my_gateway" / "__init__.py"
    right = module.read_text()
    module.write_text(right.replace("list(door.all_hosts)", "list(door.hosts)"))
    try:
        done = in_process(installed, "pytest", "--doorward-examples", "60")
    finally:
        module.write_text(right)
    assert done.returncode == 1
    assert "BROKEN  routes" in done.stdout
    assert "draining_hosts:" in done.stdout


def test_what_an_author_has_to_change_is_marked(written: Path) -> None:
    texts = [path for path in written.rglob("*") if path.suffix in (".py", ".toml", ".md")]
    marked = [path for path in texts if "CHANGE" in path.read_text()]
    assert {path.name for path in marked} >= {"__init__.py", "evaluator.py", "test_backend.py", "pyproject.toml"}


@pytest.mark.parametrize("name", ["", "My", "istio", "a b", "-x", "x" * 41, "../x"])
def test_a_name_that_no_backend_can_have_is_refused(name: str, tmp_path: Path) -> None:
    result = run("--into", str(tmp_path / "x"), "--", name)
    assert result.exit_code == 2
    assert not (tmp_path / "x").exists()


def test_a_name_that_is_refused_is_told_what_may_stand_between() -> None:
    assert "one - or _ may stand between" in " ".join(run("my.gateway").output.replace("│", " ").split())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    result = run(NAME, "--into", str(tmp_path))
    assert result.exit_code == 1
    assert "isn't empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_an_evaluator_that_is_not_there_is_named(installed: Path) -> None:
    done = in_process(installed, "pytest", "--doorward-evaluator", "tests.evaluator:Nobody")
    assert done.returncode == 4
    assert "tests.evaluator:Nobody" in done.stderr


def test_a_backend_that_is_not_installed_is_named_with_those_that_are(installed: Path) -> None:
    done = in_process(installed, "pytest", "--doorward-backend", "nobody", "-x")
    assert done.returncode == 1
    assert "no installed distribution has an entry point 'nobody'" in done.stdout
    assert "k8s_ingress" in done.stdout


def test_what_working_on_it_leaves_is_not_kept_in_git(written: Path, tmp_path: Path) -> None:
    shutil.copytree(written, tmp_path / "mine")
    folder = tmp_path / "mine"

    def git(*arguments: str) -> set[str]:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
        return set(done.stdout.splitlines())

    git("init", "--quiet")
    kept = git("ls-files", "--others", "--exclude-standard")
    assert {".gitignore", "pyproject.toml", "doorward_my_gateway/__init__.py"} <= kept
    for left in (
        "doorward_my_gateway/__pycache__/a.pyc",
        ".pytest_cache/a",
        ".mypy_cache/a",
        ".ruff_cache/a",
        ".hypothesis/a",
        ".venv/a",
        "dist/a.whl",
        "doorward_my_gateway.egg-info/a",
        "report.json",
        "report.badge.json",
    ):
        (folder / left).parent.mkdir(parents=True, exist_ok=True)
        (folder / left).touch()
    assert git("ls-files", "--others", "--exclude-standard") == kept
