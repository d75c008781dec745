"""Two replicas of the daemon, started again whenever they end, as a Deployment does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import yaml

from tests.e2e.daemon import Daemon
from tests.killing.onlooker import Onlooker
from tests.killing.relay import Relay
from tests.patience import PATIENCE

NAMES = ("replica-a", "replica-b")
LEASE_SECONDS = 3
LONG = 5 * PATIENCE
"""Seconds until a wait gives up: hundreds of services are listed and decided by each process that starts."""
DEPOSED = 1
"""The exit status of a replica that found somebody else leading."""


class Replica:
    """A process and its way to the API server, both of which may be replaced."""

    def __init__(self, name: str, kubeconfig: Path, make: Callable[[], Daemon], port: int) -> None:
        self.name = name
        self.daemon = make()
        self.relay = Relay(port)
        self.former: list[Daemon] = []
        self._make = make
        self._direct = kubeconfig
        self._kubeconfig = kubeconfig.with_name(f"kubeconfig-{name}")

    async def connect(self) -> None:
        """Lead it to the API server by a relay of its own, which nobody else waits for."""
        self.relay = await Relay(self.relay.target).__aenter__()
        content = yaml.safe_load(self._direct.read_text())
        content["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.relay.port}"
        self._kubeconfig.touch(mode=0o600)
        self._kubeconfig.write_text(yaml.safe_dump(content))

    def start(self) -> None:
        self.daemon = self._make()
        self.daemon.environ["POD_NAME"] = self.name
        self.daemon.launch(self._kubeconfig)

    def kill(self) -> None:
        self.daemon.kill()
        self.former.append(self.daemon)

    @property
    def leads(self) -> bool:
        """Whether it has begun to."""
        return any(line["event"] == "leading" for line in self.daemon.lines)

    def writes(self) -> int:
        """How many, all processes of that name together."""
        return sum(len(daemon.writes()) for daemon in (*self.former, self.daemon))


class Replicas:
    """Both; whoever ends because somebody else leads begins anew by itself."""

    def __init__(
        self, kubeconfig: Path, namespace: str, port: int, onlooker: Onlooker, journal: Path | str | None
    ) -> None:
        self.deposed = 0
        """How often one ended by itself."""
        self._onlooker = onlooker

        def made(name: str) -> Callable[[], Daemon]:
            kept = journal / f"{name}.sqlite" if isinstance(journal, Path) else journal
            more = ("--leader-elect", "--lease-duration", str(LEASE_SECONDS))
            return lambda: _everywhere(Daemon(kubeconfig, [namespace], *more, journal=kept))

        self.both = [Replica(name, kubeconfig, made(name), port) for name in NAMES]

    async def __aenter__(self) -> Replicas:
        for replica in self.both:
            await replica.connect()
            replica.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for replica in self.both:
            if replica.daemon.running:
                replica.kill()
            await replica.relay.__aexit__(None, None, None)

    async def stop(self) -> None:
        """Ask both to end, the leader last."""
        for replica in sorted(self.both, key=lambda each: each.leads):
            await asyncio.to_thread(replica.daemon.wait_until_listed)
            await asyncio.to_thread(replica.daemon.stop)

    def look_after(self) -> None:
        """Start anew who ended by itself.  Raises AssertionError where that wasn't for somebody else's leading."""
        for replica in self.both:
            if not replica.daemon.running:
                status = replica.daemon.ended()
                assert status == DEPOSED, f"{replica.name} ended with {status}\n{replica.daemon.tail()}"
                self.deposed += 1
                replica.former.append(replica.daemon)
                replica.start()

    async def leader(self, but: str = "") -> tuple[Replica, Replica]:
        """Who leads, and has begun to, and the other one; ``but`` names who doesn't count."""

        def one() -> Replica | None:
            self.look_after()
            named = (each for each in self.both if each.name == self._onlooker.leader != but)
            return next((each for each in named if each.leads), None)

        await self._onlooker.until(one, LONG, "nobody leads")
        found = one()
        assert found
        return found, next(each for each in self.both if each is not found)


def _everywhere(daemon: Daemon) -> Daemon:
    """Not of one namespace alone; the settings are there all the same."""
    at = daemon.arguments.index("--namespace")
    del daemon.arguments[at : at + 2]
    daemon.environ = {**os.environ, "POD_NAMESPACE": daemon.namespace}
    return daemon
