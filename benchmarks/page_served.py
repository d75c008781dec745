"""Serves the page with so many doors, until it is ended: ``python page_served.py COUNT`` prints its URL.

What serves is whatever checkout is on PYTHONPATH.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator

from doorward.model.reference import Ref
from doorward_daemon.ui.doors import Row

from tests.shell.running import Running
from tests.ui.scenery import KIND, served

BEGAN = 1_790_000_000
MODELS = ("llama-3-70b", "llama-4-maverick", "qwen3-235b", "mistral-large", "deepseek-v3", "gemma-3-27b", "phi-4")
BACKENDS = ("k8s_ingress", "k8s_ingress", "gateway_api", "istio", "")
FARE = (
    *(("True", "", "", "ready"),) * 17,
    ("False", "EngineNotReady", "component engine: pulling image, {} of 31 GiB", "waiting"),
    ("Unknown", "Pending", "", "waiting"),
    ("False", "HostConflict", "host m-{}.models.example.com belongs to team-03/model-{}, and stays there", "broken"),
)


def rows(count: int) -> Iterator[Row]:
    """Doors as a fleet has them: a hundred to a namespace, most of them ready."""
    chance = random.Random(count)
    for number in range(count):
        namespace, name = f"team-{number // 100:02}", f"{chance.choice(MODELS)}-{chance.randrange(10_000):04}-{number}"
        status, reason, message, state = chance.choice(FARE)
        since = BEGAN + chance.randrange(30_000_000)
        url = f"https://{name}.{namespace}.models.example.com"
        backend = chance.choice(BACKENDS)
        words = message.format(chance.randrange(31), chance.randrange(10_000))
        yield Row(KIND, namespace, name, status, reason, words, state, url, backend, since - 60.0, since, number + 1)


async def main() -> None:
    async with served(Running()) as shown:
        for row in rows(int(sys.argv[1])):
            shown.page.doors.put(Ref(row.kind, row.namespace, row.name), row)
        print(shown.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
