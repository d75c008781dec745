"""Traces follow a change along its chain of causes: from an edit until its door is accepted, and each by itself."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiohttp import web
from doorward_daemon import tracing
from doorward_daemon.commands import app
from doorward_daemon.daemon import Options, reconcile
from doorward_daemon.tracing import NoTracing, Traces, exporting
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from typer.testing import CliRunner

from tests.patience import PATIENCE
from tests.shell.running import INGRESS, SERVICE, Running

ROUTE = "HTTPRoute.gateway.networking.k8s.io"


class Traced(Running):
    """A cluster whose changes are told as traces."""

    def __init__(self) -> None:
        super().__init__()
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.traced = self.shell()
        engine = self.traced.engine
        self.traces = Traces(provider.get_tracer("t"), tuple(engine.backends.sources), engine.named)
        self.traced.listeners.append(self.traces)

    async def edit(self, **annotations: str) -> None:
        before = self.traced.engine.decided
        self.patch(SERVICE, "m", {"metadata": {"annotations": {f"ome.io/{k}": v for k, v in annotations.items()}}})
        await self.traced.wait_for(lambda: self.traced.engine.decided > before and self.traced.engine.idle, PATIENCE)

    def told(self) -> dict[int, list[ReadableSpan]]:
        """The spans of each trace, the root first, as far as changes are over."""
        self.traces.close()
        found: dict[int, list[ReadableSpan]] = {}
        for span in sorted(self.exporter.get_finished_spans(), key=lambda span: (span.start_time or 0, span.name)):
            assert span.context
            found.setdefault(span.context.trace_id, []).append(span)
        return {key: sorted(spans, key=lambda span: span.parent is not None) for key, spans in found.items()}


@pytest.fixture
async def traced() -> AsyncIterator[Traced]:
    running = Traced()
    running.settings({"enableGatewayAPI": True, "omeIngressGateway": "gw/gw"}, doorward="overlapSeconds: 0")
    running.add("m")
    async with running.traced as shell:
        await shell.once(PATIENCE)
        yield running


def accept(running: Running) -> None:
    """What a gateway's controller says of the route."""
    route = running.get(ROUTE, "m")
    assert route
    conditions = [
        {
            "type": type_,
            "status": "True",
            "reason": type_,
            "message": "",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type_ in ("Accepted", "ResolvedRefs")
    ]
    parent = {"parentRef": route["spec"]["parentRefs"][0], "controllerName": "example.com/x", "conditions": conditions}
    running.patch(ROUTE, "m", {"status": {"parents": [parent]}}, subresource="status")


async def settle(running: Traced) -> None:
    """Have every version of the route accepted, until nothing is left to do."""
    generation = None
    while generation != (now := generation_of(running)) or not running.ready("m"):
        generation = now
        accept(running)
        await running.traced.wait_for(lambda was=now: running.ready("m") or generation_of(running) != was, PATIENCE)
        await running.traced.wait_for(lambda: running.traced.engine.idle, PATIENCE)


def generation_of(running: Running) -> int:
    route = running.get(ROUTE, "m")
    return int(route["metadata"]["generation"]) if route else 0


def names(spans: Sequence[ReadableSpan]) -> list[str]:
    return [span.name for span in spans]


async def test_an_edit_is_one_trace_until_its_door_is_accepted(traced: Traced) -> None:
    await settle(traced)
    traced.told()
    traced.exporter.clear()
    await traced.edit(**{"ingress-domain": "other.example.org"})
    await settle(traced)
    (spans,) = traced.told().values()
    root, *writes = spans
    assert root.name == "service edited"
    assert names(writes)[:2] == ["patch HTTPRoute", "status InferenceService"]
    assert set(names(writes)) == {"patch HTTPRoute", "status InferenceService"}
    assert {event.name for event in root.events} == {"answered"}
    assert root.context
    assert all(span.parent and span.parent.span_id == root.context.span_id for span in writes)
    doors = [
        span.attributes["doorward.door"] for span in writes if span.attributes and "doorward.door" in span.attributes
    ]
    assert (doors[0], doors[-1]) == ("False", "True")
    attributes = writes[0].attributes
    assert attributes
    assert attributes["doorward.service"] == "a/m"
    assert attributes["doorward.reason"] == "the door changes"
    assert attributes["doorward.outcome"] == "Applied"
    assert "spec.hostnames" in attributes["doorward.fields"]  # type: ignore[operator]


async def test_the_root_ends_where_its_last_part_did(traced: Traced) -> None:
    await settle(traced)
    for root, *writes in traced.told().values():
        assert root.start_time
        assert root.end_time == max([span.end_time or 0 for span in writes])
        assert all(root.start_time <= (span.start_time or 0) for span in writes)


async def test_two_edits_are_two_traces_and_somebody_s_edit_of_a_route_a_third(traced: Traced) -> None:
    await settle(traced)
    traced.told()
    traced.exporter.clear()
    await traced.edit(**{"ingress-domain": "b.example.org"})
    await traced.edit(**{"ingress-domain": "c.example.org"})
    traced.patch(ROUTE, "m", {"spec": {"hostnames": ["evil.example.com"]}}, field_manager="somebody")
    await traced.traced.wait_for(
        lambda: "evil.example.com" not in traced.get(ROUTE, "m")["spec"]["hostnames"] and traced.traced.engine.idle,  # type: ignore[index]
        PATIENCE,
    )
    roots = names([spans[0] for spans in traced.told().values()])
    assert roots[:2] == ["service edited", "service edited"]
    assert roots[2] == "cluster changed"


async def test_an_edit_of_the_settings_is_one_trace_of_all_the_doors_that_it_moves(traced: Traced) -> None:
    traced.told()
    traced.exporter.clear()
    traced.add("n")
    await traced.traced.wait_for(lambda: traced.get(ROUTE, "n") is not None and traced.traced.engine.idle, PATIENCE)
    traced.told()
    traced.exporter.clear()
    text = '{"enableGatewayAPI": true, "omeIngressGateway": "gw/gw", "ingressDomain": "new.example.com"}'
    data = {"data": {"ingress": text}}
    traced.store.patch(traced.resource("ConfigMap"), "ome", "inferenceservice-config", data)
    await traced.traced.wait_for(lambda: moved(traced, "m") and moved(traced, "n"), PATIENCE)
    await traced.traced.wait_for(lambda: traced.traced.engine.idle, PATIENCE)
    spans = next(spans for spans in traced.told().values() if spans[0].name == "settings edited")
    services = {span.attributes["doorward.service"] for span in spans[1:] if span.attributes}
    assert services == {"a/m", "a/n"}


def moved(running: Running, name: str) -> bool:
    route = running.get(ROUTE, name)
    return bool(route) and any(host.endswith("new.example.com") for host in route["spec"]["hostnames"])  # type: ignore[index]


async def test_what_fails_is_told_as_an_error() -> None:
    from doorward.cluster.protocol import ApiError

    running = Traced()
    running.add("m")
    running.fail("create", ApiError(403, "Forbidden", "not you"), kind=INGRESS)
    async with running.traced as shell:
        await shell.once(PATIENCE)
    spans = [span for spans in running.told().values() for span in spans if not span.status.is_ok]
    assert [(span.name, span.status.description) for span in spans] == [("create Ingress", "not you")]


async def test_a_change_is_told_once_a_while_has_gone_by(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "QUIET", 0.01)
    finishing = asyncio.create_task(traced.traces.keep_finishing(traced.traced.clock))
    await traced.traced.wait_for(lambda: not traced.traced.engine.undecided, PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while not any(span.parent is None for span in traced.exporter.get_finished_spans()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    finishing.cancel()


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "REMEMBERED", 5)
    running = Traced()
    running.add(*(f"m{number}" for number in range(5)))
    async with running.traced as shell:
        await shell.once(PATIENCE)
    assert len(running.traces._of) <= 5
    assert len(running.traces._written) <= 5
    assert not running.traces._running


async def test_the_daemon_sends_them_to_the_collector_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    got = asyncio.Event()

    async def take(request: web.Request) -> web.Response:
        assert b"service edited" in await request.read()
        got.set()
        return web.Response()

    collector = web.Application()
    collector.add_routes([web.post("/v1/traces", take)])
    runner = web.AppRunner(collector)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
    running = Running()
    running.add("m")
    try:
        assert await reconcile(running.cluster, Options(once=True, tracing=True)) == 0
        assert got.is_set()
    finally:
        await runner.cleanup()


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NoTracing, match="pip install 'doorward\\[tracing\\]'"):
        exporting()


def test_it_is_off_by_default() -> None:
    assert not Options().tracing
    assert "--tracing" in CliRunner().invoke(app, ["run", "--help"]).stdout
