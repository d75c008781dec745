"""Why a door is as it is: what is named as a cause is one, since without it the part would be another."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from doorward.backends import Backends
from doorward.engine import Engine
from doorward.explaining import ExplainingEngine
from doorward.model.reference import INFERENCE_SERVICE, JsonObject, Ref
from doorward.settings.configuration import parse
from doorward_daemon.manifests import Document
from doorward_daemon.rendering import play

from tests.engine.stage import backends, inference_service, settings

RAW = {"ome.io/deployment-mode": "RawDeployment"}
Parts = dict[str, list[tuple[str, tuple[str, ...]]]]


def parts(
    annotations: dict[str, str],
    labels: dict[str, str] | None = None,
    spec: JsonObject | None = None,
    ingress: JsonObject | None = None,
    *,
    engine: ExplainingEngine | None = None,
    **keys: str,
) -> Parts:
    """The parts of a door of a healthy cluster, by their names."""
    service = inference_service(annotations=annotations, labels=labels or {}, spec=spec)
    engine = engine or ExplainingEngine(backends(), use_defaults=True)
    documents = [Document("test", 1, each) for each in (settings(ingress or {}, **keys), service)]
    play(documents, engine, "ome", simulate=True)
    found: Parts = {}
    for part in engine.parts(Ref(INFERENCE_SERVICE, "a", "m")):
        found.setdefault(part.name, []).append((part.value, part.causes))
    return found


def test_without_a_word_of_anybody_the_defaults_decide() -> None:
    assert parts({}) == {
        "exposure": [("outside", ("setting disableIngressCreation",))],
        "mode": [("Serverless", ("setting defaultDeploymentMode",))],
        "route /": [("engine: Service m-engine:80", ("spec.engine",))],
        "backend": [("istio", ("plugin istio", "mode Serverless"))],
        "class": [("istio", ("setting ingressClassName",))],
        "host": [("m.a.example.com", ("setting domainTemplate", "setting ingressDomain"))],
        "scheme": [("http", ("setting urlScheme",))],
        "in-cluster Service": [("m", ("setting doorService",))],
    }


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "label": ({"labels": {"networking.ome.io/visibility": "cluster-local"}}, "exposure", "cluster-local"),
    "switch": ({"ome.io/disable-ingress": "true"}, "exposure", "disabled"),
    "switch of the cluster": ({"ingress": {"disableIngressCreation": True}}, "exposure", "disabled"),
    "mode": (RAW, "mode", "RawDeployment"),
    "other spelling": ({"ome.io/deploymentMode": "MultiNode"}, "mode", "MultiNode"),
    "mode of the cluster": ({"deploy": {"defaultDeploymentMode": "RawDeployment"}}, "mode", "RawDeployment"),
    "workers": ({"spec": {"engine": {"worker": {}}}}, "mode", "MultiNode"),
    "backend": ({**RAW, "doorward.io/backend": "istio"}, "backend", "istio"),
    "backend of the cluster": ({"doorward": "defaultBackend: {Serverless: k8s_ingress}"}, "backend", "k8s_ingress"),
    "class": ({**RAW, "ome.io/ingress-class": "nginx"}, "class", "nginx"),
    "class of the cluster": ({**RAW, "ingress": {"ingressClassName": "traefik"}}, "class", "traefik"),
    "domain": ({"ome.io/ingress-domain": "example.org"}, "host", "m.a.example.org"),
    "template": ({"ome.io/ingress-domain-template": "{{.Name}}.example.net"}, "host", "m.example.net"),
    "domain of the cluster": ({"ingress": {"ingressDomain": "example.org"}}, "host", "m.a.example.org"),
    "template of the cluster": ({"ingress": {"domainTemplate": "x-{{.Name}}.example.net"}}, "host", "x-m.example.net"),
    "further domain": ({"ome.io/ingress-additional-domains": "example.net"}, "host", "m.a.example.net"),
    "further domain of the cluster": (
        {"ingress": {"additionalIngressDomains": ["example.net"]}},
        "host",
        "m.a.example.net",
    ),
    "path": ({"ome.io/ingress-path-template": "/x/{{.Name}}"}, "path", "example.com/x/m"),
    "path of the cluster": ({"ingress": {"pathTemplate": "/y/{{.Name}}"}}, "path", "example.com/y/m"),
    "scheme": ({"ome.io/ingress-url-scheme": "https"}, "scheme", "https"),
    "scheme of the cluster": ({"ingress": {"urlScheme": "https"}}, "scheme", "https"),
    "name inside": ({"doorward": "doorService: '{{.Name}}-door'"}, "in-cluster Service", "m-door"),
    "type": ({**RAW, "ome.io/service-type": "NodePort", "ome.io/disable-ingress": "true"}, "Service type", "NodePort"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_named_is_what_decides(case: str) -> None:
    given, name, value = CASES[case]
    (causes,) = [causes for told, causes in asked(given)[name] if told == value]
    named = {cause: left for cause in causes if (left := without(given, cause)) is not None}
    assert named, causes
    for cause, left in named.items():
        assert value not in [told for told, _ in asked(left).get(name, [])], cause


def asked(given: dict[str, Any]) -> Parts:
    annotations = {key: each for key, each in given.items() if "/" in key}
    rest = {key: each for key, each in given.items() if "/" not in key}
    if "deploy" in rest:
        rest["deploy"] = orjson.dumps(rest["deploy"]).decode()
    return parts(annotations, **rest)


def without(given: dict[str, Any], cause: str) -> dict[str, Any] | None:
    """The same without what is named; None where that is the default of a setting, or no input."""
    sort, _, name = cause.partition(" ")
    if sort == "annotation":
        return {key: each for key, each in given.items() if key != name}
    if sort == "label":
        return {**given, "labels": {key: each for key, each in given["labels"].items() if key != name}}
    if sort == "setting":
        data = {"ingress": orjson.dumps(given.get("ingress", {})).decode(), "doorward": given.get("doorward", "")}
        origins = parse({**data, "deploy": orjson.dumps(given.get("deploy", {})).decode()}).origins
        if name not in origins:
            return None
        key, field = origins[name]
        if key == "doorward":
            return {each: value for each, value in given.items() if each != key}
        return {**given, key: {each: value for each, value in given[key].items() if each != field}}
    if not cause.startswith("spec.engine."):
        return None
    last = cause.rpartition(".")[2]
    return {**given, "spec": {"engine": {key: each for key, each in given["spec"]["engine"].items() if key != last}}}


def test_a_plugin_and_the_setting_that_it_went_by_are_named() -> None:
    gateway = {"enableGatewayAPI": True, "omeIngressGateway": "gateways/public"}
    ((backend, causes),) = parts(RAW, ingress=gateway)["backend"]
    assert backend == "gateway_api"
    assert causes == ("plugin gateway_api", "mode RawDeployment", "setting enableGatewayAPI")


def test_each_component_has_its_routes_and_the_field_that_made_it() -> None:
    found = parts(RAW, spec={"model": {}, "router": {"timeoutSeconds": 60}, "engine": {}, "decoder": {}})
    assert found["route /"] == [("router: Service m-router:80", ("spec.router",))]
    assert found["route /v1/decoder"] == [("decoder: Service m-decoder:80", ("spec.decoder",))]
    assert found["time-out of router"] == [("60 s", ("spec.router.timeoutSeconds",))]


def test_hosts_below_the_clusters_domain_are_told_from_a_switch() -> None:
    assert parts({}, ingress={"ingressDomain": "svc.cluster.local"})["exposure"] == [
        ("cluster-local", ("setting ingressDomain",))
    ]


def test_of_a_door_that_is_refused_the_parts_that_can_be_told_are() -> None:
    found = parts({**RAW, "ome.io/ingress-domain": "No_Good"})
    assert found == {
        "exposure": [("outside", ("setting disableIngressCreation",))],
        "mode": [("RawDeployment", ("annotation ome.io/deployment-mode",))],
    }
    assert list(parts({"ome.io/deployment-mode": "Raw"})) == ["exposure"]


def test_the_names_are_those_of_the_kind() -> None:
    engine = ExplainingEngine(Backends(sources=["kserve"]), use_defaults=True)
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "m",
            "namespace": "a",
            "annotations": {"serving.kserve.io/deploymentMode": "RawDeployment", "doorward.io/ingress-domain": "x.org"},
        },
        "spec": {"predictor": {"model": {}}},
    }
    documents = [Document("test", 1, each) for each in (settings({}, doorward="beside: [kserve]"), service)]
    play(documents, engine, "ome", simulate=True)
    found = {part.name: part.causes for part in engine.parts(Ref("InferenceService.serving.kserve.io", "a", "m"))}
    assert found["host"] == ("setting domainTemplate", "annotation doorward.io/ingress-domain")
    assert found["mode"] == ("annotation serving.kserve.io/deploymentMode",)


def test_an_engine_that_explains_decides_as_any_other() -> None:
    service = inference_service(annotations=RAW)
    documents = [Document("test", 1, each) for each in (settings({}), service)]
    worlds = [
        play(documents, engine(backends(), use_defaults=True), "ome", simulate=True)[0]
        for engine in (Engine, ExplainingEngine)
    ]
    assert worlds[0].written() == worlds[1].written()
