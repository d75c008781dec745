"""A tenant writes what takes much time or room to answer."""

from __future__ import annotations

import tracemalloc
from time import process_time
from unittest import mock

import pytest
from doorward.cluster.embedded import Store
from doorward.model.template import TooLong, compile
from doorward.settings.configuration import parse
from doorward_daemon import manifests
from doorward_istio import claimed

from tests.engine.scenes import HTTP_ROUTE, INGRESS, Scene, opened, service
from tests.engine.stage import settings

TEMPLATE = "ome.io/ingress-domain-template"
DOMAIN = "ome.io/ingress-domain"
MORE = "ome.io/ingress-additional-domains"
PATH = "ome.io/ingress-path-template"
SCHEME = "ome.io/ingress-url-scheme"
BIG = "x" * 32_000


def said(scene: Scene) -> list[str]:
    """Everything that is told about a service."""
    return [scene.message(), *(message for _, message in scene.told())]


@pytest.mark.parametrize(
    "template", ["{{.Annotations.b}}" * 50, '{{index .Annotations "b"}}.test', "{{.Labels.b}}" * 70]
)
def test_a_template_stops_where_no_host_can_go_on(template: str) -> None:
    scene = Scene(*service(raw=True, annotations={TEMPLATE: template, "b": BIG}, labels={"b": "y" * 60}))
    assert scene.verdict() == ("False", "InvalidHost")
    assert "more than 253 characters" in scene.message()
    assert all(len(message.encode()) <= 1024 for message in said(scene))


def test_what_is_too_long_is_never_put_together() -> None:
    rendered = compile("{{.Annotations.b}}" * 56, frozenset({"Annotations"}))
    values = {"Annotations": {"b": "x" * 1_000_000}}
    tracemalloc.start()
    try:
        with pytest.raises(TooLong):
            rendered.render(values, 253)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("key", "template", "reason"),
    [(TEMPLATE, "x" * 1021 + ".test", "InvalidHost"), (PATH, "/" + "x" * 1024, "InvalidPath")],
)
def test_a_template_has_at_most_1024_characters(key: str, template: str, reason: str) -> None:
    scene = Scene(*service(raw=True, annotations={key: template}))
    assert scene.verdict() == ("False", reason)
    assert "at most 1024" in scene.message()
    assert len(scene.message()) < 400


def test_a_path_has_at_most_1024_characters() -> None:
    name = "n" * 60
    fits, over = "/{{.Name}}" * 16, "/{{.Name}}" * 17
    for template, verdict in ((fits, "True"), (over, "False")):
        scene = Scene(*service(name, raw=True, annotations={PATH: template, "doorward.io/backend": "istio"}))
        assert scene.verdict(name)[0] == verdict, scene.message(name)
    assert "more than 1024 characters" in scene.message(name)


def test_a_setting_has_no_longer_templates() -> None:
    scene = Scene(settings({}), *service(raw=True))
    for field in ("domainTemplate", "pathTemplate"):
        scene.configure({field: "/" + "{{.Name}}" * 200})
        assert any(field in problem and "at most 1024" in problem for problem in scene.engine.problems)
    scene.configure({}, doorward="doorService: '" + "{{.Name}}" * 200 + "'")
    assert any("doorService" in problem and "at most 1024" in problem for problem in scene.engine.problems)


def test_the_longest_door_service_gives_the_name_of_a_service_all_the_same() -> None:
    name = "n" * 63
    template = "{{.Name}}{{.Namespace}}" * 44
    scene = Scene(settings({}, doorward=f"doorService: '{template}'"), *service(name, raw=True))
    assert scene.verdict(name)[0] == "True"
    (door,) = (each for each in scene.ours() if each.startswith("Service/"))
    assert len(door.partition("/")[2]) <= 63


@pytest.mark.parametrize(
    "annotations",
    [
        {SCHEME: BIG},
        {TEMPLATE: "{{index .Annotations .Annotations.b}}.test", "b": BIG},
        {DOMAIN: BIG},
        {PATH: BIG},
        {MORE: BIG},
        {"ome.io/deployment-mode": BIG},
        {"ome.io/service-type": BIG},
        {"doorward.io/backend": BIG},
    ],
    ids=lambda annotations: next(iter(annotations)),
)
def test_what_is_told_quotes_the_beginning_of_a_value(annotations: dict[str, str]) -> None:
    scene = Scene(*service(raw=True, annotations=annotations))
    told = [message for message in said(scene) if message]
    assert told
    for message in told:
        assert BIG[:101] not in message
        assert len(message.encode()) < 1024


def test_a_message_has_at_most_1024_bytes_whoever_wrote_it() -> None:
    waiting = [{"type": "EngineReady", "status": "False", "message": "ü" * 5000}]
    scene = Scene(*service(raw=True, ready=False, status={"conditions": waiting}))
    assert scene.verdict() == ("False", "EngineNotReady")
    assert 1000 < len(scene.message().encode()) <= 1024
    quiet = scene.since()
    scene.advance(60)
    assert quiet.writes == []


@pytest.mark.parametrize(
    "value", ["x" * 1_000_000, "," * 1_000_000, "{{" * 500_000, "9" * 1_000_000, "a." * 500_000, " " * 1_000_000]
)
@pytest.mark.parametrize("key", [TEMPLATE, DOMAIN, MORE, PATH, SCHEME, "ome.io/ingress-class", "doorward.io/auth"])
def test_a_megabyte_in_an_annotation_is_decided_as_often_as_a_byte(
    key: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No API server takes it; a journal, or a server that checks nothing, may hold it."""
    monkeypatch.setattr(Store, "_admit", lambda *_: None)
    scene = opened()
    watched = scene.since()
    scene.edit(annotations={key: value})
    assert watched.decided <= 3
    assert all(len(message.encode()) <= 1024 for message in said(scene))


@pytest.mark.parametrize(
    "regex",
    [
        "(a|a.|.)" * 40 + "z",
        "(.|..){0,60}z",
        ".{0,99}" * 8 + "z",
        "(a?)" * 9 + "z",
        "a|" * 500 + "z",
    ],
    ids=lambda regex: regex[:12],
)
def test_an_expression_that_takes_for_ever_to_try_is_never_tried(regex: str) -> None:
    """It stands in a VirtualService of a tenant's, and Istio's own engine takes it."""
    stranger = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "theirs", "namespace": "b"},
        "spec": {
            "hosts": ["a" * 60 + ".b"],
            "gateways": ["x/y"],
            "http": [{"match": [{"authority": {"regex": regex}}], "route": [{"destination": {"host": "x"}}]}],
        },
    }
    with mock.patch("doorward_istio.claimed.re.fullmatch", side_effect=AssertionError("it is tried")):
        (claim,) = claimed.claims(stranger) or ()
    assert claim.via == ("x/y",)


# -- the administrator's files ---------------------------------------------------------------------------------------


def test_aliases_of_aliases_are_refused_before_they_are_written_out() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    text = "\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]", *levels])
    with pytest.raises(manifests.InputError, match="its aliases stand for"):
        list(manifests._documents("a.yaml", text))
    merged = "\n".join(
        ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12))]
    )
    with pytest.raises(manifests.InputError, match="its aliases stand for"):
        list(manifests._documents("a.yaml", merged))
    with pytest.raises(manifests.InputError):
        list(manifests._documents("a.yaml", "a: &a [*a]"))


def test_a_few_aliases_are_what_they_stand_for() -> None:
    text = "{apiVersion: v1, kind: X, metadata: {name: a, labels: &l {x: y}, annotations: *l}}"
    (document,) = manifests._documents("a.yaml", text)
    assert document.object["metadata"]["annotations"] == {"x": "y"}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("ingress", "{" + ", ".join(f'"k{n}": 1' for n in range(5000)) + "}"),
        ("ingress", "{" + ", ".join(f'"k{n % 2500}": 1' for n in range(5000)) + "}"),
        ("ingress", '{"additionalIngressDomains": [' + ", ".join(f'"b_{n}"' for n in range(5000)) + "]}"),
        ("doorward", "namespaceDomains: {" + ", ".join(f"n{n}: [1]" for n in range(5000)) + "}"),
    ],
)
def test_of_much_that_is_odd_in_settings_the_beginning_is_named(key: str, text: str) -> None:
    parsed = parse({key: text})
    assert 1 < len(parsed.problems) + len(parsed.warnings) <= 130


# -- additional domains ----------------------------------------------------------------------------------------------


def test_ten_thousand_domains_are_decided_once() -> None:
    scene = opened()
    watched = scene.since()
    scene.edit(annotations={MORE: ",".join(f"d{number}.test" for number in range(10_000))})
    assert watched.decided <= 3
    assert len(scene.get(INGRESS, "a", "m")["spec"]["rules"]) == 65


def test_many_invalid_domains_are_one_warning_with_their_count_and_the_first_few() -> None:
    scene = opened(annotations={MORE: ",".join(f"bad_{number}.test" for number in range(4000))})
    ((reason, message),) = scene.told()
    assert reason == "InvalidHost"
    assert "bad_0.test" in message
    assert "bad_2.test" in message
    assert "4000 of them" in message
    assert len(message.encode()) <= 1024


def test_the_first_64_additional_hosts_stand_and_the_rest_is_named() -> None:
    domains = ["bad_one.test", *(f"d{number}.test" for number in range(8000))]
    scene = opened(annotations={MORE: ",".join(domains)})
    assert scene.verdict() == ("True", "")
    hosts = [rule["host"] for rule in scene.get(INGRESS, "a", "m")["spec"]["rules"]]
    assert hosts == ["m.a.example.com", *(f"m.a.d{number}.test" for number in range(64))]
    told = dict(scene.told())
    assert set(told) == {"InvalidHost", "TooManyHosts"}
    assert "mostHosts" in told["TooManyHosts"]
    assert "7936" in told["TooManyHosts"]
    assert "m.a.d64.test" in told["TooManyHosts"]


def test_a_setting_allows_more_or_fewer() -> None:
    domains = ",".join(f"d{number}.test" for number in range(100))
    scene = Scene(settings({}, doorward="mostHosts: 100"), *service(raw=True, annotations={MORE: domains}))
    assert len(scene.get(INGRESS, "a", "m")["spec"]["rules"]) == 101
    assert scene.told() == []
    scene.configure({}, doorward="mostHosts: 0")
    scene.advance(11)
    assert len(scene.get(INGRESS, "a", "m")["spec"]["rules"]) == 1


@pytest.mark.parametrize("way", ["istio", "k8s_ingress", "gateway_api"])
def test_a_door_costs_no_more_per_host_when_it_has_many(way: str) -> None:
    gateway = {"enableGatewayAPI": True, "omeIngressGateway": "gw/gw"} if way == "gateway_api" else {}

    def seconds(count: int) -> float:
        notes = {MORE: ",".join(f"d{number}.test" for number in range(count)), "doorward.io/backend": way}
        objects = [settings(gateway, doorward="mostHosts: 100000"), *service(raw=True, annotations=notes)]
        start = process_time()
        scene = Scene(*objects)
        spent = process_time() - start
        kinds = {"gateway_api": HTTP_ROUTE}
        assert way != "gateway_api" or len(scene.store.list(scene.resource(kinds[way]), "a").items) == -(
            -(count + 1) // 16
        )
        return spent

    few, many = min(seconds(250) for _ in range(3)), min(seconds(2000) for _ in range(2))
    assert many < 8 * 3 * few, (few, many)
