"""The journal in a database: who may write, what a lost connection costs, several clusters, and what is never told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
import trustme
from doorward.journal import (
    JournalAway,
    JournalError,
    JournalGap,
    JournalLocked,
    JournalLost,
    JournalOutbid,
    JournalTooNew,
    NotAJournal,
    PostgresqlJournal,
    clusters,
    migrations,
    opened,
    session,
)
from doorward.journal.postgresql import Row
from doorward.model.event import Elapsed, Observed, Record
from structlog.testing import capture_logs

from tests.postgresql.server import PASSWORD, Postgresql


@pytest.fixture
def url(shared_postgresql: Postgresql) -> str:
    return shared_postgresql.url()


def record(number: int, size: int = 0) -> Record:
    if size:
        return Record(number, 0, Observed(at=float(number), kind="Service", object={"text": "x" * size}))
    return Record(number, 0, Elapsed(at=float(number)))


def records(first: int, last: int, size: int = 0) -> list[Record]:
    return [record(number, size) for number in range(first, last + 1)]


def leader(url: str, term: int | None, lease: str = "ome/doorward", **more: int) -> PostgresqlJournal:
    journal = PostgresqlJournal(url, "east", lease=lease, stands_by=True, **more)
    journal.lead(term)
    return journal


# -- what outlives a process ---------------------------------------------------------------------------------------


def test_a_journal_goes_on_where_it_was_closed(url: str) -> None:
    journal = PostgresqlJournal(url, "east")
    journal.append(records(1, 3))
    journal.snapshot(records(2, 2), through=3)
    journal.append(records(4, 5))
    journal.close()
    journal = PostgresqlJournal(url, "east")
    assert journal.last_number == 5
    assert journal.since_snapshot == 2
    assert list(journal.replay()) == records(1, 5)
    assert list(journal.restore()) == [record(2), record(4), record(5)]
    journal.append(records(6, 6))
    journal.close()


WRITER = """
import sys
from doorward.journal import PostgresqlJournal
from doorward.journal.postgresql import Row
from doorward.model.event import Elapsed, Record
journal = PostgresqlJournal(sys.argv[1], "east")
number = journal.last_number
while True:
    batch = [Record(number + step, 0, Elapsed(at=1.0)) for step in range(1, 11)]
    number += 10
    journal.append(batch)
    journal.commit()
    print(number, flush=True)
"""


def test_what_was_committed_outlives_a_kill_at_any_moment(url: str) -> None:
    told = 0
    for lines in (1, 20):
        with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(lines):
                told = int(process.stdout.readline())
            with pytest.raises(JournalLocked, match=f"process {process.pid} writes the journal of cluster east"):
                PostgresqlJournal(url, "east")
            process.send_signal(signal.SIGKILL)
            told = max([told, *(int(line) for line in process.stdout if line.endswith("\n"))])
        reader = PostgresqlJournal(url, "east", read_only=True)
        assert reader.last_number >= told
        assert [each.number for each in reader.replay()] == list(range(1, reader.last_number + 1))
        reader.close()


# -- one writer ----------------------------------------------------------------------------------------------------


def test_two_without_a_lease_cannot_share_a_journal(url: str) -> None:
    first = PostgresqlJournal(url, "east")
    first.append(records(1, 1))
    with pytest.raises(JournalLocked, match=rf"process {os.getpid()} writes the journal of cluster east; stop it"):
        PostgresqlJournal(url, "east")
    first.append(records(2, 2))
    first.close()
    second = PostgresqlJournal(url, "east")
    assert list(second.replay()) == records(1, 2)
    second.close()


def test_a_deposed_leaders_records_are_refused_by_the_database(url: str) -> None:
    first = leader(url, 7)
    first.append(records(1, 2))
    first.commit()
    first.append(records(3, 3))
    second = leader(url, 8)
    second.append(records(3, 4))
    for attempt in (first.commit, lambda: first.snapshot([], through=2), lambda: first.prune(0.0), first.lead):
        with pytest.raises(JournalLost, match=r"has taken over .* east; this process writes no more"):
            attempt()
    second.commit()
    assert list(second.replay()) == records(1, 4)
    with pytest.raises(JournalLost):
        first.close()
    second.close()


_BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


def test_a_takeover_waits_for_a_commit_that_is_under_way_and_sees_it(url: str) -> None:
    first = leader(url, 1)
    first.append(records(1, 3))
    taken: list[int] = []

    def take() -> None:
        second = leader(url, 2)
        taken.append(second.last_number)
        second.close()

    thread = threading.Thread(target=take)

    def under_way(connection: session.Connection) -> None:
        with connection.transaction():
            first._fence.hold(connection)
            thread.start()
            while thread.is_alive() and connection.execute(_BLOCKED).fetchone() == (0,):
                pass
            first._insert(connection, first._pending)

    first._session.run(under_way)
    thread.join()
    assert taken == [3]


def test_who_is_stopped_in_the_middle_of_a_transaction_holds_up_the_next_for_seconds_only(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_SETTINGS", (b"SET idle_in_transaction_session_timeout = '100ms'",))
    first = leader(url, 1)

    def stopped(connection: session.Connection) -> None:
        with connection.transaction():
            first._fence.hold(connection)
            leader(url, 2).close()
            first._fence.hold(connection)

    with pytest.raises(JournalAway):
        first._session.run(stopped, patience=0)


def test_a_leader_of_an_earlier_term_is_told_the_term_to_go_above(url: str) -> None:
    leader(url, 7).close()
    for term in (0, 7):
        with pytest.raises(JournalOutbid, match="was written under term 7") as caught:
            leader(url, term)
        assert caught.value.term == 7
    leader(url, 8).close()


def test_the_first_leader_of_all_has_term_0(url: str) -> None:
    leader(url, 0).close()
    with pytest.raises(JournalOutbid):
        leader(url, 0)


def test_who_leads_may_ask_again_whether_it_still_does(url: str) -> None:
    journal = leader(url, 3)
    journal.append(records(1, 1))
    journal.commit()
    journal.lead(3)
    journal.append(records(2, 2))
    journal.close()


def test_who_holds_the_lease_takes_over_from_who_has_none_and_not_the_other_way_round(url: str) -> None:
    without = PostgresqlJournal(url, "east")
    without.append(records(1, 1))
    without.commit()
    holder = leader(url, 5)
    without.append(records(2, 2))
    with pytest.raises(JournalLost):
        without.commit()
    without._session.close()
    while not holder._fence._locked:  # the server lets go of a lock a moment after its connection has ended
        holder._fence.lock(holder._session._connected())
    with pytest.raises(JournalLocked, match="--cluster-name"):
        PostgresqlJournal(url, "east")
    assert holder.last_number == 1
    holder.close()


def test_another_lease_is_another_installation_which_needs_another_name(url: str) -> None:
    first = leader(url, 5, "ome/doorward")
    with pytest.raises(JournalLocked, match="name another cluster with --cluster-name"):
        leader(url, 6, "ome/doorward-team")
    first.append(records(1, 1))
    first.close()
    leader(url, 6, "ome/doorward-team").close()


def test_who_stands_by_reads_what_the_leader_commits_and_writes_nothing(url: str) -> None:
    first = leader(url, 1)
    standby = PostgresqlJournal(url, "east", lease="ome/doorward", stands_by=True)
    first.append(records(1, 3))
    first.commit()
    standby.lead(2)
    assert standby.last_number == 3
    assert list(standby.restore()) == records(1, 3)
    standby.close()
    first._session.close()


def test_who_stands_by_appends_nothing(url: str) -> None:
    standby = PostgresqlJournal(url, "east", stands_by=True)
    with pytest.raises(JournalError, match="reading only"):
        standby.append(records(1, 1))
    standby.close()


# -- a connection that is lost -------------------------------------------------------------------------------------


def cut(server: Postgresql) -> None:
    """End every connection but the one that does it."""
    others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


def test_a_connection_that_is_cut_between_two_commits_is_made_anew(shared_postgresql: Postgresql) -> None:
    journal = leader(shared_postgresql.url(), 1)
    for number in range(1, 6):
        journal.append(records(number, number))
        cut(shared_postgresql)
        journal.commit()
    assert list(journal.replay()) == records(1, 5)
    journal.close()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_answer_that_is_lost_leaves_every_record_once(
    shared_postgresql: Postgresql, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection ends before the statement takes effect, or after: the writer can't tell which."""
    journal = leader(shared_postgresql.url(), 1)
    insert, lost = journal._insert, [moment]

    def losing(connection: session.Connection, batch: Sequence[Row]) -> None:
        which = lost.pop() if lost else ""
        if which != "before":
            insert(connection, batch)
        if which:
            connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(journal, "_insert", losing)
    journal.append(records(1, 3))
    journal.commit()
    journal.append(records(4, 5))
    journal.commit()
    assert list(journal.replay()) == records(1, 5)
    journal.close()


def test_what_came_while_the_answer_was_awaited_is_kept_with_the_rest(
    shared_postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PATIENCE", 0.0)
    journal = leader(shared_postgresql.url(), 1)
    insert = journal._insert

    def losing(connection: session.Connection, batch: Sequence[Row]) -> None:
        insert(connection, batch)
        connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    journal.append(records(1, 3))
    monkeypatch.setattr(journal, "_insert", losing)
    with pytest.raises(JournalAway):
        journal.commit()
    monkeypatch.setattr(journal, "_insert", insert)
    journal.append(records(4, 6))
    journal.commit()
    assert list(journal.replay()) == records(1, 6)
    journal.close()


def test_a_server_that_is_killed_and_comes_back_has_all_that_was_committed_and_gets_the_rest(
    own_postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PATIENCE", 0.2)
    url = own_postgresql.url()
    journal = leader(url, 1)
    reader = PostgresqlJournal(url, "east", read_only=True)
    last = 0
    for _ in range(3):
        journal.append(records(last + 1, last + 50))
        journal.commit()
        own_postgresql.kill()
        journal.append(records(last + 51, last + 60))
        with pytest.raises(JournalAway, match="doorward") as caught:
            journal.commit()
        assert PASSWORD not in str(caught.value)
        with pytest.raises(JournalAway):
            PostgresqlJournal(url, "east", read_only=True)
        own_postgresql.start()
        journal.commit()
        last += 60
        assert list(reader.replay()) == records(1, last)
    with pytest.raises(JournalOutbid):
        leader(url, 1)
    journal.close()
    reader.close()


def test_records_wait_for_a_database_up_to_a_limit(
    shared_postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = leader(shared_postgresql.url(), 1, pending_bytes=1000)
    journal.append(records(1, 2, size=600))
    with pytest.raises(JournalGap, match="2 records wait for the database, and no more can"):
        journal.append(records(3, 3))
    journal.commit()
    journal.append(records(3, 3))
    journal.close()


def test_a_database_that_was_restored_from_a_copy_gets_no_records_beyond_the_gap(
    shared_postgresql: Postgresql,
) -> None:
    url = shared_postgresql.url()
    journal = leader(url, 1)
    journal.append(records(1, 5))
    journal.commit()
    shared_postgresql.execute("DELETE FROM doorward_records WHERE number > 3", url)
    journal.append(records(6, 6))
    with pytest.raises(JournalGap, match="records 4 to 5 of cluster east were kept, and are gone"):
        journal.commit()
    journal.lead(1)
    assert journal.last_number == 3
    journal.append(records(4, 4))
    journal.close()


def test_threads_may_append_commit_and_read_at_a_time(url: str) -> None:
    journal = PostgresqlJournal(url, "east")
    done = threading.Event()

    def commit() -> None:
        while not done.is_set():
            journal.commit()

    threads = [threading.Thread(target=commit), threading.Thread(target=lambda: [*journal.replay()])]
    for thread in threads:
        thread.start()
    for number in range(1, 501):
        journal.append([record(number)])
    done.set()
    for thread in threads:
        thread.join()
    journal.close()
    reader = PostgresqlJournal(url, "east", read_only=True)
    assert list(reader.replay()) == records(1, 500)
    reader.close()


# -- several clusters ----------------------------------------------------------------------------------------------


def test_the_journals_of_several_clusters_are_told_apart(url: str) -> None:
    for name, last in (("east", 3), ("west", 5)):
        journal = PostgresqlJournal(url, name, lease="ome/doorward", stands_by=True)
        journal.lead(last)
        journal.append(records(1, last))
        journal.snapshot(records(1, 1), through=2)
        journal.close()
    east, west = clusters(url)
    assert (east.cluster, east.first, east.last, east.term, east.lease) == ("east", 1, 3, 3, "ome/doorward")
    assert (west.cluster, west.first, west.last, west.term) == ("west", 1, 5, 5)
    assert f"process {os.getpid()}" in west.process
    assert west.since > 1.7e9
    reader = opened(url, cluster="west", read_only=True)
    assert list(reader.replay(3)) == records(4, 5)
    assert list(reader.restore()) == [record(1), *records(3, 5)]
    assert reader.chain(5) == [record(5)]
    reader.close()


def test_what_one_cluster_forgets_another_keeps(url: str) -> None:
    journals = [PostgresqlJournal(url, name, 10.0) for name in ("east", "west")]
    for journal in journals:
        journal.append(records(1, 5))
        journal.snapshot([], through=5)
    journals[0].prune(100.0)
    assert list(journals[0].replay()) == []
    assert list(journals[1].replay()) == records(1, 5)
    for journal in journals:
        journal.close()


def test_a_reader_names_a_cluster_unless_there_is_one_only(url: str) -> None:
    with pytest.raises(NotAJournal, match="there is no journal in this database"):
        opened(url, read_only=True)
    PostgresqlJournal(url, "east").close()
    reader = opened(url, read_only=True)
    assert isinstance(reader, PostgresqlJournal)
    assert reader.cluster == "east"
    reader.close()
    PostgresqlJournal(url, "west").close()
    with pytest.raises(JournalError, match=r"has the journals of 2 clusters \(east, west\); name one"):
        opened(url, read_only=True)
    with pytest.raises(JournalError, match=r"has no journal of cluster north; those that it has are of east, west"):
        opened(url, cluster="north", read_only=True)
    with pytest.raises(JournalError, match="whose journal"):
        opened(url)


def test_sql_reads_records_as_the_page_says(shared_postgresql: Postgresql, url: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    (query,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    journal = PostgresqlJournal(url, "east")
    journal.append(records(1, 12))
    journal.close()
    found = shared_postgresql.execute(query, url)
    assert [number for number, _ in found] == list(range(12, 2, -1))
    assert found[0][1]["event"]["type"] == "Elapsed"


def test_a_reader_writes_nothing(url: str) -> None:
    PostgresqlJournal(url, "east").close()
    reader = PostgresqlJournal(url, "east", read_only=True)
    for write in (lambda: reader.append(records(1, 1)), reader.commit, lambda: reader.prune(0.0), reader.lead):
        with pytest.raises(JournalError, match="reading only"):
            write()
    reader.close()
    with pytest.raises(JournalError, match="is closed"):
        list(reader.replay())


def test_a_file_opens_by_the_same_function(tmp_path: Path) -> None:
    journal = opened(str(tmp_path / "journal"))
    journal.append(records(1, 2))
    journal.close()
    reader = opened(tmp_path / "journal", read_only=True)
    assert list(reader.replay()) == records(1, 2)
    reader.close()
    with pytest.raises(JournalError, match="a file holds one cluster's journal"):
        clusters(str(tmp_path / "journal"))


# -- versions, retention and damage --------------------------------------------------------------------------------


def test_tables_of_a_later_version_are_refused_and_left_alone(shared_postgresql: Postgresql, url: str) -> None:
    PostgresqlJournal(url, "east").close()
    shared_postgresql.execute("UPDATE doorward_schema SET version = 99", url)
    for read_only in (False, True):
        with pytest.raises(JournalTooNew, match=r"have version 99, .* knows versions up to 1; run the later"):
            PostgresqlJournal(url, "east", read_only=read_only)
    assert shared_postgresql.execute("SELECT version FROM doorward_schema", url) == [(99,)]


def test_tables_of_an_earlier_version_become_newer_once_somebody_leads(
    shared_postgresql: Postgresql, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = PostgresqlJournal(url, "east")
    journal.append(records(1, 2))
    journal.close()
    later = (*migrations.MIGRATIONS, ("ALTER TABLE doorward_records ADD COLUMN told text",))
    monkeypatch.setattr(migrations, "MIGRATIONS", later)
    with pytest.raises(JournalError, match="its tables have version 1, older than 2"):
        PostgresqlJournal(url, "east", read_only=True)
    standby = PostgresqlJournal(url, "east", stands_by=True)
    assert shared_postgresql.execute("SELECT version FROM doorward_schema", url) == [(1,)]
    standby.lead(5)
    assert shared_postgresql.execute("SELECT version FROM doorward_schema", url) == [(2,)]
    assert list(standby.replay()) == records(1, 2)
    standby.close()


def test_two_that_come_at_once_make_the_tables_once(url: str) -> None:
    names = [f"cluster-{number}" for number in range(8)]
    threads = [threading.Thread(target=lambda name=name: PostgresqlJournal(url, name).close()) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.cluster for each in clusters(url)] == names


def test_the_records_stay_below_their_size(url: str) -> None:
    journal = PostgresqlJournal(url, "east", retention_bytes=100_000)
    for end in range(100, 501, 100):
        journal.append(records(end - 99, end, size=400))
        journal.snapshot(records(end, end), through=end)
        journal.prune(now=0.0)
    kept = list(journal.replay())
    assert 100 <= len(kept) < 200
    assert kept == records(kept[0].number, 500, size=400)
    assert journal.size() <= 100_000
    journal.close()


@pytest.mark.parametrize(
    ("statement", "numbers", "restored"),
    [
        ("UPDATE doorward_records SET crc = crc + 1 WHERE number = 5", range(1, 5), [3, 4]),
        ("DELETE FROM doorward_records WHERE number = 5", range(1, 5), [3, 4]),
        ("UPDATE doorward_snapshots SET body = '[]' WHERE through = 3", range(1, 9), [*range(1, 9)]),
    ],
)
def test_a_table_that_somebody_edited_is_read_up_to_there(
    shared_postgresql: Postgresql, url: str, statement: str, numbers: range, restored: list[int]
) -> None:
    journal = PostgresqlJournal(url, "east")
    journal.append(records(1, 8))
    journal.snapshot(records(3, 3), through=3)
    journal.close()
    shared_postgresql.execute(statement, url)
    with capture_logs() as logs:
        reader = PostgresqlJournal(url, "east", read_only=True)
        assert [each.number for each in reader.replay()] == list(numbers)
        assert [each.number for each in reader.restore()] == restored
        reader.close()
    assert {each["cluster"] for each in logs} == {"east"}


# -- passwords and TLS ---------------------------------------------------------------------------------------------


def by_network(server: Postgresql, **parameters: str) -> dict[str, str]:
    return {"host": "localhost", "hostaddr": "127.0.0.1", "sslrootcert": str(server.folder / "ca.pem"), **parameters}


def test_a_password_comes_from_a_passfile_and_the_server_is_verified(
    shared_postgresql: Postgresql, tmp_path: Path
) -> None:
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"localhost:{shared_postgresql.port}:*:doorward:{PASSWORD}\n")
    passfile.chmod(0o600)
    parameters = by_network(shared_postgresql, sslmode="verify-full", passfile=str(passfile))
    journal = PostgresqlJournal(shared_postgresql.url(**parameters), "east")
    journal.append(records(1, 1))
    journal.commit()
    with journal._session.lock:
        asked = journal._session._connected().execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert asked.fetchone() == (True,)
    journal.close()


def test_so_they_do_from_libpqs_variables(
    shared_postgresql: Postgresql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(shared_postgresql.folder / "ca.pem"))
    PostgresqlJournal(shared_postgresql.url(host="localhost"), "east").close()


def test_a_server_that_nobody_vouches_for_is_refused(shared_postgresql: Postgresql, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    parameters = by_network(shared_postgresql, sslmode="verify-full", sslrootcert=str(tmp_path / "other.pem"))
    with pytest.raises(JournalError, match="certificate verify failed") as caught:
        PostgresqlJournal(shared_postgresql.url(password=PASSWORD, **parameters), "east")
    assert not isinstance(caught.value, JournalAway)


SECRET = "hunter2"


def test_no_error_tells_a_password(shared_postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PATIENCE", 0.0)
    where = f"host={shared_postgresql.folder}&port={shared_postgresql.port}"
    network = f"localhost:{shared_postgresql.port}"
    for url, said in (
        (f"postgresql://doorward:{SECRET}@{network}/postgres", "password authentication failed"),
        (f"postgresql://doorward@{network}/postgres?password={SECRET}", "password authentication failed"),
        (f"postgresql://nobody:{SECRET}@/nothing?{where}", "does not exist"),
        (f"postgresql://doorward:{SECRET}@127.0.0.1:1/postgres", "refused"),
        (f"postgresql://doorward:{SECRET}@/postgres?nothing={SECRET}", "parameters"),
        (f"postgresql://doorward:{SECRET}@/postgres?sslmode={SECRET}", "sslmode"),
        (f"postgresql://doorward:pass@{SECRET}@localhost/postgres", "percent-encode"),
        (f"postgresql://doorward:pass/{SECRET}@localhost/postgres", "percent-encode"),
        (f"postgresql://doorward:pass#{SECRET}@localhost/postgres", "percent-encode"),
        (f"postgresql://doorward:pass?{SECRET}@localhost/postgres", "percent-encode"),
        (f"postgresql://doorward:12/{SECRET}@localhost/postgres", "percent-encode"),
        (f"mysql://doorward:{SECRET}@localhost/postgres", "mysql://"),
    ):
        with capture_logs() as logs, pytest.raises(JournalError, match=said) as caught:
            opened(url, cluster="east")
        told: BaseException | None = caught.value
        while told is not None:
            assert SECRET not in str(told), url
            told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)
        assert SECRET not in str(logs)
