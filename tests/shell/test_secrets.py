"""Secrets that are followed by name: what comes, goes, and may not be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from doorward.cluster.embedded import EmbeddedCluster, Store
from doorward.cluster.protocol import ApiError, Page, WatchEvent
from doorward.model.credentials import UNUSABLE
from doorward.model.event import AnyEvent, Observed
from doorward.model.reference import SECRET, SECRETS, JsonObject, Ref, Resource
from doorward.runtime import secrets as module
from doorward.runtime.secrets import Secrets
from tenacity import wait_fixed

from tests.patience import PATIENCE

KEYS = Ref(SECRET, "a", "keys")


class Forbidding(EmbeddedCluster):
    """A cluster that may forbid, and whose watches end soon."""

    forbids = False

    async def list(self, resource: Resource, namespace: str = "", **more: Any) -> Page:
        self._check()
        return await super().list(resource, namespace, **more)

    async def watch(self, resource: Resource, namespace: str = "", **more: Any) -> AsyncIterator[WatchEvent]:
        async for event in super().watch(resource, namespace, **{**more, "timeout": 0.01}):
            self._check()
            yield event
        self._check()

    def _check(self) -> None:
        if self.forbids:
            raise ApiError(403, "Forbidden", "no role")


class Followed:
    def __init__(self) -> None:
        self.cluster = Forbidding(Store())
        self.told: list[JsonObject] = []
        self.handed: list[JsonObject | None] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.news = asyncio.Event()

        def supervise(work: object, _: str) -> asyncio.Task[None]:
            self.tasks.append(task := asyncio.create_task(work()))  # type: ignore[operator]
            return task

        self.secrets = Secrets(
            self.cluster, clock=lambda: 0.0, emit=self.emit, pauses=wait_fixed(0.01), supervise=supervise
        )
        self.secrets.takers.append(lambda _, secret: self.handed.append(secret))

    def emit(self, event: AnyEvent) -> None:
        assert isinstance(event, Observed)
        assert "data" not in event.object
        self.told.append(event.object[UNUSABLE])
        self.news.set()

    async def next(self) -> JsonObject:
        async with asyncio.timeout(PATIENCE):
            await self.news.wait()
        self.news.clear()
        return self.told[-1]

    def create(self) -> None:
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": {"alice": "a2V5"}}
        self.cluster.store.create(SECRETS, "a", body)


@pytest.fixture
async def followed() -> AsyncIterator[Followed]:
    followed = Followed()
    yield followed
    await followed.secrets.stop()


async def test_what_comes_and_goes_is_told(followed: Followed) -> None:
    followed.secrets.follow([KEYS])
    assert "create it" in (await followed.next())["api-key"]
    followed.create()
    assert "api-key" not in await followed.next()
    assert followed.handed[-1]
    followed.cluster.store.delete(SECRETS, "a", "keys")
    assert "create it" in (await followed.next())["api-key"]
    assert followed.handed[-1] is None


async def test_what_may_not_be_read_is_told_with_the_right_that_is_missing(followed: Followed) -> None:
    followed.cluster.forbids = True
    followed.secrets.follow([KEYS])
    why = (await followed.next())["api-key"]
    assert "no role" in why
    assert "allow list and watch" in why


async def test_what_was_read_and_is_forbidden_for_a_moment_stays(followed: Followed) -> None:
    followed.create()
    followed.secrets.follow([KEYS])
    await followed.next()
    followed.cluster.forbids = True
    await until(lambda: bool(followed.secrets._grace))
    followed.cluster.forbids = False
    await until(lambda: not followed.secrets._grace)
    assert followed.handed[-1]
    assert len(followed.told) == 1


async def test_what_is_forbidden_for_longer_lets_nobody_in_until_it_is_allowed_again(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.01)
    followed.create()
    followed.secrets.follow([KEYS])
    await followed.next()
    followed.cluster.forbids = True
    await until(lambda: "no role" in followed.told[-1].get("api-key", ""))
    assert followed.handed[-1] is None
    followed.cluster.forbids = False
    await until(lambda: "api-key" not in followed.told[-1])
    assert followed.handed[-1]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_what_is_followed_no_more_is_watched_no_more(followed: Followed) -> None:
    followed.create()
    followed.secrets.follow([KEYS])
    await followed.next()
    followed.secrets.follow([])
    assert followed.handed[-1] is None
    await asyncio.gather(*followed.tasks, return_exceptions=True)
    assert all(task.done() for task in followed.tasks)
