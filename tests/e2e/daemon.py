"""The daemon as a process: started, waited for, listened to, and stopped one way or the other."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from tests.controlplane.server import die_with
from tests.e2e.rights import account, documents
from tests.patience import PATIENCE

START_TIME = 60.0
"""Seconds within which a daemon must have listed everything."""
STOP_TIME = 20.0

CONFIGURED = 'doorward_records_total{type="Configured"}'
"""The metric that counts how often the settings became something else."""

Line = dict[str, Any]


class Daemon:
    """``doorward run`` for some namespaces, with its settings in the first of them.

    ::

        with Daemon(kubeconfig, ["team-a"], journal=path) as daemon:
            ...

    It has listed everything when the block begins; its end is a SIGTERM, which must end it with status 0.  It runs as
    the ServiceAccount of ``deploy/doorward.yaml``, with the rights that are there, and not as ``kubeconfig``'s user;
    ``secrets`` are names of further Secrets that it may read.
    """

    def __init__(
        self,
        kubeconfig: Path,
        namespaces: Sequence[str],
        *more: str,
        journal: Path | str | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespaces[0]
        sources = [value for option, value in pairwise(more) if option == "--source"]
        self.rights = documents(self.namespace, secrets, sources)
        self.arguments = list(more)
        for namespace in namespaces:
            self.arguments += ["--namespace", namespace]
        if journal is not None:
            self.arguments += ["--journal", str(journal)]
        self.environ = {**os.environ, "POD_NAMESPACE": namespaces[0]}
        self.lines: list[Line] = []
        self.url = ""
        self._heard = threading.Condition()

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._process.poll() is None:
            self.stop() if kind is None else self.kill()

    def start(self) -> None:
        """Begin, and return once everything is listed."""
        with TemporaryDirectory(prefix="doorward-") as folder:
            kubeconfig = Path(folder, "kubeconfig")
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, account(self.kubeconfig, self.rights, kubeconfig)).result()
            self.launch(kubeconfig)
            self.wait_until_listed()

    def launch(self, kubeconfig: Path) -> None:
        """Begin, as whom ``kubeconfig`` says.  To be called in the main thread: it dies with the thread that did."""
        command = [sys.executable, "-m", "doorward_daemon", "run", "--kubeconfig", str(kubeconfig)]
        command += ["--listen", "127.0.0.1:0", *self.arguments]
        parent = os.getpid()
        self._began = len(self.lines)
        self._process = subprocess.Popen(
            command,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: die_with(parent),
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def wait_until_listed(self) -> None:
        """Return once everything is listed."""
        try:
            said = self._began  # what a process before it said doesn't count
            self.url = str(self.wait_for_line(lambda line: line["event"] == "listening", START_TIME, said)["url"])
            self.wait_for_line(lambda line: line["event"] == "everything is listed", START_TIME, said)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask it to end (SIGTERM), and see that it ends well."""
        self._process.terminate()
        try:
            status = self._process.wait(STOP_TIME)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the daemon didn't end within {STOP_TIME:g} s\n{self.tail()}") from None
        self._reader.join()
        assert status == 0, f"the daemon ended with {status}\n{self.tail()}"

    def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def suspend(self) -> None:
        """Stop it where it is, as a machine does that has no time for it (SIGSTOP)."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After :meth:`suspend` (SIGCONT)."""
        self._process.send_signal(signal.SIGCONT)

    def ended(self) -> int:
        """Wait for it to end by itself; its exit status."""
        status = self._process.wait(PATIENCE)
        self._reader.join()
        return status

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_for_line(self, wanted: Callable[[Line], bool], within: float = PATIENCE, since: int = 0) -> Line:
        """The first line of the log, new or old, that is so, of those after the first ``since``.

        Raises AssertionError with the end of the log.
        """
        deadline = time.monotonic() + within
        looked = since
        with self._heard:
            while True:
                for line in self.lines[looked:]:
                    if wanted(line):
                        return line
                looked = len(self.lines)
                left = deadline - time.monotonic()
                ended = not self._reader.is_alive() or self._process.poll() is not None
                if left <= 0 or (ended and not self._heard.wait(1.0)):
                    raise AssertionError(f"the daemon didn't say so within {within:g} s\n{self.tail()}")
                if not ended:
                    self._heard.wait(left)

    def readyz(self) -> tuple[int, str]:
        """Status and text of ``/readyz``."""
        return self._get("/readyz")

    def metric(self, name: str) -> float:
        """The value of one line of ``/metrics``; 0 where it isn't there."""
        for line in self._get("/metrics")[1].splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    async def wait_for_metric(self, name: str, at_least: float, within: float = PATIENCE) -> None:
        """Wait until a metric has grown to this."""
        async with asyncio.timeout(within):
            while self.metric(name) < at_least:  # noqa: ASYNC110 - a metric tells nobody that it has grown
                await asyncio.sleep(0.02)

    def writes(self) -> list[str]:
        """``created Ingress/ns/m``-like words of every write so far."""
        return [f"{line['event']} {line['object']}" for line in self.lines if "object" in line]

    def tail(self) -> str:
        """The end of the log."""
        return "\n".join(orjson.dumps(line).decode() for line in self.lines[-40:])

    def _get(self, path: str) -> tuple[int, str]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            try:
                line = orjson.loads(raw)
            except orjson.JSONDecodeError:
                line = {"event": raw.decode(errors="replace").rstrip()}
            with self._heard:
                self.lines.append(line)
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()
