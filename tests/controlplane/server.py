"""One control plane of its own: etcd, kube-apiserver and, where there is one, kube-controller-manager.

Everything lives in one folder: data, logs, certificates, and the sockets of etcd, which needs no port.  The processes
die with the one that started them, however that ends.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import random
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from tests.controlplane.binaries import Binaries
from tests.controlplane.definitions import install

READY_TIME = 60.0
"""Seconds within which the API server must be ready; it takes about three."""
_PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """A process of the control plane ended, or didn't become ready; the message has the end of its log."""


@contextmanager
def control_plane(binaries: Binaries, folder: Path, port: int = 0, definitions: Sequence[Path] = ()) -> Iterator[Path]:
    """A running control plane with its state in ``folder``; gives the path of a kubeconfig for an administrator.

    ``port`` is the API server's on 127.0.0.1; 0: any that is free.  ``definitions`` are files with
    CustomResourceDefinitions, which it serves.  Raises StartError.
    """
    with running(binaries, folder, port, definitions=definitions) as plane:
        yield plane.kubeconfig


class ControlPlane:
    """One that runs, with the kubeconfig of an administrator, and all that it keeps in ``folder``."""

    def __init__(self, kubeconfig: Path, processes: Processes) -> None:
        self.kubeconfig = kubeconfig
        self.folder = kubeconfig.parent
        self._processes = processes

    def restart_api_server(self) -> None:
        """End it as a crash does, start it anew at the same port, and return once it is ready.

        To be called in the main thread: a process dies with the thread that started it.
        """
        self._processes.restart("kube-apiserver")
        _wait_ready(self.kubeconfig, self._processes)

    def end(self, *programs: str) -> None:
        """End these as a crash does."""
        for program in programs:
            self._processes.end(program)

    def begin(self, *programs: str) -> None:
        """Start these anew where they were; nobody waits until they are ready.  To be called in the main thread."""
        for program in programs:
            self._processes.begin(program)


@contextmanager
def running(
    binaries: Binaries, folder: Path, port: int = 0, *options: str, definitions: Sequence[Path] = ()
) -> Iterator[ControlPlane]:
    """The same, for a test that has more to do with it; ``options`` are further ones of the API server."""
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    processes = Processes(folder)
    try:
        try:
            kubeconfig = _start(binaries, folder, port or free_port(), processes, options, definitions)
        except StartError:
            if port:
                raise
            # Somebody may have taken the free port meanwhile.
            processes.kill()
            kubeconfig = _start(binaries, folder, free_port(), processes, options, definitions)
        yield ControlPlane(kubeconfig, processes)
    finally:
        processes.kill()


def _start(
    binaries: Binaries,
    folder: Path,
    port: int,
    processes: Processes,
    options: Sequence[str],
    definitions: Sequence[Path],
) -> Path:
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    kubeconfig = _write_kubeconfig(folder, port, token)
    key = folder / "certs" / "apiserver.key"
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
        # As in OpenShift: objects that block the deletion of their owner need a right.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        "--enable-priority-and-fairness=false",
        "--service-account-issuer=https://kubernetes.default.svc",
        # The key that it makes for its own certificate, before it reads this one.
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--allow-privileged",
        *options,
    )
    _wait_ready(kubeconfig, processes)
    # Before the garbage collector comes, which looks for new kinds at its start and then twice a minute.
    if definitions:
        install(kubeconfig, definitions)
    if binaries.path("kube-controller-manager"):
        processes.start(
            binaries,
            "kube-controller-manager",
            f"--kubeconfig={kubeconfig}",
            f"--service-account-private-key-file={key}",
            "--use-service-account-credentials=false",
            "--secure-port=0",
            "--leader-elect=false",
            # A node that a test makes has no kubelet, which would say that it lives.
            "--node-monitor-grace-period=24h",
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


def _wait_ready(kubeconfig: Path, processes: Processes) -> None:
    content = yaml.safe_load(kubeconfig.read_text())
    server, token = content["clusters"][0]["cluster"]["server"], content["users"][0]["user"]["token"]
    certificate = kubeconfig.parent / content["clusters"][0]["cluster"]["certificate-authority"]
    deadline = time.monotonic() + READY_TIME
    request = urllib.request.Request(f"{server}/readyz", headers={"Authorization": f"Bearer {token}"})
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


_given: set[int] = set()


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens at, for a program that is yet to start.

    It lies below those that the system gives away for a while, to connections and to whoever asks for any port: one
    of these may be taken before the program asks for it.  None is given twice: processes between which the tests are
    split have ports of their own, so that nobody takes one whose program is about to start, or to start anew.
    """
    lowest_of_the_system = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    of = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    for port in random.sample(range(20_000 + number % of, lowest_of_the_system, of), k=1000):
        with socket.socket() as probe, suppress(OSError):
            if port not in _given:
                probe.bind(("127.0.0.1", port))
                _given.add(port)
                return port
    raise StartError("no port on 127.0.0.1 is free")


class Processes:
    """Processes with one folder for their logs, each known by its name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._again: dict[str, Callable[[], None]] = {}
        atexit.register(self.kill)

    def start(self, binaries: Binaries, program: str, *arguments: str) -> None:
        binary = binaries.path(program)
        if binary is None:
            raise StartError(f"no {program} in {binaries.folder}")
        self.run(program, [str(binary), *arguments])

    def run(
        self,
        program: str,
        command: Sequence[str],
        environ: Mapping[str, str] | None = None,
        first: Callable[[], None] | None = None,
        user: int | None = None,
        group: int | None = None,
    ) -> None:
        """Start a command under a name; ``first``, in the new process, in place of :func:`die_with` this one."""
        parent = os.getpid()
        with (self._folder / f"{program}.log").open("ab") as log:
            self._running[program] = subprocess.Popen(
                command,
                cwd=self._folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=first or (lambda: die_with(parent)),
                user=user,
                group=group,
            )
        self._again[program] = lambda: self.run(program, command, environ, first, user, group)

    def restart(self, program: str) -> None:
        """End a process as a crash does, and start it anew."""
        self.end(program)
        self.begin(program)

    def end(self, program: str) -> None:
        """End a process as a crash does."""
        process = self._running.pop(program)
        process.kill()
        process.wait()

    def begin(self, program: str) -> None:
        """Start a process anew that was ended, as it was."""
        self._again[program]()

    def id_of(self, program: str) -> int:
        """Of the process, and of the group of those that it starts."""
        return self._running[program].pid

    def wait(self, program: str) -> None:
        """Until it has ended."""
        self._running[program].wait()

    def ended(self, program: str) -> bool:
        return self._running[program].poll() is not None

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
