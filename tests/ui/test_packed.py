"""How answers are sent: small, and packed once for all who ask."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from doorward_daemon.ui import page as page_module
from doorward_daemon.ui.packed import Packed, pack

from benchmarks.page_served import rows
from tests.shell.running import Running
from tests.ui.scenery import Shown, served

PACKED = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
async def shown() -> AsyncIterator[Shown]:
    async with served(Running()) as shown:
        yield shown


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        yield client


async def test_the_list_is_packed_once_until_a_door_is_another(
    shown: Shown, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = 0

    def counted(body: bytes) -> Packed:
        nonlocal times
        times += 1
        return pack(body)

    async def names() -> list[str]:
        async with client.get(f"{shown.url}api/doors", headers=PACKED) as answer:
            return [row[2] for row in json.loads(gzip.decompress(await answer.read()))["rows"]]

    monkeypatch.setattr(page_module, "pack", counted)
    doors = list(rows(3))
    shown.put(doors[:2])
    assert await names() == await names() == sorted(row.name for row in doors[:2])
    assert times == 1
    shown.put(doors[2:])
    assert await names() == sorted(row.name for row in doors)
    assert times == 2


async def test_who_takes_no_gzip_gets_what_it_says(shown: Shown, client: aiohttp.ClientSession) -> None:
    shown.put(rows(20))
    for path in ("api/doors", "app.js"):
        async with client.get(shown.url + path, headers=PACKED) as answer:
            assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
            packed = await answer.read()
        async with client.get(shown.url + path, headers=PLAIN) as answer:
            assert "Content-Encoding" not in answer.headers
            assert answer.headers["Vary"] == "Accept-Encoding"
            plain = await answer.read()
        assert gzip.decompress(packed) == plain
        assert len(packed) < len(plain)


async def test_a_file_that_the_browser_has_isn_t_sent_again(shown: Shown, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{shown.url}app.js", headers=PACKED) as answer:
        tag = answer.headers["ETag"]
    async with client.get(f"{shown.url}app.js", headers={**PACKED, "If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")


async def test_five_thousand_doors_are_two_hundred_kilobytes(shown: Shown, client: aiohttp.ClientSession) -> None:
    shown.put(rows(5000))
    async with client.get(f"{shown.url}api/doors", headers=PACKED) as answer:
        assert len(await answer.read()) < 200_000
