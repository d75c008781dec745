"""What ``/metrics`` tells, beside what its neighbours' tests look at: requests, watches, queues, decisions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject
from doorward_daemon.metered import Metered
from doorward_daemon.metrics import Metrics
from doorward_daemon.metrics import version as installed
from prometheus_client.parser import text_string_to_metric_families

from tests.patience import PATIENCE
from tests.shell.running import INGRESS, SERVICE, Running

CERTIFICATE = "Certificate.cert-manager.io"


class Measured(Running):
    """A cluster whose shell is measured, as the daemon's is."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = Metered(self.cluster)
        self.measured = self.shell()
        self.measured.cluster = self.counted
        self.metrics = Metrics(self.measured, requests=self.counted)
        self.measured.listeners.append(self.metrics)

    def value(self, name: str, **labels: str) -> float:
        """A sample; 0 where there is none."""
        families = text_string_to_metric_families(self.metrics.text().decode())
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def labels(self, name: str) -> list[dict[str, str]]:
        families = text_string_to_metric_families(self.metrics.text().decode())
        return [sample.labels for family in families for sample in family.samples if sample.name == name]


@pytest.fixture
async def measured() -> AsyncIterator[Measured]:
    running = Measured()
    running.add("m")
    async with running.measured as shell:
        running.metrics.seed()
        await shell.once(PATIENCE)
        yield running


async def test_what_runs_is_told(measured: Measured) -> None:
    (labels,) = measured.labels("doorward_build_info")
    assert labels["version"] == installed("doorward-daemon")
    assert labels["python"].startswith("3.")


async def test_decisions_are_counted_and_timed_by_backend_and_result(measured: Measured) -> None:
    assert measured.value("doorward_reconcile_seconds_count", backend="k8s_ingress", result="written") >= 1
    assert measured.value("doorward_reconcile_seconds_sum", backend="k8s_ingress") > 0
    decided = measured.measured.engine.decided
    assert measured.value("doorward_reconcile_seconds_count") == decided
    measured.patch(SERVICE, "m", {"metadata": {"annotations": {"example.com/note": "1"}}})
    measured.patch(SERVICE, "m", {"metadata": {"annotations": {"doorward.io/backend": "nobody"}}})
    await measured.measured.wait_for(
        lambda: measured.value("doorward_reconcile_seconds_count", backend="none") >= 1, PATIENCE
    )


async def test_requests_are_counted_by_verb_and_code(measured: Measured) -> None:
    assert measured.value("doorward_api_requests_total", verb="create", code="2xx") == 2
    assert measured.value("doorward_api_requests_total", verb="patch", code="2xx") == 1
    assert measured.value("doorward_api_requests_total", verb="list", code="2xx") >= 15
    measured.fail("create", ApiError(429, "TooManyRequests", "later"), kind=INGRESS)
    measured.fail("create", ApiError(0, "", "gone"), kind=INGRESS)
    measured.delete(INGRESS, "m")
    await measured.measured.wait_for(
        lambda: measured.value("doorward_api_requests_total", verb="create", code="2xx") == 3, PATIENCE
    )
    assert measured.value("doorward_api_requests_total", verb="create", code="429") == 1
    assert measured.value("doorward_api_requests_total", verb="create", code="none") == 1


async def test_a_write_of_ours_that_the_watch_tells_has_a_lag(measured: Measured) -> None:
    kinds = ("Ingress.networking.k8s.io", "Service", SERVICE)
    await measured.measured.wait_for(
        lambda: all(measured.value("doorward_watch_lag_seconds_count", kind=kind) == 1 for kind in kinds), PATIENCE
    )
    measured.patch(INGRESS, "m", {"metadata": {"annotations": {"example.com/note": "1"}}}, field_manager="somebody")
    resource = measured.resource(INGRESS)
    await measured.measured.wait_for(
        lambda: any("note" in str(each) for _, each in measured.measured.engine.objects(uid_of(measured))), PATIENCE
    )
    assert resource.kind
    assert measured.value("doorward_watch_lag_seconds_count", kind=INGRESS) == 1


def uid_of(running: Measured) -> str:
    service = running.get(SERVICE, "m")
    assert service
    return str(service["metadata"]["uid"])


class Watched:
    """A cluster whose watches are what a test says."""

    def __init__(self, *streams: list[Any]) -> None:
        self.streams = list(streams)

    async def watch(self, resource: object, namespace: str = "", **options: object) -> AsyncIterator[Any]:
        for each in self.streams.pop(0):
            if isinstance(each, Exception):
                raise each
            if each is None:
                await asyncio.Event().wait()
            yield each


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ([], "ended"),
        ([ApiError(410, "Expired", "old")], "expired"),
        ([ApiError(0, "", "reset")], "failed"),
        ([ApiError(503, "", "overloaded")], "failed"),
    ],
)
async def test_a_watch_that_begins_again_is_counted_by_why(end: list[Any], why: str) -> None:
    counted = Metered(Watched(end))  # type: ignore[arg-type]
    resource = Running().resource("Service")
    try:
        async for _ in counted.watch(resource, resource_version="1"):
            pass
    except ApiError:
        pass
    restarts = {sample.labels["why"] for family in counted.metrics[1].collect() for sample in family.samples}
    assert restarts == {why}
    assert counted.silence().keys() == {"Service"}


async def test_a_watch_that_nobody_wants_any_more_is_neither_counted_nor_silent() -> None:
    from doorward.cluster.protocol import WatchEvent

    counted = Metered(Watched([WatchEvent("BOOKMARK", {"metadata": {}}), None]))  # type: ignore[arg-type]
    resource = Running().resource("Service")
    async with aclosing(counted.watch(resource, resource_version="1")) as stream:
        await anext(stream)
        assert counted.silence()["Service"] < PATIENCE
    assert not counted.silence()
    assert not [sample for family in counted.metrics[1].collect() for sample in family.samples]


async def test_watches_of_kinds_that_are_gone_are_not_silent(measured: Measured) -> None:
    kind = "Middleware.traefik.io"
    await measured.measured.wait_for(lambda: kind in measured.counted.silence(), PATIENCE)
    assert {"kind": kind} in measured.labels("doorward_watch_silence_seconds")
    measured.store.withdraw(kind)
    measured.patch(SERVICE, "m", {"metadata": {"labels": {"team": "a"}}})  # a write, by which the watch is woken
    await measured.measured.wait_for(lambda: kind in measured.measured.engine.missing, PATIENCE)
    assert {"kind": kind} not in measured.labels("doorward_watch_silence_seconds")


async def test_what_waits_is_told_with_its_age() -> None:
    running = Measured()
    running.add("m")
    now = 1_000_000.0
    running.measured.clock = lambda: now  # type: ignore[assignment]
    shell = running.measured
    async with shell:
        await shell.once(PATIENCE)
        assert (shell.queues["doors"], shell.queues["writes"]) == ((0, 0.0), (0, 0.0))
        shell._hand_out = lambda: None  # type: ignore[method-assign]
        running.patch(SERVICE, "m", {"metadata": {"labels": {"networking.ome.io/visibility": "cluster-local"}}})
        await shell.wait_for(lambda: shell.queues["writes"][0] > 0, PATIENCE)
        now += 30
        assert shell.queues["writes"][1] == 30
        assert running.value("doorward_queue_age_seconds", queue="writes") == 30
        assert running.value("doorward_queue_depth", queue="writes") >= 1


async def test_certificates_behind_doors_are_told_by_their_expiry(measured: Measured) -> None:
    settings = {"urlScheme": "https", "ingressClassName": "nginx"}
    measured.settings(settings, doorward="tlsSecretTemplate: door-tls")
    for name, expires in (("door-tls", "2030-01-01T00:00:00Z"), ("another", "2020-01-01T00:00:00Z")):
        measured.create(certificate(name, expires))
    await measured.measured.wait_for(
        lambda: measured.value("doorward_certificate_expiry_timestamp_seconds") == 1893456000, PATIENCE
    )
    assert measured.value("doorward_certificates", state="valid") == 1
    measured.patch(CERTIFICATE, "door-tls", {"status": {"notAfter": "2001-01-01T00:00:00Z"}}, subresource="status")
    await measured.measured.wait_for(lambda: measured.value("doorward_certificates", state="expired") == 1, PATIENCE)
    measured.patch(CERTIFICATE, "door-tls", {"status": {"notAfter": "soon"}}, subresource="status")
    await measured.measured.wait_for(lambda: measured.value("doorward_certificates", state="unknown") == 1, PATIENCE)


def certificate(name: str, expires: str) -> JsonObject:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": "a"},
        "spec": {"secretName": name},
        "status": {"notAfter": expires},
    }
