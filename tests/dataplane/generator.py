"""Requests at a steady rate, whatever becomes of them; run in the tests' network.

Reads one line of JSON: ``rate`` a second, ``seconds`` and ``most`` requests after which it ends by itself, and
``targets``, each with ``address``, ``port``, ``host``, ``path``, ``authority`` (whom the client trusts, in PEM; empty
for plain HTTP) and ``pods``: the addresses one of which must answer.  Targets take turns.  Prints a line of JSON every
tenth of a second, the last one when told to end by the end of its input and when all is answered:

``sent``, ``answered``: requests so far; ``lost``: those so far that weren't answered with 200 by a pod that should
(the first hundred, each with its second, target and what came instead); ``reached``: answers by target and pod.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import aiohttp
from yarl import URL

PATIENCE = 60.0
TOLD = 100
AT_ONCE = 100
"""Requests that wait for their answers, at most: more of them would only bury a machine that is slow for a moment."""


class Generator:
    def __init__(self, rate: float, seconds: float, most: int, targets: list[dict[str, Any]]) -> None:
        self._rate = rate
        self._seconds = seconds
        self._most = most
        self._targets = targets
        self._began = time.monotonic()
        self._sent = 0
        self._answered = 0
        self._lost: list[str] = []
        self._reached = [Counter[str]() for _ in targets]
        authorities = {target["authority"] for target in targets} - {""}
        self._trusting = {each: ssl.create_default_context(cadata=each) for each in authorities}

    async def run(self, ended: asyncio.Event) -> None:
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        # Some clients keep their connections, and some come anew each time.
        kept = aiohttp.TCPConnector(limit=0)
        fresh = aiohttp.TCPConnector(limit=0, force_close=True)
        async with (
            aiohttp.ClientSession(connector=kept, timeout=timeout) as keeping,
            aiohttp.ClientSession(connector=fresh, timeout=timeout) as coming,
            asyncio.TaskGroup() as requests,
        ):
            while not ended.is_set() and self._sent < self._most and self._elapsed() < self._seconds:
                # As many as are due: a moment's delay makes the next moment busier, not the rate lower.
                while self._sent < min(self._rate * self._elapsed(), self._most, self._answered + AT_ONCE):
                    round_, which = divmod(self._sent, len(self._targets))
                    requests.create_task(self._request(coming if round_ % 2 else keeping, which))
                    self._sent += 1
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), 1 / self._rate)

    async def _request(self, session: aiohttp.ClientSession, which: int) -> None:
        target = self._targets[which]
        tls = self._trusting.get(target["authority"])
        scheme = "https" if tls else "http"
        url = URL(f"{scheme}://{target['address']}:{target['port']}{target['path']}", encoded=True)
        sent = {"headers": {"Host": target["host"]}, "json": {"prompt": "?"}}
        secure = {"ssl": tls, "server_hostname": target["host"]} if tls else {}
        began = self._elapsed()
        try:
            async with session.post(url, **sent, **secure) as answer:
                body = await answer.read()
                came = json.loads(body)["address"] if answer.status == 200 else f"{answer.status} {body[:100]!r}"
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            came = repr(error)
        self._answered += 1
        self._reached[which][came] += 1
        if came not in target["pods"] and len(self._lost) < TOLD:
            self._lost.append(f"after {began:.2f} s, {target['host']}:{target['port']}{target['path']}: {came}")

    def report(self) -> str:
        reached = [dict(counts) for counts in self._reached]
        return json.dumps({"sent": self._sent, "answered": self._answered, "lost": self._lost, "reached": reached})

    def _elapsed(self) -> float:
        return time.monotonic() - self._began


async def main() -> None:
    loop = asyncio.get_running_loop()
    generator = Generator(**json.loads(await loop.run_in_executor(None, sys.stdin.readline)))
    ended = asyncio.Event()
    reader = loop.run_in_executor(None, sys.stdin.read)
    reader.add_done_callback(lambda _: ended.set())

    async def tell() -> None:
        while True:
            await asyncio.sleep(0.1)
            print(generator.report(), flush=True)

    telling = asyncio.create_task(tell())
    await generator.run(ended)
    telling.cancel()
    print(generator.report(), flush=True)
    await reader


if __name__ == "__main__":
    asyncio.run(main())
