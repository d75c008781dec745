"""What ``deploy/monitoring`` asks for is what ``/metrics`` tells, and its alerts fire when they should."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject
from doorward_daemon.authz.service import beside
from doorward_daemon.health import serving
from doorward_daemon.metered import Metered
from doorward_daemon.metrics import Metrics
from prometheus_client.parser import text_string_to_metric_families

from tests.docs.test_pages import table
from tests.patience import PATIENCE
from tests.shell.running import Running

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES = FOLDER / "rules.yaml"
CASES = Path(__file__).with_name("rules.test.yaml")
SERIES = re.compile(r"\b((?:doorward|process)_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r"(\w+)\s*(?:=|!=|=~|!~)\s*\"")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
OF_PROMETHEUS = {"job", "instance", "le"}

Promtool = Callable[..., CompletedProcess[str]]


def alerts() -> list[JsonObject]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[JsonObject] = group["rules"]
    return found


def panels() -> list[JsonObject]:
    found: list[JsonObject] = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    return found


def expressions() -> Iterator[str]:
    for alert in alerts():
        yield alert["expr"]
    for panel in panels():
        yield from (target["expr"] for target in panel.get("targets", ()))


@pytest.fixture
async def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What a live ``/metrics`` has: each series by its name, with its labels, after a day on which all happened."""
    import aiohttp

    running = Running()
    running.add("m")
    running.settings({"urlScheme": "https", "ingressClassName": "nginx"}, doorward="tlsSecretTemplate: t")
    spec = {"metadata": {"name": "t", "namespace": "a"}, "status": {"notAfter": "2030-01-01T00:00:00Z"}}
    running.create({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "spec": {}, **spec})
    running.fail("list", ApiError(403, "Forbidden", "no"), times=1000, kind="HTTPRoute.gateway.networking.k8s.io")
    shell = running.shell()
    shell.cluster = counted = Metered(running.cluster)
    metrics = Metrics(shell, tmp_path_factory.mktemp("journal") / "journal", counted)
    shell.listeners.append(metrics)
    async with (
        shell,
        beside(shell, "127.0.0.1:0", metrics.registry) as checks,
        serving(shell, metrics, "127.0.0.1:0") as url,
        aiohttp.ClientSession() as client,
    ):
        await shell.once(PATIENCE)
        metrics.slow_hook("istio", "render", 1.0)
        counted._restarts.labels("Service", "ended").inc()
        await client.get(f"{checks}/door/nginx/a/m")
        async with client.get(f"{url}/metrics") as answer:
            text = await answer.text()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_series_that_is_asked_for_is_told_with_its_labels(told: dict[str, set[str]]) -> None:
    for expression in expressions():
        series = SERIES.findall(expression)
        assert series, expression
        labels: set[str] = set()
        for name, matchers in series:
            assert name in told, name
            named = set(MATCHER.findall(matchers))
            assert named - OF_PROMETHEUS <= told[name], (name, named)
            labels |= told[name]
        grouped = {each.strip() for group in GROUPED.findall(expression) for each in group.split(",")}
        assert grouped - OF_PROMETHEUS <= labels, expression


def test_every_metric_of_ours_is_shown(told: dict[str, set[str]]) -> None:
    shown = {name for expression in expressions() for name, _ in SERIES.findall(expression)}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told if name.startswith("doorward_")}
    elsewhere = {"doorward_decided_total", "doorward_backlog", "doorward_settings_rejected_total"}
    assert ours - elsewhere <= families


def test_panels_have_places_of_their_own_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    assert len({panel["id"] for panel in panels()}) == len(panels())
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
        assert panel["type"] == "row" or (panel["description"] and panel["targets"]), panel["title"]


def test_every_alert_says_what_is_wrong_and_what_to_do_and_is_told() -> None:
    rows = table("monitoring.md", "Alerts")
    assert rows.keys() == {alert["alert"] for alert in alerts()}
    for alert in alerts():
        assert alert["annotations"].keys() == {"summary", "remedy"}
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert alert["labels"]["severity"] == rows[alert["alert"]][0]


def test_every_alert_is_tried() -> None:
    cases = yaml.safe_load(CASES.read_text())["tests"]
    assert {case["name"] for case in cases[1:]} == {alert["alert"] for alert in alerts()}
    quiet = " ".join(each["series"] for each in cases[0]["input_series"])
    asked = {name for alert in alerts() for name, _ in SERIES.findall(alert["expr"])}
    assert asked <= {name for name, _ in SERIES.findall(quiet)}


def test_promtool_finds_nothing_wrong(promtool: Promtool) -> None:
    checked = promtool("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_dashboard_asks_in_prometheus_own_language(promtool: Promtool, tmp_path: Path) -> None:
    asked = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    plain = [each.replace("$__rate_interval", "5m").replace("$job", ".*") for each in asked]
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(plain)]
    file = tmp_path / "dashboard.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = promtool("check", "rules", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alerts_fire_when_they_should_and_not_before(promtool: Promtool, tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(CASES.read_text().replace("RULES", str(RULES)))
    tested = promtool("test", "rules", str(file))
    assert tested.returncode == 0, tested.stdout + tested.stderr
