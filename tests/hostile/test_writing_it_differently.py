"""A tenant writes a host, a path or a name that somebody else has in another way, so that it looks like another one."""

from __future__ import annotations

import pytest
from doorward.model.hosts import overlaps, path_problem, plain_prefix
from doorward.model.names import cut, derived, mark
from doorward.model.reference import JsonObject
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.scenes import INGRESS, VIRTUAL_SERVICE, Scene, service
from tests.engine.stage import settings

TEMPLATE = "ome.io/ingress-domain-template"
DOMAIN = "ome.io/ingress-domain"
MORE = "ome.io/ingress-additional-domains"
PATH = "ome.io/ingress-path-template"
ISTIO = {"doorward.io/backend": "istio"}


def beside_the_bank(*asks: JsonObject) -> Scene:
    """``b/victim`` serves bank.example.com; then ``a/m`` asks."""
    bank = service("victim", namespace="b", raw=True, annotations={TEMPLATE: "bank.example.com"})
    scene = Scene(settings(), *bank)
    assert scene.condition("victim", "b")["status"] == "True"
    for obj in asks:
        scene.create(obj)
    scene.settle()
    return scene


def hosts(scene: Scene, name: str = "m") -> list[str]:
    found = (o for o in scene.objects() if o["kind"] == "Ingress" and o["metadata"]["name"] == name)
    return [rule["host"] for obj in found for rule in obj["spec"]["rules"]]


# -- hosts -----------------------------------------------------------------------------------------------------------

ODD_HOSTS = (
    "Bank.example.com",
    "BANK.EXAMPLE.COM",
    "bank.example.com.",
    "bank..example.com",
    ".bank.example.com",
    "bank.example.com:80",
    "bank.example.com/",
    "bank.example.com\n.evil.test",
    "bank\u3002example\uff0ecom",
    "b\u0430nk.example.com",
    "\uff42ank.example.com",
    "ba\u00adnk.example.com",
    "bank.example.com\u200b",
    "ban\u212a.example.com",
    "*.example.com",
    "bank.example.com,evil.test",
    "evil@bank.example.com",
    "bank.example.com#.evil.test",
)


@pytest.mark.parametrize("host", ODD_HOSTS, ids=ascii)
def test_another_spelling_of_a_host_is_no_host(host: str) -> None:
    scene = beside_the_bank(*service(raw=True, annotations={TEMPLATE: host}))
    assert scene.verdict() == ("False", "InvalidHost")
    assert scene.message().isprintable()
    assert hosts(scene) == []


@pytest.mark.parametrize("domain", ["Example.com", "example.com.", "ex\u0430mple.com", "EXAMPLE.COM"], ids=ascii)
def test_nor_is_one_that_a_domain_spells(domain: str) -> None:
    scene = beside_the_bank(*service(raw=True, annotations={TEMPLATE: "bank.{{.IngressDomain}}", DOMAIN: domain}))
    assert scene.verdict() == ("False", "InvalidHost")
    wish = {TEMPLATE: "bank.{{.IngressDomain}}", DOMAIN: "fine.test", MORE: f"{domain}, also.test"}
    scene = beside_the_bank(*service(raw=True, annotations=wish))
    assert hosts(scene) == ["bank.fine.test", "bank.also.test"]
    assert "InvalidHost" in scene.reasons()


def test_a_host_in_punycode_is_the_one_that_it_spells_and_no_other() -> None:
    scene = beside_the_bank(*service(raw=True, annotations={TEMPLATE: "xn--bnk-5qa.example.com"}))
    assert scene.verdict() == ("True", "")
    scene.create(service("n", raw=True, annotations={TEMPLATE: "xn--bnk-5qa.example.com"})[0])
    scene.create(service("n", raw=True)[1])
    scene.settle()
    assert scene.verdict("n") == ("False", "HostConflict")
    for other in ("XN--BNK-5QA.example.com", "b\u00e4nk.example.com"):
        scene.edit("n", annotations={TEMPLATE: other})
        assert scene.verdict("n") == ("False", "InvalidHost")


# -- URLs of components ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["http://bank-engine.example.com", "http://Bank-Engine.Example.COM", "https://BANK-engine.example.com:8443/v1"],
)
def test_a_url_that_a_component_tells_takes_nobodys_host(url: str) -> None:
    asks = service("m", status={"components": {"engine": {"url": url}}})
    scene = beside_the_bank(*asks)
    assert scene.verdict() == ("False", "HostConflict")
    assert "InferenceService b/victim" in scene.message()
    assert scene.condition("victim", "b")["status"] == "True"
    assert not [
        o
        for o in scene.objects()
        if o["kind"] == "VirtualService" and "bank.example.com" in (o["spec"].get("hosts") or ())
    ]


def test_nor_a_host_of_a_domain_that_its_namespace_may_not_have() -> None:
    asks = service("m", status={"components": {"engine": {"url": "http://bank-engine.example.com"}}})
    scene = Scene(settings(doorward="namespaceDomains: {a: [fine.test]}"), *asks)
    assert scene.verdict() == ("False", "DomainNotAllowed")
    assert "bank.example.com" not in scene.get(VIRTUAL_SERVICE, "a", "m")["spec"]["hosts"]


# -- paths -----------------------------------------------------------------------------------------------------------

SHOP = {DOMAIN: "shop.test", **ISTIO}


@pytest.mark.parametrize(
    "path",
    ["/models//v", "/models/./v", "/models/x/../v", "/models/%76", "/models/v%2f", "/models/v%2Fx", "/models/v;x",
     "/models;x/v", "/models/..;/models/v", "/models/v%3Bx", "/models/v%5c", "/models\\v", "/models/v%00",
     "/models/v%0a", "/models/v?x", "/models/v#x", "/models/v%25", "//models/v", "/%6Dodels/v", "/models/%56",
     "/models/v\u2215x"],
)  # fmt: skip
def test_another_spelling_of_a_path_is_no_path(path: str) -> None:
    scene = Scene(settings(), *service("v", namespace="b", raw=True, annotations={PATH: "/models/{{.Name}}", **SHOP}))
    for obj in service(raw=True, annotations={PATH: path, **SHOP}):
        scene.create(obj)
    scene.settle()
    assert scene.verdict() == ("False", "InvalidPath")
    assert scene.condition("v", "b")["status"] == "True"
    assert scene.reaches("http://shop.test/models/v/x") == "v-engine"


@given(st.text(alphabet="abAB/.%;~-2eEfF5cC067", max_size=12).map("/".__add__))
def test_two_paths_that_a_proxy_may_take_for_one_overlap_or_are_refused(path: str) -> None:
    if path_problem(path) is None:
        assert plain_prefix(path) == path
    else:
        assert plain_prefix(plain_prefix(path)).startswith("/")


@given(
    st.text(alphabet="ab/.%61", max_size=9).map("/".__add__), st.text(alphabet="ab/.%61", max_size=9).map("/".__add__)
)
def test_what_is_left_of_two_paths_is_compared_as_it_is(one: str, other: str) -> None:
    if path_problem(one) is None and path_problem(other) is None and not overlaps(one, other):
        assert plain_prefix(one) != plain_prefix(other)


# -- names -----------------------------------------------------------------------------------------------------------

SHARED = {DOMAIN: "shop.test", PATH: "/m/{{.Name}}", "ome.io/ingress-class": "nginx"}


def long_named(name: str, engine: str, **annotations: str) -> list[JsonObject]:
    """A service whose name no label holds, and the Service of its engine, by the label that OME cuts."""
    made, component = service(engine, raw=True, annotations=annotations)
    made["metadata"]["name"] = name
    component["metadata"]["labels"]["ome.io/inferenceservice"] = cut(name)
    component["spec"]["selector"]["ome.io/inferenceservice"] = cut(name)
    return [made, component]


def test_the_cut_name_of_another_service_takes_neither_its_host_nor_its_objects() -> None:
    long = "x" * 70
    scene = Scene(settings(), *long_named(long, "engine-of-long"))
    assert scene.verdict(long)[0] == "True"
    before = {key: version for key, version in scene.versions().items() if "InferenceService" not in key}
    scene.create(long_named(cut(long), "other")[0])
    scene.settle()
    scene.advance(60)
    assert scene.verdict(cut(long))[0] == "False"
    after = scene.versions()
    assert {key: after.get(key) for key in before} == before
    assert scene.verdict(long)[0] == "True"


def test_derived_names_of_services_that_begin_alike_are_told_apart() -> None:
    names = [f"{'x' * 60}{end}" for end in ("aaa", "bbb", "-lb", "-alt")]
    assert len({derived(name, "path", mark("a", name)) for name in names}) == len(names)
    asks = [obj for number, name in enumerate(names) for obj in long_named(name, f"n{number}", **SHARED)]
    scene = Scene(settings(), *asks)
    for number, name in enumerate(names):
        assert scene.verdict(name)[0] == "True", scene.message(name)
        assert scene.reaches(f"http://shop.test/m/{cut(name)}/v1") == f"n{number}-engine"


def test_a_service_called_like_anothers_derived_object_doesnt_get_it() -> None:
    scene = Scene(settings(), *service(raw=True, annotations=SHARED))
    (taken,) = (each.partition("/")[2] for each in scene.ours() if "path" in each)
    before = scene.get(INGRESS, "a", taken)
    for obj in service(taken, raw=True, annotations={"ome.io/ingress-class": "nginx"}):
        scene.create(obj)
    scene.settle()
    scene.advance(60)
    assert scene.verdict(taken) == ("False", "ObjectConflict")
    assert scene.get(INGRESS, "a", taken) == before
    assert scene.verdict()[0] == "True"
