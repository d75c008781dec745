"""One control plane of its own: etcd, kube-apiserver and, where there is one, kube-controller-manager.

Everything lives in one folder: data, logs, certificates, and the sockets of etcd, which needs no port.  The processes
die with the one that started them, however that ends.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.controlplane.binaries import Binaries

READY_TIME = 60.0
"""Seconds within which the API server must be ready; it takes about three."""
_PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """A process of the control plane ended, or didn't become ready; the message has the end of its log."""


@contextmanager
def control_plane(binaries: Binaries, folder: Path, port: int = 0) -> Iterator[Path]:
    """A running control plane with its state in ``folder``; gives the path of a kubeconfig for an administrator.

    ``port`` is the API server's on 127.0.0.1; 0: any that is free.  Raises StartError.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    processes = _Processes(folder)
    try:
        try:
            kubeconfig = _start(binaries, folder, port or _free_port(), processes)
        except StartError:
            if port:
                raise
            # Somebody may have taken the free port meanwhile.
            processes.kill()
            kubeconfig = _start(binaries, folder, _free_port(), processes)
        yield kubeconfig
    finally:
        processes.kill()


def _start(binaries: Binaries, folder: Path, port: int, processes: _Processes) -> Path:
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    kubeconfig = _write_kubeconfig(folder, port, token)
    certificate, key = folder / "certs" / "apiserver.crt", folder / "certs" / "apiserver.key"
    etcd = {"client": "unix://etcd-client:0", "peer": "unix://etcd-peer:0"}
    processes.start(
        binaries,
        "etcd",
        "--data-dir=etcd",
        f"--listen-client-urls={etcd['client']}",
        f"--advertise-client-urls={etcd['client']}",
        f"--listen-peer-urls={etcd['peer']}",
        f"--initial-advertise-peer-urls={etcd['peer']}",
        f"--initial-cluster=default={etcd['peer']}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    processes.start(
        binaries,
        "kube-apiserver",
        f"--etcd-servers={etcd['client']}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--cert-dir=certs",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--enable-priority-and-fairness=false",
        "--service-account-issuer=https://kubernetes.default.svc",
        # The key that it makes for its own certificate, before it reads this one.
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--allow-privileged",
    )
    _wait_ready(port, token, certificate, processes)
    if binaries.path("kube-controller-manager"):
        processes.start(
            binaries,
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={key}",
            "--use-service-account-credentials=false",
            "--secure-port=0",
            "--leader-elect=false",
        )
    return kubeconfig


def _write_kubeconfig(folder: Path, port: int, token: str) -> Path:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": "certs/apiserver.crt"}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "admin"}}],
        "current-context": "local",
    }
    kubeconfig = folder / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(content))
    return kubeconfig


def _wait_ready(port: int, token: str, certificate: Path, processes: _Processes) -> None:
    deadline = time.monotonic() + READY_TIME
    request = urllib.request.Request(f"https://127.0.0.1:{port}/readyz", headers={"Authorization": f"Bearer {token}"})
    while time.monotonic() < deadline:
        processes.check()
        try:
            # A certificate that is half written, or another server's, is not ready either.
            context = ssl.create_default_context(cafile=str(certificate))
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
            )
            with opener.open(request, timeout=5):
                return
        except (OSError, urllib.error.URLError, ssl.SSLError):
            time.sleep(0.05)
    raise StartError(f"kube-apiserver isn't ready after {READY_TIME:g} s:\n{processes.tail('kube-apiserver')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Processes:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        atexit.register(self.kill)

    def start(self, binaries: Binaries, program: str, *arguments: str) -> None:
        binary = binaries.path(program)
        if binary is None:
            raise StartError(f"no {program} in {binaries.folder}")
        parent = os.getpid()
        with (self._folder / f"{program}.log").open("wb") as log:
            self._running[program] = subprocess.Popen(
                [str(binary), *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: die_with(parent),
            )

    def check(self) -> None:
        """Raise StartError where one has ended."""
        for program, process in self._running.items():
            if process.poll() is not None:
                raise StartError(f"{program} ended with {process.returncode}:\n{self.tail(program)}")

    def tail(self, program: str) -> str:
        return (self._folder / f"{program}.log").read_text(errors="replace")[-2000:]

    def kill(self) -> None:
        """End all at once.  An API server that is asked nicely waits a minute for its watches, and nothing is kept."""
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.wait()
        self._running.clear()
        atexit.unregister(self.kill)


def die_with(parent: int) -> None:
    """In a child about to run: be killed when the parent dies, even by SIGKILL (prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
