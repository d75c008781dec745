"""``doorward demo``, as people run it."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys

from tests.patience import PATIENCE

DEMO = (sys.executable, "-m", "doorward_daemon", "demo")
ENV = {**os.environ, "KUBECONFIG": "/nowhere"}


def test_the_demo_ends_by_itself_with_every_door_standing() -> None:
    done = subprocess.run(DEMO, capture_output=True, text=True, timeout=PATIENCE, env=ENV, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    summary = done.stdout.splitlines()[-1]
    assert "9 services, 9 with a door that stands" in summary
    assert "3 edits followed; 2 repaired" in summary


def test_elsewhere_than_on_a_terminal_it_prints_plain_lines() -> None:
    done = subprocess.run(DEMO, capture_output=True, text=True, timeout=PATIENCE, env=ENV, check=True)
    assert "\x1b" not in done.stdout
    for what in (
        "every door opened",
        "its door stays",
        "the HTTPRoute stood",
        "have their new host",
        "it was back",
        "put right",
        "its outside door was closed",
        "no door moves",
    ):
        assert re.search(rf"^ *\d+\.\d s +✓ .*{what}", done.stdout, re.M), what
    for backend in ("istio", "k8s_ingress", "gateway_api", "cluster_local", "loadbalancer"):
        assert backend in done.stdout


def test_on_a_terminal_it_draws_a_table() -> None:
    shown = on_a_terminal(*DEMO)
    assert "InferenceServices and their front doors" in shown
    assert "\x1b[" in shown
    assert "9 with a door that stands" in shown


def test_kept_it_stays_until_it_is_interrupted() -> None:
    process = subprocess.Popen((*DEMO, "--keep"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)
    assert process.stdout
    said = ""
    while "Ctrl-C ends it" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    assert "9 services" in rest


def on_a_terminal(*command: str) -> str:
    """What a command shows where its output is a terminal."""
    ours, theirs = pty.openpty()
    env = {**ENV, "TERM": "xterm-256color", "COLUMNS": "140"}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass  # Linux says EIO where the other side is closed.
    finally:
        os.close(ours)
    assert process.wait(PATIENCE) == 0
    return shown.decode()
