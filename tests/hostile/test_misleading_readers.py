"""A tenant writes what misleads whoever reads messages, logs and metrics: people, terminals, databases."""

from __future__ import annotations

import json
import re

import pytest
import structlog
from doorward.model.quoting import bounded, visible
from doorward_daemon.logs import Format, configure
from doorward_daemon.metrics import MOST_STATES, Metrics
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.scenes import Scene, service
from tests.engine.stage import inference_service, settings
from tests.shell.running import Running

TRICKS = (
    "\x1b[2J\x1b[1;1Hall is well",
    "\x1b]8;;http://evil.test\x07click",
    "\x9b31m",
    "ok\r\n2026-01-01 error: all is lost",
    "ok\u2028another line\u2029",
    "\u202egnp.exe",
    "\u2066hidden\u2069",
    "zero\u200bwidth\ufeff",
    "\x00",
    "\x7f\b\b\b",
    "half \ud800",
)


@given(st.text())
def test_a_message_is_visible_and_bounded_whatever_it_is_made_of(text: str) -> None:
    for said in (visible(text), bounded(text), bounded(text * 40)):
        assert said.isprintable()
    assert len(bounded(text * 40).encode()) <= 1024
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize("trick", TRICKS[:-1], ids=ascii)
def test_what_a_condition_repeats_is_visible(trick: str) -> None:
    told = [{"type": "EngineReady", "status": "False", "message": trick}]
    scene = Scene(settings(), *service(raw=True, ready=False, status={"conditions": told}))
    assert scene.verdict() == ("False", "EngineNotReady")
    assert scene.message().isprintable()
    quiet = scene.since()
    scene.advance(60)
    assert quiet.writes == []


@pytest.mark.parametrize("trick", TRICKS[:-1], ids=ascii)
@pytest.mark.parametrize(
    "key",
    ["ome.io/ingress-domain-template", "ome.io/ingress-additional-domains", "ome.io/ingress-path-template",
     "ome.io/ingress-class", "ome.io/deployment-mode", "ome.io/service-type", "ome.io/load-balancer-ip",
     "ome.io/disable-ingress", "doorward.io/backend", "doorward.io/auth", "doorward.io/auth-secret",
     "doorward.io/tls-secret", "nginx.ingress.kubernetes.io/proxy-body-size"],
)  # fmt: skip
def test_what_is_told_of_an_annotation_is_visible(key: str, trick: str) -> None:
    annotations = {"ome.io/ingress-class": "nginx", "ome.io/ingress-url-scheme": "https", key: f"x{trick}"}
    scene = Scene(settings(), *service(raw=True, annotations=annotations))
    said = [scene.message(), *(message for _, message in scene.told())]
    assert any(said)
    assert all(message.isprintable() for message in said)


@pytest.mark.parametrize("format", ["json", "pretty"])
@pytest.mark.parametrize("trick", TRICKS, ids=ascii)
def test_a_log_has_one_line_for_each_event(capsys: pytest.CaptureFixture[str], format: Format, trick: str) -> None:
    configure(format)
    structlog.get_logger().warning(f"patch refused {trick}", message=trick, fields=[trick])
    (line,) = capsys.readouterr().err.splitlines()
    assert re.sub(r"\x1b\[\d*m", "", line).isprintable()
    if format == "json":
        assert json.loads(line)["message"] == visible(trick)


def test_reasons_that_somebody_makes_up_are_no_new_series_for_ever() -> None:
    running = Running()
    shell = running.shell()
    metrics = Metrics(shell)
    for number in range(2000):
        reason = f"Made{'ABCDEFGHIJ'[number % 10]}{'x' * (number // 10)}"
        condition = {"type": "IngressReady", "status": "False", "reason": reason}
        metrics._note("InferenceService.ome.io", inference_service(f"m{number}", status={"conditions": [condition]}))
    lines = [line for line in metrics.text().decode().splitlines() if line.startswith("doorward_doors{")]
    assert len(lines) == MOST_STATES
    assert sum(float(line.rpartition(" ")[2]) for line in lines) == 2000


@pytest.mark.parametrize("reason", [*TRICKS[:-1], "has space", '"}\ndoorward_ready 0', "x" * 65], ids=ascii)
def test_a_reason_that_is_no_word_is_counted_as_another(reason: str) -> None:
    running = Running()
    metrics = Metrics(running.shell())
    condition = {"type": "IngressReady", "status": reason, "reason": reason}
    metrics._note("InferenceService.ome.io", inference_service(status={"conditions": [condition]}))
    assert 'doorward_doors{reason="Other",status="Other"} 1.0' in metrics.text().decode().splitlines()
