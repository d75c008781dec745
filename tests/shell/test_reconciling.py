"""The shell in good times: doors are opened, kept, changed and closed."""

from __future__ import annotations

import pytest
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import Applied, Record
from doorward.model.names import mark
from doorward.runtime.listener import Listener
from doorward.runtime.performing import Outcome

from tests.patience import PATIENCE
from tests.shell.running import INGRESS, SERVICE, Running, Slow, until


async def test_doors_open() -> None:
    running = Running()
    running.add("m", "n")
    async with running.shell() as shell:
        summary = await shell.once(PATIENCE)
    assert running.ready("m", "n")
    assert (summary.services, summary.writes, summary.refused) == (2, {"create": 4, "status": 2}, 0)


async def test_on_a_cold_start_one_door_after_the_other_is_finished() -> None:
    running = Running()
    names = [f"m{number:02}" for number in range(40)]
    running.add(*names)
    async with running.shell(concurrency=2) as shell:
        await shell.once(PATIENCE)
    written = [(write.verb, write.name) for write in running.writes]
    begun = [number for number, (verb, _) in enumerate(written) if verb == "create"]
    reported = [number for number, (verb, _) in enumerate(written) if verb == "patch"]
    assert len(reported) == len(names)
    assert reported[0] < begun[10]
    assert reported[19] < begun[50]


async def test_what_comes_later_gets_a_door() -> None:
    running = Running()
    async with running.shell() as shell:
        await shell.once(PATIENCE)
        running.add("m")
        await shell.wait_for(lambda: running.ready("m"), PATIENCE)


async def test_an_edit_of_the_settings_takes_effect_at_once() -> None:
    running = Running()
    running.settings({"ingressDomain": "example.com"}, doorward="overlapSeconds: 0.05")
    running.add("m")
    async with running.shell() as shell:
        await shell.once(PATIENCE)
        data = {"ingress": '{"ingressDomain": "example.org"}'}
        running.store.patch(running.resource("ConfigMap"), "ome", "inferenceservice-config", {"data": data})
        await shell.wait_for(lambda: running.host("m") == "m.a.example.org", PATIENCE)


async def test_what_somebody_deletes_is_put_back() -> None:
    running = Running()
    running.add("m")
    async with running.shell() as shell:
        await shell.once(PATIENCE)
        running.delete(INGRESS, "m")
        await shell.wait_for(lambda: running.host("m") == "m.a.example.com", PATIENCE)


async def test_closing_removes_the_outside_door() -> None:
    running = Running()
    running.add("m")
    async with running.shell() as shell:
        await shell.once(PATIENCE)
        labels = {"networking.knative.dev/visibility": "cluster-local"}
        running.patch(SERVICE, "m", {"metadata": {"labels": labels, "resourceVersion": version(running, "m")}})
        await shell.wait_for(lambda: not running.get(INGRESS, "m"), PATIENCE)


async def test_once_waits_for_an_overlap_to_be_over() -> None:
    running = Running()
    running.settings(doorward="overlapSeconds: 0.2")
    running.add("m")
    async with running.shell() as shell:
        await shell.once(PATIENCE)
        annotations = {"ome.io/ingress-class": "nginx"}
        body = {"metadata": {"annotations": annotations, "resourceVersion": version(running, "m")}}
        running.patch(SERVICE, "m", body)
        await shell.wait_for(lambda: running.get(INGRESS, f"m-alt-{mark('a', 'm')}") is not None, PATIENCE)
        assert running.get(INGRESS, "m")
        await shell.once(PATIENCE)
        assert not running.get(INGRESS, "m")


async def test_once_gives_up_after_its_time() -> None:
    running = Running(Slow())
    running.add("m")
    async with running.shell() as shell:
        with pytest.raises(TimeoutError):
            await shell.once(0.05)


async def test_no_more_requests_than_allowed_are_made_at_a_time() -> None:
    cluster = Slow()
    running = Running(cluster)
    running.add(*(f"m{i}" for i in range(10)))
    async with running.shell(concurrency=3) as shell:
        await until(lambda: cluster.waiting == 3)
        cluster.gate.set()
        await shell.once(PATIENCE)
    assert cluster.most == 3


async def test_a_closing_door_does_not_queue_behind_those_that_open() -> None:
    cluster = Slow(lambda ref: ref.name != "first")
    running = Running(cluster)
    running.add("first")
    async with running.shell(concurrency=2) as shell:
        await shell.wait_for(lambda: running.ready("first"), PATIENCE)
        running.add(*(f"m{i}" for i in range(200)))
        await until(lambda: cluster.waiting == 2)
        labels = {"networking.knative.dev/visibility": "cluster-local"}
        running.patch(SERVICE, "first", {"metadata": {"labels": labels, "resourceVersion": version(running, "first")}})
        await until(lambda: labels in [service["metadata"].get("labels") for service in shell.engine.services()])
        await until(lambda: shell.backlog == 0 and shell.engine.wait() != 0)
        asked: list[tuple[str, str]] = []
        running.store.faults.before.append(lambda request: asked.append((request.verb, request.name)))
        cluster.gate.set()
        await until(lambda: not running.get(INGRESS, "first"))
    made = [each for each in asked if each[0] in ("create", "patch", "delete")]
    assert made.index(("delete", "first")) <= 6


async def test_a_host_that_is_taken_away_does_not_queue_behind_doors_that_open() -> None:
    cluster = Slow(lambda ref: ref.name != "first")
    running = Running(cluster)
    running.settings({"additionalIngressDomains": ["example.org"]})
    running.add("first")
    async with running.shell(concurrency=2) as shell:
        await shell.wait_for(lambda: running.ready("first"), PATIENCE)
        running.add(*(f"m{i}" for i in range(200)))
        await until(lambda: cluster.waiting == 2)
        allowed = {"ingress": '{"additionalIngressDomains": ["example.org"]}'}
        allowed["doorward"] = "namespaceDomains: {a: [example.com]}"
        running.store.patch(running.resource("ConfigMap"), "ome", "inferenceservice-config", {"data": allowed})
        await until(lambda: bool(shell.engine.settings and shell.engine.settings.namespace_domains))
        await until(lambda: shell.backlog == 0 and shell.engine.wait() != 0)
        asked: list[tuple[str, str]] = []
        running.store.faults.before.append(lambda request: asked.append((request.verb, request.name)))
        cluster.gate.set()
        await until(lambda: ("patch", "first") in asked)
    made = [each for each in asked if each[0] in ("create", "patch", "delete")]
    assert made.index(("patch", "first")) <= 2
    assert "example.org" not in str((running.get(INGRESS, "first") or {})["spec"])


async def test_a_dry_run_writes_nothing_and_tells_what_it_would() -> None:
    class Planned(Listener):
        def __init__(self) -> None:
            self.actions: list[Action] = []

        def planned(self, action: Action) -> None:
            self.actions.append(action)

    running, planned = Running(), Planned()
    running.add("m")
    before = running.store.resource_version
    async with running.shell(dry_run=True, listeners=[planned]) as shell:
        summary = await shell.once(PATIENCE)
    assert running.store.resource_version == before
    assert sorted(str(action.ref) for action in planned.actions) == ["Ingress a/m", "Service a/m"]
    assert summary.writes == {"create": 2}


async def test_listeners_are_told_of_records_and_outcomes() -> None:
    class Told(Listener):
        def __init__(self) -> None:
            self.numbers: list[int] = []
            self.outcomes: list[tuple[str, str]] = []

        def recorded(self, records: object) -> None:
            assert isinstance(records, list)
            self.numbers += [record.number for record in records if isinstance(record, Record)]

        def performed(self, action: Action, outcome: Outcome, seconds: float) -> None:
            assert isinstance(outcome, Applied)
            assert seconds >= 0
            self.outcomes.append((action.verb, action.ref.kind.partition(".")[0]))

    running, told = Running(), Told()
    running.add("m")
    async with running.shell(listeners=[told]) as shell:
        await shell.once(PATIENCE)
        number = shell.engine.number
    assert told.numbers == list(range(1, number + 1))
    assert sorted(told.outcomes) == [("create", "Ingress"), ("create", "Service"), ("status", "InferenceService")]


async def test_an_idle_shell_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = 0
    whole = Engine.actions

    def actions(self: Engine, limit: int | None = None) -> list[Action]:
        nonlocal turns
        turns += 1
        return whole(self, limit)

    running = Running()
    running.add("m")
    async with running.shell() as shell:
        await shell.once(PATIENCE)
        await until(lambda: shell.backlog == 0)
        monkeypatch.setattr(Engine, "actions", actions)
        with pytest.raises(TimeoutError):
            await shell.wait_for(lambda: False, 0.2)
    assert turns <= 2


async def test_running_ends_with_what_it_waits_for() -> None:
    running = Running()
    running.add("m")
    async with running.shell() as shell:
        await shell.run(until=shell.wait_for(lambda: running.ready("m"), PATIENCE))
    assert running.ready("m")


def version(running: Running, name: str) -> str:
    service = running.get(SERVICE, name)
    assert service
    return str(service["metadata"]["resourceVersion"])
