"""Two daemons before a real API server with one journal in a real database: whoever is killed, the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from doorward.journal import clusters, opened
from doorward.model.event import Leading, Observed

from tests.controlplane.providers import ApiServer
from tests.e2e.daemon import Line
from tests.e2e.test_five_doors import own_world
from tests.e2e.test_replicas import SHORT, deploy, leads, replicas
from tests.patience import PATIENCE
from tests.postgresql.server import Postgresql


@pytest.fixture
def kubeconfig(api_server: ApiServer) -> Path:
    return api_server.kubeconfig


def takes_the_journal(line: Line) -> bool:
    return bool(line["event"] == "the journal is taken over")


async def test_the_journal_outlives_its_server_and_its_leader_and_refuses_who_comes_back(
    kubeconfig: Path, own_postgresql: Postgresql
) -> None:
    url = own_postgresql.url()
    async with own_world(kubeconfig) as world:
        with replicas(kubeconfig, world, SHORT, "--journal", url) as (first, second):
            first.wait_for_line(takes_the_journal, PATIENCE)
            names = [await deploy(world)]
            own_postgresql.kill()
            names.append(await deploy(world))
            own_postgresql.start()
            first.suspend()
            leads(second)
            second.wait_for_line(takes_the_journal, PATIENCE)
            names.append(await deploy(world))
            first.go_on()
            assert first.ended() == 1
            second.stop()
    (kept,) = clusters(url)
    reader = opened(url, read_only=True)
    records = list(reader.replay())
    reader.close()
    assert [record.number for record in records] == list(range(1, kept.last + 1))
    terms = [record.event.term for record in records if isinstance(record.event, Leading)]
    assert terms == [kept.term - 1, kept.term]
    seen = {record.event.object["metadata"]["name"] for record in records if isinstance(record.event, Observed)}
    assert set(names) <= seen
