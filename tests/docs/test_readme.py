"""Every command of the README is run: by continuous integration as it stands there, or here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from doorward_daemon.commands import app
from typer.testing import CliRunner

from tests.conftest import Kubectl
from tests.controlplane import providers
from tests.docs import README, ROOT, blocks, commands
from tests.patience import PATIENCE

CI = (ROOT / ".ci" / "run").read_text()
STARTED = ROOT / "docs" / "getting-started.md"
WITH_COMPONENTS = "./dev run doorward render -f examples/llama.yaml -f examples/llama-components.yaml"
DRY_RUN = "./dev run doorward run --once --dry-run"
RUN = "./dev run doorward run"
API_SERVER = "./dev run python -m tests.controlplane up"


def arguments(command: str) -> list[str]:
    """A command as ``./dev run`` would start it, without setting up what this test runs in."""
    program, *rest = command.removeprefix("./dev run ").split()
    return [str(Path(sys.executable).parent / program), *rest]


def by_ci() -> list[str]:
    steps = [line.strip().removeprefix("step ") for line in CI.splitlines() if line.strip().startswith("step ")]
    return [step.partition(" 2>&1")[0] for step in steps]


@contextmanager
def running(command: list[str], **environ: str) -> Iterator[subprocess.Popen[str]]:
    """A program that goes on until it is told to end, and then ends well."""
    environ = {**os.environ, **environ}
    out = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environ, text=True, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
            assert process.returncode == 0
        finally:
            process.kill()


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """The next line that a program prints with this in it."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        if text in line:
            return line.strip()
        lines.append(line)
    pytest.fail("".join(lines))


def test_every_command_is_run() -> None:
    assert set(commands(README)) <= {*by_ci(), WITH_COMPONENTS, DRY_RUN, RUN, API_SERVER}


def test_a_door_stands_by_what_the_files_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WITH_COMPONENTS in commands(README)
    assert WITH_COMPONENTS in commands(STARTED)
    monkeypatch.chdir(ROOT)
    looked = CliRunner().invoke(app, WITH_COMPONENTS.removeprefix("./dev run doorward ").split())
    assert looked.exit_code == 0, looked.output
    *objects, service = yaml.safe_load(looked.stdout)["items"]
    assert {(each["kind"], each["metadata"]["name"]) for each in objects} == {
        ("Ingress", "llama"),
        ("Service", "llama"),
    }
    assert service["status"]["url"] == "http://llama.chat.example.com"
    assert [(each["type"], each["status"]) for each in service["status"]["conditions"]] == [("IngressReady", "True")]


@pytest.mark.cluster
def test_the_commands_for_a_cluster_do_what_they_say(kubectl: Kubectl, tmp_path: Path) -> None:
    """Follows the README and the first steps: starts the API server, looks, and opens a door, which then stands."""
    assert {DRY_RUN, RUN, API_SERVER} <= set(commands(README))
    start, export, *before, run, why, deploy, ready, stands, url, close, gone, reopen, get, explain, doctor = opening()
    assert (start, export.partition("=")[0], run) == (API_SERVER, "export KUBECONFIG", RUN)
    (tmp_path / "kubectl").symlink_to(str(providers.kubectl()))
    with running(arguments(API_SERVER)) as server:
        path = os.pathsep.join((str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]))
        environ = {"KUBECONFIG": line_with(server, "kubeconfig"), "PATH": path}

        def follow(command: str, status: int = 0) -> str:
            done = subprocess.run(
                ["bash", "-ec", command.removeprefix("./dev run ")],
                cwd=ROOT,
                env={**os.environ, **environ},
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            assert done.returncode == status, done.stdout + done.stderr
            return done.stdout

        for command in before:
            follow(command)
        daemon_s = [*arguments(RUN), "--listen", "127.0.0.1:0", "--log-format", "json"]
        with running(daemon_s, **environ) as daemon:
            answers = json.loads(line_with(daemon, '"listening"'))["url"]
            line_with(daemon, "status written")
            assert '"RouterNotReady"' in follow(why)
            for command in (deploy, ready):
                follow(command)
            assert {"ingress.networking.k8s.io/llama", "service/llama"} <= set(follow(stands).split())
            assert follow(url) == "http://llama.chat.models.example.org"
            for command in (close, gone, reopen):
                follow(command)
            opened = "jsonpath={.status.url}=http://llama.chat.models.example.org"
            follow(f"kubectl -n chat wait --for='{opened}' inferenceservice llama")
            assert follow(get).splitlines()[1].split()[1:5] == ["llama", "k8s_ingress", follow(url), "True"]
            assert "Ingress chat/llama" in follow(explain)
            told = follow(doctor.replace("http://127.0.0.1:8080", answers), 1)
            assert "SelectorMatchesNothing" in told
            assert f"{answers}/readyz answers: ready" in told
        kubectl("--kubeconfig", environ["KUBECONFIG"], "delete", "ingress", "--namespace", "chat", "llama")
        assert "create Ingress chat/llama" in follow(DRY_RUN)


def opening() -> list[str]:
    """What a reader types to open a first door."""
    (text,) = (part for part in STARTED.read_text().split("\n## ") if part.startswith("Open a first door"))
    lines = [line for block in blocks(text, "sh") for line in block.text.splitlines()]
    return [line for line in lines if line.strip()]
