"""One connection to PostgreSQL: made, lost, and made anew.

What was asked for while it was lost is asked again, with pauses that grow, for a few seconds; then it is
:class:`JournalAway`, and whoever asked decides how to go on without.  Everything that libpq lets people say, in the
URL, in the environment or in files, holds; only what nobody said is decided here.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from doorward.journal.errors import JournalAway, JournalError
from doorward.journal.location import passwords, shown

__all__ = ["Session"]

Connection = psycopg.Connection[Any]
T = TypeVar("T")

PATIENCE = 3.0
"""Seconds for which a lost connection is made anew, before that is an error."""
ANSWER = 30.0
"""Seconds after which a server that says nothing is given up; it answers with an error before that, if it can."""
CLOSING = 3.0
"""Seconds that are waited for it at the end."""
PAUSES = wait_random_exponential(multiplier=0.05, max=1.0)
DEFAULTS = {
    "connect_timeout": ("PGCONNECT_TIMEOUT", "5"),
    "keepalives_idle": ("", "10"),
    "keepalives_interval": ("", "5"),
    "keepalives_count": ("", "3"),
    "tcp_user_timeout": ("", "20000"),
    "client_encoding": ("PGCLIENTENCODING", "UTF8"),
    "fallback_application_name": ("", "doorward"),
}
"""What holds unless the URL says otherwise, or the variable: a server that is silently gone is known to be, in time."""
_SETTINGS = (
    b"SET statement_timeout = '25s'",
    b"SET lock_timeout = '20s'",
    b"SET idle_in_transaction_session_timeout = '10s'",  # a process that is stopped holds up no other for longer
)
_REFUSALS = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "no pg_hba.conf entry",
    "permission denied",
    "is not permitted to log in",
    "certificate verify failed",
    "does not match host name",
    "does not support SSL",
)
"""What is said where waiting helps nothing: libpq gives no code for it (PGconn of a connection that wasn't made)."""
_UNWRITABLE = "25006"
"""What a server says that is another's copy: a connection that is made anew may lead to the one that can be written."""


class Session:
    """To the database of a URL; ``prepare`` is called with each new connection, before anything else."""

    def __init__(self, url: str, prepare: Callable[[Connection], None]) -> None:
        self.shown = shown(url)
        """The URL as it may be logged."""
        self.lock = threading.RLock()
        """Held by whoever needs several calls in a row."""
        self._url = url
        self._passwords = passwords(url)
        self._prepare = prepare
        self._connection: Connection | None = None
        self._closed = False
        self._ended = threading.Event()
        self._since: float | None = None
        """When the request began that is under way."""
        self._watchdog: threading.Thread | None = None

    def run(self, work: Callable[[Connection], T], *, patience: float | None = None) -> T:
        """What ``work`` gives, which may be called again on a new connection where the one before was lost.

        Raises JournalAway where there is none for ``patience`` seconds, and JournalError for what else the server says.
        """
        again = Retrying(
            retry=retry_if_exception_type(JournalAway),
            stop=stop_after_delay(PATIENCE if patience is None else patience),
            wait=PAUSES,
            reraise=True,
        )
        with self.lock:
            result: T = again(self._tried, work)
            return result

    def close(self) -> bool:
        """End it; False where the server had to be left in the middle of a request."""
        self._closed = True
        if answered := self.lock.acquire(timeout=CLOSING):
            self._drop()
            self.lock.release()
        else:
            self._cut()
        self._ended.set()
        return answered

    def _cut(self) -> None:
        """Let whoever waits for an answer of the server have an error."""
        if (connection := self._connection) is not None:
            with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            if (since := self._since) is not None and time.monotonic() - since > ANSWER:
                self._cut()

    def _tried(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise JournalError(f"{self.shown}: is closed")
        try:
            return self._asked(self._connected(), work)
        finally:
            self._since = None

    def _asked(self, connection: Connection, work: Callable[[Connection], T]) -> T:
        """What ``work`` gives; a connection that is lost, or leads where nothing can be written, is given up."""
        self._since = time.monotonic()
        try:
            return work(connection)
        except psycopg.Error as error:
            if connection.closed or error.sqlstate == _UNWRITABLE:
                self._drop()
                raise JournalAway(f"{self.shown}: {self._said(error)}") from None
            raise JournalError(f"{self.shown}: {self._said(error)}; see the server's log") from None

    def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self._drop()
        self._connection = connection = self._connect()
        self._since = time.monotonic()
        if self._watchdog is None:
            self._watchdog = threading.Thread(target=self._watch, name="doorward: journal", daemon=True)
            self._watchdog.start()
        try:
            for setting in _SETTINGS:
                connection.execute(setting)
            self._prepare(connection)
        except psycopg.Error as error:
            kind = JournalAway if connection.closed else JournalError
            self._drop()
            raise kind(f"{self.shown}: {self._said(error)}") from None
        except BaseException:
            self._drop()
            raise
        return connection

    def _connect(self) -> Connection:
        more = self._defaults()
        try:
            return psycopg.connect(make_conninfo(self._url, **more), autocommit=True)
        except psycopg.Error as error:
            said = self._said(error)
            kind = JournalError if any(each in said for each in _REFUSALS) else JournalAway
            raise kind(f"{self.shown}: {said}") from None

    def _defaults(self) -> dict[str, str]:
        """What nobody said; in a frame of its own, so that no traceback has all that the URL says."""
        try:
            given = set(conninfo_to_dict(self._url))
        except psycopg.Error:
            # libpq's own words would quote what may be a password.
            raise JournalError(f"{self.shown}: libpq doesn't know one of the URL's parameters; check them") from None
        return {
            key: value
            for key, (variable, value) in DEFAULTS.items()
            if key not in given and not (variable and os.environ.get(variable))
        }

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _said(self, error: Exception) -> str:
        """What the server or libpq said, on one line and without a password."""
        said = " ".join(str(error).split()) or type(error).__name__
        for password in self._passwords:
            said = said.replace(password, "***")
        return said
