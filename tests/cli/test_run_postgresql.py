"""`doorward run` with its journal in PostgreSQL, before the embedded cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from doorward.cluster.protocol import ApiError
from doorward.journal import ClusterJournal, JournalError, JournalLocked, PostgresqlJournal, clusters, opened
from doorward.model.event import Leading
from doorward.model.reference import Resource
from doorward_daemon import journaling
from doorward_daemon.daemon import Options, reconcile

from tests.patience import PATIENCE
from tests.postgresql.server import Postgresql
from tests.shell.running import Running, until

NAMESPACES = Resource("Namespace", "namespaces", namespaced=False)


@pytest.fixture
def url(shared_postgresql: Postgresql) -> str:
    return shared_postgresql.url()


def cluster() -> Running:
    running = Running()
    running.settings()
    running.add("m")
    for name in ("default", "kube-system"):
        running.store.create(NAMESPACES, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return running


async def test_a_journal_bears_the_uid_of_the_cluster(url: str) -> None:
    running = cluster()
    assert await reconcile(running.cluster, Options(once=True, journal=url)) == 0
    before = running.store.resource_version
    assert await reconcile(running.cluster, Options(once=True, journal=url)) == 0
    assert running.store.resource_version == before
    (kept,) = clusters(url)
    assert kept.cluster == running.store.get(NAMESPACES, "", "kube-system")["metadata"]["uid"]
    assert kept.last


async def test_clusters_keep_journals_of_their_own_in_one_database(url: str) -> None:
    for name in ("east", "west"):
        assert await reconcile(cluster().cluster, Options(once=True, journal=url, cluster_name=name)) == 0
    east, west = (list(opened(url, cluster=name, read_only=True).restore()) for name in ("east", "west"))
    assert east
    assert west
    assert [each.cluster for each in clusters(url)] == ["east", "west"]


async def test_a_cluster_that_does_not_tell_its_uid_needs_a_name(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journaling, "ATTEMPTS", 1)
    running = cluster()
    running.fail("list", ApiError(403, "Forbidden", "no"), kind="Namespace")
    with pytest.raises(JournalError, match=r"namespace kube-system can't be learned \(.*no.*--cluster-name"):
        await reconcile(running.cluster, Options(once=True, journal=url))


def terms(url: str) -> list[int]:
    """Under which it was led, as the journal has it."""
    reader = opened(url, read_only=True)
    try:
        return [each.event.term for each in reader.replay() if isinstance(each.event, Leading)]
    finally:
        reader.close()


async def test_a_leader_writes_under_the_term_of_its_lease_and_leaves_it_to_the_next(url: str) -> None:
    running = cluster()
    for term in (0, 1):
        options = Options(journal=url, cluster_name="east", lease="doorward")
        daemon = asyncio.create_task(reconcile(running.cluster, options))
        await until(lambda term=term: bool(clusters_of(url)) and clusters_of(url)[0].term == term)  # type: ignore[misc]
        await until(lambda: running.ready("m"))
        await until(lambda term=term: term in terms(url))  # type: ignore[misc]
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(daemon, PATIENCE) == 0
    assert terms(url) == [0, 1]
    assert clusters(url)[0].lease == "ome/doorward"


async def test_who_lost_the_journal_ends_with_status_1(url: str) -> None:
    running = cluster()
    daemon = asyncio.create_task(reconcile(running.cluster, Options(journal=url, cluster_name="east")))
    await until(lambda: running.ready("m"))
    usurper = PostgresqlJournal(url, "east", lease="ome/doorward", stands_by=True)
    usurper.lead(99)
    running.add("n")
    assert await asyncio.wait_for(daemon, PATIENCE) == 1
    usurper.close()


async def test_a_journal_that_another_process_writes_is_an_error(url: str) -> None:
    journal = PostgresqlJournal(url, "east")
    with pytest.raises(JournalLocked):
        await reconcile(cluster().cluster, Options(once=True, journal=url, cluster_name="east"))
    journal.close()


async def test_a_dry_run_reads_the_journal_beside_its_writer_and_needs_none(url: str) -> None:
    running, options = cluster(), Options(once=True, dry_run=True, journal=url, cluster_name="east")
    assert await reconcile(running.cluster, options) == 0
    assert await reconcile(running.cluster, Options(once=True, journal=url, cluster_name="east")) == 0
    writer = PostgresqlJournal(url, "east")
    before = writer.last_number
    assert await reconcile(running.cluster, options) == 0
    assert writer.last_number == before
    writer.close()


def clusters_of(url: str) -> list[ClusterJournal]:
    try:
        return clusters(url)
    except JournalError:
        return []


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {}}]
current-context: c
"""


@pytest.mark.parametrize("named", ["--cluster-name=east", ""])
def test_the_command_line_tells_no_password(shared_postgresql: Postgresql, tmp_path: Path, named: str) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    where = f"postgresql://doorward:hunter2@localhost:{shared_postgresql.port}/postgres"
    command = [sys.executable, "-m", "doorward_daemon", "run", "--kubeconfig", str(tmp_path / "kubeconfig")]
    more = ["--listen", "127.0.0.1:0", "--no-leader-elect", "--journal", where, *([named] if named else [])]
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if "which cluster it is" in line:
                break
        process.kill()
    assert ("authentication failed" if named else "which cluster it is") in said
    assert "hunter2" not in said
