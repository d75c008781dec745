"""One PostgreSQL server of its own: an unprivileged user's, on loopback and on a Unix socket, in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import trustme

from tests.controlplane.binaries import cache_folder, one_at_a_time
from tests.controlplane.providers import required
from tests.controlplane.server import Processes, StartError, free_port
from tests.patience import PATIENCE

HOW = "no PostgreSQL server: apt-get install postgresql"
USER, PASSWORD = "doorward", "correct horse/battery@staple"
"""Who needs no password on the socket, and this one on loopback."""
_USUAL = Path("/usr/lib/postgresql")
"""Where Debian has the server, out of PATH: one folder for each version."""
_INITDB = ("-D", "data", "-U", USER, "--pwfile=password", "-E", "UTF8", "--locale=C", "-N", "-A", "scram-sha-256")
_HBA = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
_schemas = count(1)


def binaries(tell: Callable[[str], None]) -> Path | None:
    """The folder with postgres and initdb; root installs Debian's, where tests must not be skipped."""
    if found := _found():
        return found
    if required() and os.geteuid() == 0 and shutil.which("apt-get"):
        # Others that install or download Debian's packages have the same lock.
        with one_at_a_time(cache_folder() / "postgresql"):
            return _found() or _installed(tell)
    return None


def _installed(tell: Callable[[str], None]) -> Path | None:
    tell("installing Debian's postgresql")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
        subprocess.run(["apt-get", "-qq", *command], env=quiet, stdout=subprocess.DEVNULL, check=True)
    return _found()


def _found() -> Path | None:
    usual = sorted(_USUAL.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    on_path = [Path(found).parent for program in ("initdb",) if (found := shutil.which(program))]
    return next((each for each in (*on_path, *usual) if os.access(each / "postgres", os.X_OK)), None)


class Postgresql:
    """A server that runs; ``folder`` has its socket, its data, its log and the certificate of who vouches for it."""

    def __init__(self, binaries: Path, folder: Path, port: int, fsync: bool) -> None:
        self.folder = folder
        self.port = port
        self.processes = Processes(folder)
        self._binaries = binaries
        self._fsync = fsync
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None

    def url(self, user: str = USER, **parameters: str) -> str:
        """Of a place where nothing is yet: a schema of its own, on the socket."""
        schema = f"test_{next(_schemas)}"
        self.execute(f"CREATE SCHEMA {schema}")
        return self.url_of(schema, user, **parameters)

    def url_of(self, schema: str, user: str = USER, **parameters: str) -> str:
        where = {"host": str(self.folder), "port": str(self.port), "options": f"-csearch_path={schema}", **parameters}
        return f"postgresql://{user}@/postgres?{urlencode(where, quote_via=quote)}"

    def execute(self, statement: str, url: str = "") -> list[Any]:
        """What a statement gives, as the administrator."""
        with psycopg.connect(url or self.url_of("public"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def kill(self) -> None:
        """End it as a crash does: SIGKILL, for all its processes."""
        self._signal(signal.SIGKILL)
        self.processes.wait("postgres")

    def suspend(self) -> None:
        """Stop it where it is: what is asked, even to be let in, isn't answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """To the server, and to what it has started, which leaves its group (setsid)."""
        first = self.processes.id_of("postgres")
        started = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for each in (first, *map(int, started)):
            with suppress(ProcessLookupError):
                os.kill(each, number)

    def start(self) -> None:
        """Start it, and return once it lets people in; to be called in the main thread, since it dies with that."""
        command = [str(self._binaries / "postgres"), "-D", "data", "-k", str(self.folder), "-p", str(self.port)]
        for setting in ("listen_addresses=127.0.0.1", f"fsync={self._fsync}", "ssl=on", "shared_buffers=16MB"):
            command += ["-c", setting]
        user, group = (self._user.pw_uid, self._user.pw_gid) if self._user else (None, None)
        deadline = time.monotonic() + PATIENCE
        while True:
            self.processes.run("postgres", command, user=user, group=group)
            while time.monotonic() < deadline:
                try:
                    self.execute("SELECT 1")
                    return
                except psycopg.OperationalError:
                    time.sleep(0.02)
                if self.processes.ended("postgres"):
                    break  # what a killed server had of shared memory may still be in use
            else:
                raise StartError(f"postgres isn't ready after {PATIENCE:g} s:\n{self.processes.tail('postgres')}")

    def make(self) -> None:
        """Its folder, its certificate and its data."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.folder / "ca.pem")
        (self.folder / "password").write_text(PASSWORD)
        if self._user:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        who = {"user": self._user.pw_uid, "group": self._user.pw_gid} if self._user else {}
        made = subprocess.run(
            [str(self._binaries / "initdb"), *_INITDB],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            **who,  # type: ignore[call-overload]
        )
        if made.returncode:
            raise StartError(f"initdb failed:\n{made.stdout}{made.stderr}")
        data = self.folder / "data"
        certificate = authority.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(data / "server.key")
        certificate.cert_chain_pems[0].write_to_path(data / "server.crt")
        (data / "pg_hba.conf").write_text(_HBA)
        (data / "server.key").chmod(0o600)
        if self._user:
            for name in ("server.key", "server.crt"):
                os.chown(data / name, self._user.pw_uid, self._user.pw_gid)


@contextmanager
def postgresql(binaries: Path, *, fsync: bool = False) -> Iterator[Postgresql]:
    """A running server with nothing in it.  Its folder is where others may enter: pytest's are the user's own.

    Without ``fsync`` it is quicker, and what it has committed outlives its own end, though not the machine's.
    """
    with tempfile.TemporaryDirectory(prefix="doorward-postgresql-", ignore_cleanup_errors=True) as name:
        server = Postgresql(binaries, Path(name), free_port(), fsync)
        server.make()
        try:
            server.start()
            yield server
        finally:
            server.processes.kill()
