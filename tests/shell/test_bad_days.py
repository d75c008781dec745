"""The shell in bad times: what fails is tried again, and what is poisoned stays alone."""

from __future__ import annotations

import asyncio

import pytest
from doorward.backends import Backend, BackendError, Backends
from doorward.cluster.embedded import Request
from doorward.cluster.protocol import ApiError
from doorward.engine import Engine
from doorward.hooks import Read
from doorward.journal import MemoryJournal
from doorward.model.door import Door, Rendering
from doorward.model.event import AnyEvent, Observed, Record
from doorward.runtime import shell as shell_module
from doorward.runtime.listener import Listener
from structlog.testing import capture_logs

from tests.engine.stage import backends
from tests.patience import PATIENCE
from tests.shell.running import INGRESS, SERVICE, Running, Slow, until

GONE = ApiError(410, "Expired", "too old resource version")
DROPPED = ApiError(0, "", "connection lost")


async def test_edits_are_followed_after_watches_were_dropped() -> None:
    running = Running()
    running.add("m")
    async with running.shell() as shell:
        await shell.once(PATIENCE)
        dropped = running.fail("watch", DROPPED, times=30)
        running.delete(INGRESS, "m")
        await shell.wait_for(lambda: running.host("m") != "", PATIENCE)
    assert len(dropped) == 30


async def test_what_happened_beyond_a_watch_s_memory_is_found_by_listing() -> None:
    running = Running()
    running.add("m")
    async with running.shell() as shell:
        await shell.once(PATIENCE)
        lost = running.fail("watch", GONE, times=30)
        running.delete(INGRESS, "m")
        running.store.compact()
        await shell.wait_for(lambda: running.host("m") != "", PATIENCE)
    assert lost


@pytest.mark.parametrize(
    "error",
    [
        ApiError(409, "Conflict", "the object has been modified"),
        ApiError(429, "TooManyRequests", "slow down", retry_after=0.05),
        ApiError(500, "InternalError", "etcd has no leader"),
        ApiError(503, "ServiceUnavailable", "starting"),
        DROPPED,
    ],
    ids=lambda error: str(error.status),
)
@pytest.mark.parametrize("verb", ["create", "patch"])
async def test_a_write_that_fails_is_tried_again(verb: str, error: ApiError) -> None:
    running = Running()
    running.add("m")
    failed = running.fail(verb, error, times=2)
    async with running.shell() as shell:
        await shell.wait_for(lambda: running.ready("m"), PATIENCE)
    assert len(failed) == 2


async def test_a_write_that_happened_although_no_answer_came_is_not_made_again() -> None:
    running = Running()
    running.add("m")
    unanswered = running.fail("create", DROPPED, times=2, after=True)
    async with running.shell() as shell:
        await shell.wait_for(lambda: running.ready("m"), PATIENCE)
        await shell.once(PATIENCE)
    assert len(unanswered) == 2
    assert [write.verb for write in running.writes] == ["create", "create", "patch"]


async def test_a_door_that_can_not_be_written_does_not_hold_up_others() -> None:
    running = Running()
    running.add("bad", *(f"m{i}" for i in range(20)))

    def refuse(request: Request) -> None:
        if request.name == "bad" and request.verb == "create":
            raise ApiError(422, "Invalid", "a webhook says no")

    running.store.faults.before.append(refuse)
    async with running.shell(concurrency=2) as shell:
        await shell.wait_for(lambda: running.ready(*(f"m{i}" for i in range(20))), PATIENCE)
        await shell.wait_for(lambda: condition(running, "bad")["reason"] == "WriteRefused", PATIENCE)
    assert "a webhook says no" in condition(running, "bad")["message"]


async def test_a_request_that_is_never_answered_does_not_hold_up_others() -> None:
    running = Running(Slow(lambda ref: ref.name == "bad"))
    names = [f"m{i}" for i in range(20)]
    running.add("bad", *names)
    async with running.shell(concurrency=4) as shell:
        await shell.wait_for(lambda: running.ready(*names), PATIENCE)
    assert not running.ready("bad")


async def test_a_request_that_is_never_answered_becomes_an_unknown_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_module, "LONGEST_REQUEST", 0.05)
    cluster = Slow()
    running = Running(cluster)
    running.add("m")
    async with running.shell() as shell:
        await shell.wait_for(lambda: shell.counts["create", "Unknown"] == 2, PATIENCE)
        cluster.gate.set()
        await shell.wait_for(lambda: running.ready("m"), PATIENCE)


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Backends:
    """Backends of which one can't bear a door."""
    whole = Backend.render

    def render(self: Backend, door: Door, read: Read) -> Rendering | None:
        if self.name == "k8s_ingress" and door.name == "bad":
            raise BackendError(self.name, "render", "out of order", "a traceback")
        return whole(self, door, read)

    monkeypatch.setattr(Backend, "render", render)
    return backends()


async def test_a_door_that_a_plugin_can_not_bear_does_not_hold_up_others(poisoned: Backends) -> None:
    running = Running()
    running.add("bad", "m")
    async with running.shell(backends=poisoned) as shell:
        await shell.wait_for(lambda: running.ready("m"), PATIENCE)
        await shell.wait_for(lambda: condition(running, "bad").get("reason") == "BackendError", PATIENCE)
    assert "k8s_ingress" in condition(running, "bad")["message"]


async def test_an_event_that_the_engine_chokes_on_is_left_out_and_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Engine.receive

    def receive(self: Engine, event: AnyEvent, *, more: bool = False) -> list[Record]:
        if isinstance(event, Observed) and event.object["metadata"]["name"] == "bad":
            self.number += 3
            raise RuntimeError("out of tune")
        return whole(self, event, more=more)

    monkeypatch.setattr(Engine, "receive", receive)
    running = Running()
    running.add("bad", "m")
    journal = MemoryJournal()
    with capture_logs() as logs:
        async with running.shell(journal) as shell:
            await shell.once(PATIENCE)
    assert running.ready("m")
    assert journal.last_number == shell.engine.number
    assert shell.errors == sum("the engine failed" in entry["event"] for entry in logs) > 0


async def test_a_listener_that_fails_changes_nothing() -> None:
    class Failing(Listener):
        def recorded(self, records: object) -> None:
            raise RuntimeError("deaf")

    running = Running()
    running.add("m")
    with capture_logs() as logs:
        async with running.shell(listeners=[Failing()]) as shell:
            await shell.once(PATIENCE)
    assert running.ready("m")
    assert any(entry["event"] == "a listener failed" for entry in logs)


async def test_a_watch_that_breaks_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_module, "RESTART", 0.01)
    whole, broken = shell_module.watch_kind, []

    async def watch_kind(*arguments: object, **more: object) -> None:
        if len(broken) < 3:
            broken.append(arguments)
            raise RuntimeError("out of order")
        await whole(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(shell_module, "watch_kind", watch_kind)
    running = Running()
    running.add("m")
    with capture_logs() as logs:
        async with running.shell() as shell:
            await shell.once(PATIENCE)
    assert running.ready("m")
    assert sum(entry["event"] == "a task failed and begins again" for entry in logs) == 3


async def test_a_plugin_that_takes_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(Listener):
        def __init__(self) -> None:
            self.slow: set[tuple[str, str]] = set()

        def slow_hook(self, plugin: str, hook: str, seconds: float) -> None:
            self.slow.add((plugin, hook))

    monkeypatch.setattr(shell_module, "SLOW_HOOK", 0.0)
    running, told = Running(), Told()
    running.add("m")
    with capture_logs() as logs:
        async with running.shell(listeners=[told]) as shell:
            await shell.once(PATIENCE)
    assert ("k8s_ingress", "render") in told.slow
    assert {"plugin": "k8s_ingress", "hook": "render"}.items() <= next(
        entry for entry in logs if entry.get("hook") == "render" and entry["plugin"] == "k8s_ingress"
    ).items()


async def test_watches_wait_while_the_engine_has_much_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_module, "ROOM", 5)
    running = Running()
    running.add(*(f"m{i}" for i in range(30)))
    most = 0
    async with running.shell() as shell:

        def look() -> bool:
            nonlocal most
            most = max(most, shell.backlog)
            return False

        with pytest.raises(TimeoutError):
            await shell.wait_for(look, 0.05)
        await shell.once(PATIENCE)
    assert running.ready(*(f"m{i}" for i in range(30)))
    assert most < 60


async def test_a_stop_does_not_wait_for_ever() -> None:
    cluster = Slow()
    running = Running(cluster)
    running.add("m")
    async with asyncio.timeout(PATIENCE):
        async with running.shell():
            await until(lambda: cluster.waiting == 2)
    assert cluster.waiting == 0


def condition(running: Running, name: str) -> dict[str, str]:
    service = running.get(SERVICE, name) or {}
    conditions = service.get("status", {}).get("conditions", [])
    found: dict[str, str] = next((c for c in conditions if c["type"] == "IngressReady"), {"reason": ""})
    return found
