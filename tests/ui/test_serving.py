"""Where the page is served, and where it isn't."""

from __future__ import annotations

import asyncio
import os
import signal

import aiohttp
import pytest
from doorward_daemon.daemon import Options, reconcile
from structlog.testing import capture_logs

from tests.patience import PATIENCE
from tests.shell.running import Running, Slow, until
from tests.ui.scenery import served


@pytest.mark.parametrize(
    ("listen", "ui", "page", "doors"),
    [
        ("127.0.0.1:0", None, 200, 200),
        ("127.0.0.1:0", False, 404, 404),
        ("0.0.0.0:0", None, 404, 404),
        ("0.0.0.0:0", True, 200, 401),
    ],
)
async def test_the_page_is_on_loopback_and_elsewhere_only_where_it_is_asked_for(
    listen: str, ui: bool | None, page: int, doors: int
) -> None:
    running = Running()
    running.add("m")
    with capture_logs() as logs:
        daemon = asyncio.create_task(reconcile(running.cluster, Options(listen=listen, ui=ui)))
        await until(lambda: running.ready("m"))
        told = next(entry for entry in logs if entry["event"] == "listening")
        assert ("page" in told) is (page == 200)
        url = told["url"].replace("0.0.0.0", "127.0.0.1")
        async with aiohttp.ClientSession() as client:
            for path, status in {"/ui": page, "/ui/api/doors": doors, "/healthz": 200}.items():
                async with client.get(url + path) as answer:
                    assert answer.status == status
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(daemon, PATIENCE) == 0


async def test_a_page_that_is_open_keeps_nobody_from_stopping() -> None:
    running = Running()
    running.add("m")
    with capture_logs() as logs:
        daemon = asyncio.create_task(reconcile(running.cluster, Options(listen="127.0.0.1:0")))
        await until(lambda: running.ready("m"))
        url = next(entry for entry in logs if entry["event"] == "listening")["url"]
        async with aiohttp.ClientSession() as client, client.get(f"{url}/ui/api/events?version=0") as stream:
            await stream.content.readline()
            os.kill(os.getpid(), signal.SIGTERM)
            assert await asyncio.wait_for(daemon, PATIENCE) == 0
            await stream.read()


async def test_the_list_is_there_before_somebody_asks_and_costs_no_door_its_time() -> None:
    cluster = Slow()
    running = Running(cluster)
    running.add("m")
    async with served(running) as shown:
        await shown.shell.wait_for(lambda: shown.shell.engine.ready and cluster.waiting > 0, PATIENCE)
        assert shown.page.doors.rows() == []
        cluster.gate.set()
        await until(lambda: [(row.name, row.status) for row in shown.page.doors.rows()] == [("m", "True")])
