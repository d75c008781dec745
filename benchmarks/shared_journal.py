"""The journal in PostgreSQL against the database under it: records kept against rows inserted, and as many read.

Both go through one connection to one server of the run's own, with its disk waited for (fsync) by both.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any

import psycopg
from doorward.backends import Backends
from doorward.journal import PostgresqlJournal
from doorward.journal.encoding import checksum, encode
from doorward.model.event import Record

from benchmarks.engine_alone import as_the_daemon_does, converge
from benchmarks.figure import Figure, Scale, ratio
from benchmarks.fleet import fleet
from tests.postgresql.server import HOW, binaries, postgresql

BATCH = 50
"""Records that are committed together: about what gathers while a leader is busy."""
ROUNDS = 5
_TABLE = "CREATE TABLE bare (number bigint PRIMARY KEY, crc bigint NOT NULL, body bytea NOT NULL)"
_INSERT = "INSERT INTO bare SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[])"


def measure(scale: Scale) -> list[Figure]:
    """Nothing where there is no PostgreSQL."""
    if (found := binaries(lambda _: None)) is None:
        print(HOW, file=sys.stderr)
        return []
    as_the_daemon_does()
    records: list[Record] = []
    converge(fleet(scale.of(2_000, 200)), Backends(), records.extend)
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    kept, inserted, restored, read = [], [], [], []
    with postgresql(found, fsync=True) as server:
        for _ in range(ROUNDS):
            url = server.url()
            inserted.append(_inserted(url, batches))
            kept.append(_kept(url, batches))
            read.append(_read(url))
            restored.append(_restored(url, len(records)))
    sides = ("doorward", "psycopg")
    return [
        ratio("journal in PostgreSQL, append and commit against a bare insert", kept, inserted, None, sides=sides),
        ratio("journal in PostgreSQL, restore against reading the rows", restored, read, None, sides=sides),
    ]


def _kept(url: str, batches: list[list[Record]]) -> float:
    journal = PostgresqlJournal(url, "bench")
    began = perf_counter()
    for batch in batches:
        journal.append(batch)
        journal.commit()
    seconds = perf_counter() - began
    journal.close()
    return seconds


def _inserted(url: str, batches: list[list[Record]]) -> float:
    """Seconds for the same rows with nobody who encodes, orders or fences them."""
    columns: list[list[Any]] = []
    for batch in batches:
        bodies = [encode(record) for record in batch]
        numbers = [record.number for record in batch]
        columns.append([numbers, list(map(checksum, numbers, bodies)), bodies])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLE)
        began = perf_counter()
        for each in columns:
            connection.execute(_INSERT, each)
        return perf_counter() - began


def _restored(url: str, count: int) -> float:
    journal = PostgresqlJournal(url, "bench", read_only=True)
    began = perf_counter()
    assert sum(1 for _ in journal.restore()) == count
    seconds = perf_counter() - began
    journal.close()
    return seconds


def _read(url: str) -> float:
    with psycopg.connect(url) as connection:
        began = perf_counter()
        connection.execute("SELECT number, crc, body FROM bare ORDER BY number").fetchall()
        return perf_counter() - began
