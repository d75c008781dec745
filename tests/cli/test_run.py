"""``doorward run``: before the embedded cluster, where the process itself doesn't matter."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace

import aiohttp
import pytest
import structlog
from doorward.cluster.protocol import ApiError
from doorward.journal import JournalLocked, SqliteJournal
from doorward.model.action import Action
from doorward.model.event import Configured, Record, Refused
from doorward.model.reference import Ref
from doorward_daemon.address import AddressError, parse_address
from doorward_daemon.commands import app
from doorward_daemon.daemon import Options, reconcile
from doorward_daemon.health import serving
from doorward_daemon.logs import WriteLog, configure
from doorward_daemon.metrics import Metrics
from doorward_daemon.readiness import readiness
from structlog.testing import capture_logs
from typer.testing import CliRunner

from tests.backends.gateways import gateway, http
from tests.patience import PATIENCE
from tests.shell.running import Running, until

Out = pytest.CaptureFixture[str]


async def test_once_reconciles_and_tells_what_it_did(capsys: Out) -> None:
    running = Running()
    running.add("m", "n")
    assert await reconcile(running.cluster, Options(once=True)) == 0
    assert running.ready("m", "n")
    told = capsys.readouterr().out
    assert "2 services, 2 with a door that stands\nwritten: 4 creations, 2 statuses\n" in told


async def test_once_names_the_services_without_a_door(capsys: Out) -> None:
    running = Running()
    running.add("m")
    running.patch("InferenceService.ome.io", "m", {"metadata": {"annotations": {"ome.io/deployment-mode": "Raw"}}})
    assert await reconcile(running.cluster, Options(once=True)) == 0
    assert "  a/m: InvalidDeploymentMode: " in capsys.readouterr().out


async def test_once_without_settings_while_doors_stand_fails_and_says_why(capsys: Out) -> None:
    running = Running()
    running.settings({"urlScheme": "http"})
    running.add("m")
    await reconcile(running.cluster, Options(once=True))
    running.store.delete(running.resource("ConfigMap"), "ome", "inferenceservice-config")
    assert await reconcile(running.cluster, Options(once=True)) == 1
    assert "start with --defaults" in capsys.readouterr().out
    assert running.host("m")
    assert await reconcile(running.cluster, Options(once=True, defaults=True)) == 0


async def test_a_dry_run_prints_what_it_would_write_and_why(capsys: Out) -> None:
    running = Running()
    running.add("m")
    before = running.store.resource_version
    assert await reconcile(running.cluster, Options(once=True, dry_run=True)) == 0
    assert running.store.resource_version == before
    told = capsys.readouterr().out.splitlines()
    assert "create Ingress a/m: the door opens, for a/m" in told
    assert "create Service a/m: the door opens, for a/m" in told
    assert "would be written: 2 creations" in told


async def test_a_dry_run_reads_the_journal_and_leaves_it_alone(tmp_path: Path) -> None:
    running, path = Running(), tmp_path / "journal"
    running.add("m")
    await reconcile(running.cluster, Options(once=True, journal=path))
    writer = SqliteJournal(path)
    before = writer.last_number
    assert await reconcile(running.cluster, Options(once=True, dry_run=True, journal=path)) == 0
    assert writer.last_number == before
    writer.close()


async def test_a_restart_with_the_journal_writes_nothing(tmp_path: Path) -> None:
    running, options = Running(), Options(once=True, journal=tmp_path / "journal")
    running.add("m")
    await reconcile(running.cluster, options)
    before = running.store.resource_version
    assert await reconcile(running.cluster, options) == 0
    assert running.store.resource_version == before


async def test_a_journal_that_another_process_writes_is_an_error(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal")
    with pytest.raises(JournalLocked):
        await reconcile(Running().cluster, Options(once=True, journal=tmp_path / "journal"))
    journal.close()


async def test_the_settings_namespace_is_the_one_that_was_asked_for() -> None:
    running = Running()
    running.add("m")
    resource = running.resource("ConfigMap")
    data = {"ingress": '{"ingressDomain": "example.org"}'}
    metadata = {"name": "inferenceservice-config", "namespace": "elsewhere"}
    running.store.create(
        resource, "elsewhere", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    )
    await reconcile(running.cluster, Options(once=True, settings_namespace="elsewhere"))
    assert running.host("m") == "m.a.example.org"


async def test_other_namespaces_than_those_asked_for_are_left_alone() -> None:
    running = Running()
    running.add("m")
    await reconcile(running.cluster, Options(once=True, namespaces=("b",)))
    assert not running.writes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_is_a_clean_stop(number: signal.Signals, tmp_path: Path) -> None:
    running, path = Running(), tmp_path / "journal"
    running.add("m")
    daemon = asyncio.create_task(reconcile(running.cluster, Options(journal=path)))
    await until(lambda: running.ready("m"))
    os.kill(os.getpid(), number)
    assert await asyncio.wait_for(daemon, PATIENCE) == 0
    journal = SqliteJournal(path)
    assert journal.since_snapshot == 0
    journal.close()


async def test_health_readiness_and_metrics_are_served() -> None:
    running = Running()
    running.add("m")
    shell = running.shell()
    metrics = Metrics(shell)
    shell.listeners.append(metrics)
    async with serving(shell, metrics, "127.0.0.1:0") as url, aiohttp.ClientSession() as client:
        status, text = await get(client, f"{url}/readyz")
        assert status == 503
        assert text.startswith("not ready\nnot listed yet: ConfigMap, InferenceService.ome.io, ")
        async with shell:
            await shell.once(PATIENCE)
            assert await get(client, f"{url}/readyz") == (200, "ready\n")
            assert await get(client, f"{url}/healthz") == (200, "ok\n")
            _, text = await get(client, f"{url}/metrics")
    for line in (
        'doorward_actions_total{outcome="Applied",verb="create"} 2.0',
        'doorward_doors{reason="",status="True"} 1.0',
        'doorward_records_total{type="Started"} 1.0',
        "doorward_ready 1.0",
        "doorward_settings_problems 0.0",
    ):
        assert line in text.splitlines()


async def test_settings_that_are_wrong_are_told_by_readiness_and_metrics() -> None:
    running = Running()
    running.settings({"urlScheme": "ftp"})
    shell = running.shell()
    metrics = Metrics(shell)
    shell.listeners.append(metrics)
    async with shell:
        await shell.once(PATIENCE)
        ready, said = readiness(shell)
        assert not ready
        assert "field urlScheme" in said[0]
        body = {"data": {"ingress": "{}"}}
        running.store.patch(running.resource("ConfigMap"), "ome", "inferenceservice-config", body)
        await shell.wait_for(lambda: readiness(shell) == (True, []), PATIENCE)
        body = {"data": {"ingress": "{"}}
        running.store.patch(running.resource("ConfigMap"), "ome", "inferenceservice-config", body)
        await shell.wait_for(lambda: bool(readiness(shell)[1]), PATIENCE)
        ready, said = readiness(shell)
        assert ready
        assert said[0].endswith("the last good ones stay in force")
    text = metrics.text().decode().splitlines()
    assert "doorward_settings_rejected_total 2.0" in text
    assert "doorward_settings_problems 1.0" in text


async def test_doors_that_were_restored_are_counted() -> None:
    from doorward.journal import MemoryJournal

    running, journal = Running(), MemoryJournal()
    running.add("m", "n")
    async with running.shell(journal) as shell:
        await shell.once(PATIENCE)
    shell = running.shell(journal)
    metrics = Metrics(shell)
    shell.listeners.append(metrics)
    async with shell:
        metrics.seed()
        await shell.once(PATIENCE)
        running.delete("InferenceService.ome.io", "n")
        await shell.wait_for(lambda: len(shell.engine.services()) == 1, PATIENCE)
    assert 'doorward_doors{reason="",status="True"} 1.0' in metrics.text().decode().splitlines()


async def test_a_kind_that_may_not_be_listed_is_told_by_readiness() -> None:
    running = Running()
    error = ApiError(403, "Forbidden", 'cannot list resource "gateways"')
    running.fail("list", error, times=1000, kind="Gateway.gateway.networking.k8s.io")
    async with running.shell() as shell:
        await shell.once(PATIENCE)
        said = 'Gateway.gateway.networking.k8s.io may not be listed: cannot list resource "gateways"'
        assert readiness(shell) == (True, [said])


async def test_a_kind_that_may_be_listed_and_not_watched_is_told_by_readiness_until_it_may() -> None:
    running = Running()
    error = ApiError(403, "Forbidden", 'cannot watch resource "gateways"')
    denied = running.fail("watch", error, times=4, kind="Gateway.gateway.networking.k8s.io")
    async with running.shell() as shell:
        await until(lambda: bool(shell.unwatched))
        said = 'may not be watched, and is listed again and again: cannot watch resource "gateways"'
        assert readiness(shell) == (True, [f"Gateway.gateway.networking.k8s.io {said}"])
        await until(lambda: len(denied) == 4)
        running.create(gateway(http()))

        def told() -> bool:
            """An event, by which a watch shows that it works: it may begin after any of these."""
            resource, label = running.resource("Gateway.gateway.networking.k8s.io"), {"n": token_hex(2)}
            running.store.patch(resource, "ingress", "ome", {"metadata": {"labels": label}})
            return not shell.unwatched

        await until(told)


async def test_every_write_is_logged_with_its_reason() -> None:
    running = Running()
    running.add("m")
    shell = running.shell()
    shell.listeners.append(WriteLog(shell))
    with capture_logs() as logs:
        async with shell:
            await shell.once(PATIENCE)
    entry = next(entry for entry in logs if entry.get("object") == "Ingress a/m")
    assert entry["event"] == "created"
    assert (entry["service"], entry["reason"], entry["fields"]) == ("a/m", "the door opens", [])
    assert entry["number"] > entry["cause"] > 0


@pytest.mark.parametrize(("good", "force"), [({}, "the last good ones stay"), (None, "no settings are")])
def test_settings_that_are_rejected_are_logged_as_a_warning(good: dict[str, str] | None, force: str) -> None:
    problem = "key ingress, field urlScheme: no"
    records = [Record(number=4, cause=3, event=Configured(at=0.0, good=good, problems=(problem,)))]
    records.append(Record(number=5, cause=4, event=Configured(at=0.0, good={})))
    with capture_logs() as logs:
        WriteLog(Running().shell()).recorded(records)
    (entry,) = logs
    assert (entry["log_level"], entry["problems"], entry["number"]) == ("warning", (problem,), 4)
    assert entry["event"] == f"the settings are rejected; {force} in force"


def test_a_refusal_is_logged_with_the_server_s_words() -> None:
    shell = Running().shell()
    action = Action(id=7, verb="patch", ref=Ref("Service", "a", "m"), service="", fields=("spec.ports",))
    refused = Refused(at=0.0, action=7, status=422, reason="Invalid", message="no such port")
    with capture_logs() as logs:
        WriteLog(shell).performed(action, refused, 0.1)
    (entry,) = logs
    assert (entry["log_level"], entry["status"], entry["message"]) == ("warning", 422, "no such port")


def test_a_log_that_nobody_reads_any_more_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: False, write=closed.write, flush=closed.flush))
    configure("json")
    structlog.get_logger().warning("nobody hears this")


def test_a_log_line_is_json_elsewhere_than_on_a_terminal(capsys: Out) -> None:
    configure("auto")
    structlog.get_logger().warning("seen", object="Ingress a/m")
    entry = json.loads(capsys.readouterr().err)
    assert (entry["event"], entry["level"], entry["object"]) == ("seen", "warning", "Ingress a/m")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        (":8080", (None, 8080)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses(text: str, address: tuple[str | None, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["8080", "host", "host:", "host:http", "host:70000", ""])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError, match="write HOST:PORT"):
        parse_address(text)


async def test_an_address_that_is_taken_is_an_error() -> None:
    shell = Running().shell()
    async with serving(shell, Metrics(shell), "127.0.0.1:0") as url:
        with pytest.raises(AddressError, match=r"can't listen on .*: Address already in use; --listen takes another"):
            async with serving(shell, Metrics(shell), url.removeprefix("http://")):
                pass


Invoke = Callable[..., tuple[int, str]]


@pytest.fixture
def invoke(tmp_path: Path) -> Invoke:
    def call(*arguments: str) -> tuple[int, str]:
        env = {"KUBECONFIG": "", "HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": None}
        result = CliRunner().invoke(app, arguments, env=env)
        return result.exit_code, result.output

    return call


def test_without_a_cluster_the_reason_is_told(invoke: Invoke) -> None:
    code, told = invoke("run")
    assert (code, "no kubeconfig" in told) == (1, True), told


def test_a_kubeconfig_that_is_not_there_is_told(invoke: Invoke, tmp_path: Path) -> None:
    code, told = invoke("run", "--kubeconfig", str(tmp_path / "missing"))
    assert code == 1
    assert str(tmp_path / "missing") in told


def test_a_server_that_does_not_answer_is_told_at_once(invoke: Invoke, tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c}}], "
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]}"
    )
    code, told = invoke("run", "--once", "--kubeconfig", str(config), "--log-format", "json")
    assert code == 1
    assert "http://127.0.0.1:9 doesn't answer" in told


def test_help_teaches_and_the_version_is_told(invoke: Invoke) -> None:
    code, told = invoke("--help")
    assert code == 0
    assert all(command in told for command in ("run", "render", "demo"))
    for command in ("run", "render", "demo"):
        code, told = invoke(command, "--help")
        assert code == 0
        assert len(told.splitlines()) > 5
    assert invoke("--version") == (0, "doorward 0.1.0\n")
    assert invoke()[0] == 2


async def get(client: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with client.get(url) as answer:
        return answer.status, await answer.text()
