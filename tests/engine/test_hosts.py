"""docs/hosts.md, Hosts and paths: hosts, paths and scheme, and what of them is refused."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.model.names import cut
from doorward.model.reference import JsonObject

from tests.engine.scenes import INGRESS, VIRTUAL_SERVICE, Scene, opened, service
from tests.engine.stage import settings

TEMPLATE = "ome.io/ingress-domain-template"
DOMAIN = "ome.io/ingress-domain"
MORE = "ome.io/ingress-additional-domains"
PATH = "ome.io/ingress-path-template"
SCHEME = "ome.io/ingress-url-scheme"
LONG = "a123456789-b123456789-c123456789-d123456789-e123456789-f123456789-g"


def host(scene: Scene) -> str:
    return scene.url().removeprefix("http://")


def hosts(scene: Scene, name: str = "m") -> list[str]:
    return [rule["host"] for rule in scene.get(INGRESS, "a", name)["spec"]["rules"]]


# -- the primary host ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{.Name}}.{{.Namespace}}.ml.test", "m.a.ml.test"),
        ("{{ .Namespace }}-{{ .Name }}.{{ .IngressDomain }}", "a-m.example.com"),
        ("{{.Name}}.{{.Labels.team}}.test", "m.red.test"),
        ('{{.Name}}.{{index .Annotations "example.com/zone"}}.test', "m.east.test"),
        ('{{.Name}}.{{index .Labels "team"}}.test', "m.red.test"),
        ("{{.Name}}{{- /* trimmed */ -}} .test", "m.test"),
        ('{{"fixed"}}.test', "fixed.test"),
    ],
)
def test_a_template_gives_the_host(template: str, expected: str) -> None:
    notes = {TEMPLATE: template, "example.com/zone": "east"}
    assert host(opened(annotations=notes, labels={"team": "red"})) == expected


def test_the_settings_template_is_used_where_the_service_has_none() -> None:
    scene = Scene(settings({"domainTemplate": "{{.Name}}-x.{{.IngressDomain}}"}), *service(raw=True))
    assert host(scene) == "m-x.example.com"


def test_the_services_domain_goes_into_whichever_template_there_is() -> None:
    assert host(opened(annotations={DOMAIN: "ml.test"})) == "m.a.ml.test"
    both = {DOMAIN: "ml.test", TEMPLATE: "{{.Name}}.{{.IngressDomain}}"}
    assert host(opened(annotations=both)) == "m.ml.test"


@pytest.mark.parametrize("key", [TEMPLATE, DOMAIN])
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_override_is_ignored(key: str, empty: str) -> None:
    assert host(opened(annotations={key: empty})) == "m.a.example.com"


REFUSED: dict[str, tuple[str, str, str]] = {
    "a key that isn't there": (TEMPLATE, "{{.Labels.team}}.test", "InvalidHost"),
    "an index that isn't there": (TEMPLATE, '{{index .Annotations "none"}}.test', "InvalidHost"),
    "a condition": (TEMPLATE, "{{if .Name}}x{{end}}.test", "InvalidHost"),
    "a pipeline": (TEMPLATE, "{{.Name | html}}.test", "InvalidHost"),
    "an unknown field": (TEMPLATE, "{{.Nam}}.test", "InvalidHost"),
    "a path in a host": (TEMPLATE, "{{.Name}}.test/x", "InvalidHost"),
    "one label": (TEMPLATE, "{{.Name}}", "InvalidHost"),
    "capital letters": (DOMAIN, "Example.com", "InvalidHost"),
    "a wildcard": (DOMAIN, "*.example.com", "InvalidHost"),
    "a port": (DOMAIN, "example.com:8080", "InvalidHost"),
    "an empty label": (DOMAIN, "example..com", "InvalidHost"),
    "a label that is too long": (DOMAIN, "x" * 64 + ".test", "InvalidHost"),
    "a host that is too long": (DOMAIN, ".".join(["x" * 60] * 5), "InvalidHost"),
    "a path without a slash": (PATH, "models/{{.Name}}", "InvalidPath"),
    "a path with a scheme": (PATH, "http://x/{{.Name}}", "InvalidPath"),
    "a path with a query": (PATH, "/{{.Name}}?x=1", "InvalidPath"),
    "a path that climbs": (PATH, "/x/../{{.Name}}", "InvalidPath"),
    "a path with two slashes": (PATH, "/x//{{.Name}}", "InvalidPath"),
    "a path with a label": (PATH, "/{{.Labels.team}}", "InvalidPath"),
    "a path of the whole host": (PATH, "/", "InvalidPath"),
}


@pytest.mark.parametrize(("key", "value", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cant_be_a_host_or_path_is_refused_naming_annotation_and_value(key: str, value: str, reason: str) -> None:
    scene = Scene(*service(raw=True, annotations={key: value}))
    assert scene.verdict() == ("False", reason)
    assert f"annotation {key}" in scene.message()
    assert value[:60] in scene.message()
    assert scene.ours() == set()


@pytest.mark.parametrize(
    ("ingress", "setting", "reason"),
    [
        ({"domainTemplate": "{{.Labels.team}}.test"}, "domainTemplate", "InvalidHost"),
        ({"pathTemplate": "/x/../{{.Name}}"}, "pathTemplate", "InvalidPath"),
    ],
)
def test_a_setting_that_gives_a_bad_host_or_path_is_named(ingress: JsonObject, setting: str, reason: str) -> None:
    scene = Scene(settings(ingress), *service(raw=True))
    assert scene.verdict() == ("False", reason)
    assert f"setting {setting}" in scene.message()


def test_a_name_that_is_too_long_for_a_label_is_cut_as_in_ome() -> None:
    scene = Scene(service(LONG, raw=True)[0])
    (only,) = hosts(scene, LONG)
    assert only == f"{cut(LONG)}.a.example.com"
    assert len(only.partition(".")[0]) == 63
    assert only.partition(".")[0].endswith(LONG[-54:])


def test_an_annotation_that_the_template_reads_is_followed() -> None:
    scene = opened(annotations={TEMPLATE: '{{index .Annotations "zone"}}.test', "zone": "east"})
    scene.edit(annotations={"zone": "west"})
    scene.advance(11)
    assert hosts(scene) == ["west.test"]


# -- what Knative gave -----------------------------------------------------------------------------------------------


def given(url: str, entry: str = "engine", **more: Any) -> Scene:
    components = ("engine",) if entry == "engine" else ("engine", "router")
    return Scene(*service("m", *components, status={"components": {entry: {"url": url}}}, **more))


@pytest.mark.parametrize(
    ("url", "entry", "expected"),
    [
        ("http://m-engine.a.kn.test", "engine", "m.a.kn.test"),
        ("https://m-engine-default.a.kn.test", "engine", "m.a.kn.test"),
        ("http://m-router.a.kn.test", "router", "m.a.kn.test"),
        ("http://m-router-default.a.kn.test", "router", "m.a.kn.test"),
        ("http://m-engine.a.kn.test:8080/path", "engine", "m.a.kn.test"),
        ("http://odd-engine-engine.a.kn.test", "engine", "odd-engine.a.kn.test"),
        ("http://m.a.kn.test", "engine", "m.a.example.com"),
        ("http://-engine.a.kn.test", "engine", "m.a.example.com"),
        ("http://m-engine.a.kn.test", "router", "m.a.example.com"),
        ("http://m-engine.a.svc.cluster.local", "engine", "m.a.example.com"),
        ("http://m-engine.a.svc", "engine", "m.a.example.com"),
        ("m-engine.a.kn.test", "engine", "m.a.example.com"),
        ("http://[::1", "engine", "m.a.example.com"),
        ("", "engine", "m.a.example.com"),
    ],
)
def test_serverless_keeps_the_host_that_knative_gave(url: str, entry: str, expected: str) -> None:
    assert host(given(url, entry)) == expected


@pytest.mark.parametrize("override", [{DOMAIN: "own.test"}, {TEMPLATE: "{{.Name}}.{{.Namespace}}.own.test"}])
def test_an_override_beats_the_host_that_knative_gave(override: dict[str, str]) -> None:
    assert host(given("http://m-engine.a.kn.test", annotations=override)) == "m.a.own.test"


def test_raw_takes_no_host_from_a_components_url() -> None:
    assert host(given("http://m-engine.a.kn.test", raw=True)) == "m.a.example.com"


# -- additional hosts ------------------------------------------------------------------------------------------------


def test_each_additional_domain_gives_a_host() -> None:
    scene = opened(annotations={MORE: " b.test ,c.test,, b.test"})
    assert hosts(scene) == ["m.a.example.com", "m.a.b.test", "m.a.c.test"]


def test_a_primary_host_of_another_ending_leaves_name_and_namespace() -> None:
    scene = opened(annotations={TEMPLATE: "{{.Name}}.fixed.test", MORE: "b.test"})
    assert hosts(scene) == ["m.fixed.test", "m.a.b.test"]


def test_only_the_ending_is_replaced() -> None:
    scene = opened(annotations={TEMPLATE: "{{.Name}}.example.com.x.example.com", MORE: "b.test"})
    assert hosts(scene) == ["m.example.com.x.example.com", "m.example.com.x.b.test"]


def test_the_settings_domains_are_used_where_the_service_names_none() -> None:
    scene = Scene(settings({"additionalIngressDomains": ["b.test"]}), *service(raw=True))
    assert hosts(scene) == ["m.a.example.com", "m.a.b.test"]
    scene.edit(annotations={MORE: "c.test"})
    scene.advance(11)
    assert hosts(scene) == ["m.a.example.com", "m.a.c.test"]


def test_a_domain_that_is_the_primarys_gives_no_second_host() -> None:
    assert hosts(opened(annotations={MORE: "example.com"})) == ["m.a.example.com"]


def test_an_invalid_additional_domain_is_left_out_and_told_and_the_rest_stand() -> None:
    scene = opened(annotations={MORE: "no_good.test,b.test"})
    assert hosts(scene) == ["m.a.example.com", "m.a.b.test"]
    ((reason, message),) = scene.told()
    assert reason == "InvalidHost"
    assert MORE in message
    assert "no_good.test" in message


# -- the path door ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["annotation", "setting"])
def test_a_path_template_opens_a_door_below_the_domain(by: str) -> None:
    template = "/models/{{.Name}}/{{.Namespace}}/"
    config = settings({"pathTemplate": template} if by == "setting" else {})
    scene = Scene(config, *service(annotations={PATH: template} if by == "annotation" else None))
    assert scene.url() == "http://example.com/models/m/a"
    assert scene.reaches("http://example.com/models/m/a/v1/completions") == "m-engine"
    assert scene.reaches("http://example.com/models/m/ab") == ""
    assert scene.reaches("http://m.a.example.com/") == "m-engine"


def test_an_empty_annotation_switches_the_settings_path_off() -> None:
    scene = Scene(settings({"pathTemplate": "/models/{{.Name}}"}), *service(annotations={PATH: ""}))
    assert scene.url() == "http://m.a.example.com"


def test_the_path_door_is_below_the_services_own_domain() -> None:
    scene = opened(raw=False, annotations={PATH: "/models/{{.Name}}", DOMAIN: "own.test"})
    assert scene.url() == "http://own.test/models/m"


def test_the_path_door_is_an_object_of_its_own() -> None:
    scene = opened(raw=False, annotations={PATH: "/models/{{.Name}}"})
    (path,) = (name for name in scene.ours() if name.startswith("VirtualService/m-path-"))
    assert scene.get(VIRTUAL_SERVICE, "a", path.partition("/")[2])["spec"]["hosts"] == ["example.com"]


# -- the scheme ------------------------------------------------------------------------------------------------------


def test_the_services_scheme_beats_the_settings() -> None:
    scene = Scene(settings({"urlScheme": "https"}), *service(), *service("n", annotations={SCHEME: "http"}))
    assert (scene.url(), scene.url("n")) == ("https://m.a.example.com", "http://n.a.example.com")


def test_a_scheme_that_is_neither_is_refused() -> None:
    scene = Scene(*service(raw=True, annotations={SCHEME: "ftp"}))
    assert scene.verdict() == ("False", "InvalidHost")
    assert SCHEME in scene.message()
