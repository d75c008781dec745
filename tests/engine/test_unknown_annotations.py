"""An annotation that nothing reads, and looks as if doorward did."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import msgspec
import pytest
from doorward.backends import Backends
from doorward.door.unknown_annotations import READ, unknown_annotations
from doorward.hooks import Door, Read, hookimpl
from doorward.model.settings import Settings
from doorward.model.source import PREFIX, Source
from doorward.state.inference_service import InferenceService, legible
from doorward.state.transform import transform

from tests.docs import promised
from tests.engine.stage import Stage, backends, component_service, inference_service, settings

OME = ("inference-pool", "ingress-gateway", "ingress-additional-gateways", "ingress-shared-host-prefix")
OME += ("ingress-per-isvc-subdomain", "dedicated-ai-cluster", "entrypoint-component", "accelerator-class", "metrics")
OME += ("load-balancer-shape", "autoscalerClass", "targetUtilizationPercentage", "enable-tag-routing")
"""Annotations of OME's own.

Source: ome-projects/ome, pkg/constants/constants.go, and its reference of labels and annotations.
"""


def warned(
    annotations: Mapping[str, str], known: Backends | None = None, settings: Settings | None = None
) -> list[str]:
    found = known or backends()
    (source,) = found.sources.values()
    told = [each.message for each in unknown_annotations(service(annotations, source), settings or Settings(), found)]
    assert len(told) <= 1
    return told


def service(annotations: Mapping[str, str], source: Source) -> InferenceService:
    obj = inference_service(annotations={**annotations})
    return legible(transform(source.kind, {**obj, "spec": {}}, source), source)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("ome.io/ingress-clas", "ome.io/ingress-class"),
        ("ome.io/service-typ", "ome.io/service-type"),
        ("ome.io/ingress_class", "ome.io/ingress-class"),
        ("ome.io/ingress-aditional-domains", "ome.io/ingress-additional-domains"),
        ("ome.io/backend", "doorward.io/backend"),
        ("doorward.io/backends", "doorward.io/backend"),
        ("doorward.io/auht", "doorward.io/auth"),
        ("doorward.io/tls-secrets", "doorward.io/tls-secret"),
        ("doorward.io/ingress-class", "ome.io/ingress-class"),
    ],
)
def test_a_misspelt_key_is_told_with_the_one_that_was_meant(key: str, meant: str) -> None:
    assert warned({key: "x"}) == [f"nothing reads annotation {key} (is {meant} meant?)"]


def test_a_key_of_doorwards_that_is_like_none_is_told_too() -> None:
    assert warned({"doorward.io/colour": "red"}) == ["nothing reads annotation doorward.io/colour"]


@pytest.mark.parametrize("name", OME)
def test_omes_own_keys_are_not_told(name: str) -> None:
    assert warned({f"ome.io/{name}": "x"}) == []


def test_every_key_that_is_read_or_written_is_known() -> None:
    keys = promised.annotations()
    labels = {key for key in keys if key.endswith(("/visibility", "/inferenceservice", "/service", "/door"))}
    others = {"doorward.io/port", "doorward.io/deployment-mode", "doorward.io/disable-ingress"}
    others |= {"doorward.io/service-type", "doorward.io/Hosts"}
    assert warned(dict.fromkeys(keys - labels - others, "x")) == []
    assert {key for key in READ if key.startswith(PREFIX)} <= keys


def test_a_template_may_read_any_key() -> None:
    template = '{{ index .Annotations "doorward.io/team" }}.{{.IngressDomain}}'
    assert warned({"doorward.io/team": "a"}, settings=Settings(domain_template=template)) == []
    assert warned({"doorward.io/team": "a", "ome.io/ingress-domain-template": template}) == []
    assert warned({"doorward.io/team": "a"}) != []


def render(door: Door, read: Read) -> None:
    """A backend that opens nothing."""


def a_backend(*keys: str) -> Backends:
    mine = ModuleType("mine")
    mine.render = hookimpl(render)  # type: ignore[attr-defined]
    if keys:
        mine.reads_annotations = hookimpl(lambda: [*keys])  # type: ignore[attr-defined]
    installed = {name: plugin for name, plugin in backends().manager.list_name_plugin() if plugin is not None}
    return Backends({**installed, "mine": mine})


def test_what_a_backend_reads_is_known_and_one_that_does_not_say_keeps_others_silent() -> None:
    assert warned({"doorward.io/greeting": "hi"}, a_backend("doorward.io/greeting")) == []
    near = "nothing reads annotation doorward.io/greting (is doorward.io/greeting meant?)"
    assert warned({"doorward.io/greting": "hi"}, a_backend("doorward.io/greeting")) == [near]
    silent = a_backend()
    assert warned({"doorward.io/greeting": "hi", "doorward.io/backends": "x"}, silent) == []
    assert warned({"ome.io/ingress-clas": "nginx"}, silent) != []


def test_what_a_backend_says_it_reads_has_to_be_keys() -> None:
    mine = ModuleType("mine")
    mine.reads_annotations = hookimpl(lambda: "doorward.io/greeting")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="hook reads_annotations returns"):
        Backends({"mine": mine})


def test_another_kind_has_its_own_names() -> None:
    plain = Backends(sources=["service"])
    (source,) = plain.sources.values()

    def told(key: str, source: Source = source) -> list[str]:
        found = service({}, source)
        found.metadata.annotations.update(source.named({key: "x"}))
        return [each.message for each in unknown_annotations(found, Settings(), plain)]

    assert told("doorward.io/backends", msgspec.structs.replace(source, reads=None)) == [], (
        "it doesn't say what it reads"
    )
    assert told("doorward.io/port") == told("doorward.io/ingress-class") == told("ome.io/ingress-clas") == []
    assert told("doorward.io/ingress-clas") == [
        "nothing reads annotation doorward.io/ingress-clas (is doorward.io/ingress-class meant?)"
    ]


def test_many_keys_are_one_warning_and_little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from doorward.door import unknown_annotations as module

    compared: list[str] = []
    real = module.get_close_matches
    monkeypatch.setattr(module, "get_close_matches", lambda *a, **k: compared.append(a[0]) or real(*a, **k))
    many = {f"doorward.io/backend{number}": "x" for number in range(20_000)}
    (message,) = warned(many)
    assert message.startswith("nothing reads annotation doorward.io/backend0 (is doorward.io/backend meant?), ")
    assert message.endswith(" more")
    assert len(compared) <= 64


def test_users_hear_of_it_once() -> None:
    stage = Stage()
    stage.create(settings({}))
    stage.create(component_service("m", "engine"))
    annotations = {"ome.io/deployment-mode": "RawDeployment", "ome.io/ingress-clas": "contour"}
    stage.create(inference_service(annotations=annotations, ready=("engine",)))
    stage.start()
    stage.settle()
    (event,) = [obj for obj in stage.store.list(stage.resource("Event")).items if obj["reason"] == "UnknownAnnotation"]
    assert event["message"] == (
        "nothing reads annotation ome.io/ingress-clas (is ome.io/ingress-class meant?). Correct the key, or remove it."
    )
    assert stage.condition()["status"] == "True"
