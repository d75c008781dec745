"""What happens in a cluster of twenty services, for counting what the engine does about it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from doorward.engine import Engine

from tests.engine.stage import Stage, backends, component_service, inference_service, settings
from tests.measuring.work import counted

LIMITS = Path(__file__).parent / "limits.json"
COUNT = 20
RAW = {"ome.io/deployment-mode": "RawDeployment"}
INGRESS = "Ingress.networking.k8s.io"
SERVICE = "InferenceService.ome.io"


def services(stage: Stage, **annotations: str) -> None:
    """Services that are ready to be opened, with the settings; nobody has seen them yet."""
    stage.create(settings({"urlScheme": "http"}))
    for number in range(COUNT):
        stage.create(component_service(f"m-{number}", "engine"))
        stage.create(inference_service(f"m-{number}", annotations={**RAW, **annotations}, ready=("engine",)))


def opened(stage: Stage) -> None:
    services(stage)
    stage.start()
    stage.rest()


def annotate(stage: Stage, name: str, **annotations: str) -> None:
    stage.patch(SERVICE, "a", name, {"metadata": {"annotations": annotations}})


def configure(stage: Stage, **ingress: str) -> None:
    data = {"ingress": json.dumps({"urlScheme": "http", **ingress})}
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})


def start(stage: Stage) -> None:
    stage.start()
    stage.rest()


def started_anew(stage: Stage) -> None:
    """Another process begins, without a journal, where everything stands."""
    stage.engine = Engine(backends())
    start(stage)


def one_edit(stage: Stage) -> None:
    annotate(stage, "m-3", **{"ome.io/ingress-additional-domains": "alt.example.com"})
    stage.rest()


def one_edit_of_no_matter(stage: Stage) -> None:
    annotate(stage, "m-3", **{"team.example.com/contact": "models@example.com"})
    stage.rest()


def one_reports(stage: Stage) -> None:
    """OME tells of its replicas, which no door depends on."""
    stage.patch(SERVICE, "a", "m-3", {"status": {"modelStatus": {"copies": {"totalCopies": 2}}}}, subresource="status")
    stage.rest()


def one_drifts(stage: Stage) -> None:
    body = {"spec": {"ingressClassName": "somebody"}}
    stage.patch(INGRESS, "a", "m-3", body, field_manager="somebody")
    stage.rest()


def one_goes(stage: Stage) -> None:
    stage.delete(SERVICE, "a", "m-3")
    stage.rest()


def settings_that_nobody_reads(stage: Stage) -> None:
    configure(stage, ingressService="unused.example.com")
    stage.rest()


def settings_that_all_read(stage: Stage) -> None:
    configure(stage, urlScheme="https")
    stage.rest()


Begin = Callable[[Stage], None]
SCENARIOS: dict[str, tuple[Begin, Begin]] = {
    "a cold start": (services, start),
    "a restart where nothing changed": (opened, started_anew),
    "one edit": (opened, one_edit),
    "one edit that no door depends on": (opened, one_edit_of_no_matter),
    "one status that no door depends on": (opened, one_reports),
    "one object drifts": (opened, one_drifts),
    "one service is deleted": (opened, one_goes),
    "settings that no door reads": (opened, settings_that_nobody_reads),
    "settings that all doors read": (opened, settings_that_all_read),
    "services that fight for one host": (
        lambda stage: services(stage, **{"ome.io/ingress-domain-template": "same.example.com"}),
        start,
    ),
    "path doors on one domain": (
        lambda stage: services(stage, **{"ome.io/ingress-path-template": "/serving/{{.Name}}"}),
        start,
    ),
}


def done(scenario: str) -> dict[str, int]:
    begin, happens = SCENARIOS[scenario]
    stage = Stage()
    begin(stage)
    with counted(stage) as work:
        happens(stage)
    return work.counts()
