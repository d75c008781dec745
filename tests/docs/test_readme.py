"""Every command of the README is run: by continuous integration as it stands there, or here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Kubectl
from tests.docs import README, ROOT, commands
from tests.patience import PATIENCE

CI = (ROOT / ".ci" / "run").read_text()
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
    assert set(commands(README)) <= {*by_ci(), DRY_RUN, RUN, API_SERVER}


@pytest.mark.cluster
def test_the_commands_for_a_cluster_do_what_they_say(kubectl: Kubectl) -> None:
    """Follows the README: starts the API server, looks, opens a door, and leaves it standing."""
    assert {DRY_RUN, RUN, API_SERVER} <= set(commands(README))
    with running(arguments(API_SERVER)) as server:
        kubeconfig = line_with(server, "kubeconfig")
        mine = ("--kubeconfig", kubeconfig)
        kubectl(*mine, "create", "namespace", "chat")
        kubectl(*mine, "apply", "-f", str(ROOT / "examples" / "llama.yaml"))
        ready = [f'{{"type": "{part}Ready", "status": "True"}}' for part in ("Engine", "Router", "Decoder")]
        patch = f'{{"status": {{"conditions": [{", ".join(ready)}]}}}}'
        isvc = ("--namespace", "chat", "inferenceservice", "llama")
        kubectl(*mine, "patch", *isvc, "--subresource", "status", "--type", "merge", "--patch", patch)

        environ = {**os.environ, "KUBECONFIG": kubeconfig}
        looked = subprocess.run(
            arguments(DRY_RUN), cwd=ROOT, env=environ, capture_output=True, text=True, timeout=PATIENCE
        )
        assert looked.returncode == 0, looked.stderr
        assert "create Ingress chat/llama" in looked.stdout
        assert not kubectl(*mine, "get", "ingress", "--all-namespaces", "--output", "name")

        with running(
            [*arguments(RUN), "--listen", "127.0.0.1:0", "--log-format", "json"], KUBECONFIG=kubeconfig
        ) as daemon:
            line_with(daemon, "status written")
        assert kubectl(*mine, "get", *isvc, "--output", "jsonpath={.status.url}") == "http://llama.chat.example.com"
        assert kubectl(*mine, "get", "ingress", "--namespace", "chat", "--output", "name").strip()
