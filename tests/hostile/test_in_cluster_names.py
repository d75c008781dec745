"""A tenant asks for names by which Services of others are reached inside the cluster."""

from __future__ import annotations

import pytest
from doorward.model.reference import JsonObject

from tests.engine.scenes import HTTP_ROUTE, INGRESS, SERVICES, VIRTUAL_SERVICE, Scene, service
from tests.engine.stage import settings

TEMPLATE = "ome.io/ingress-domain-template"
DOMAIN = "ome.io/ingress-domain"
MORE = "ome.io/ingress-additional-domains"
PATH = "ome.io/ingress-path-template"
CLASS = {"ome.io/ingress-class": "nginx"}
GATEWAY = {"enableGatewayAPI": True, "omeIngressGateway": "gw/gw"}
OTHERS = (
    "victim.b.svc.cluster.local",
    "victim-engine.b.svc.cluster.local",
    "victim.b.svc",
    "victim.b",
    "kubernetes.default.svc.cluster.local",
    "n.a.svc.cluster.local",
    "n.a",
    "10-0-0-1.b.pod.cluster.local",
    "not-there-yet.b",
)


def beside_a_victim(attacker: list[JsonObject], ingress: JsonObject | None = None, **keys: str) -> Scene:
    scene = Scene(settings(ingress or {}, **keys), *attacker, *service("n"), *service("victim", namespace="b"))
    assert scene.condition("victim", "b")["status"] == "True"
    return scene


def served(scene: Scene) -> set[str]:
    """The hosts that the attacker's objects serve, in-cluster ones of its own left out."""
    found: set[str] = set()
    for kind in (VIRTUAL_SERVICE, INGRESS, HTTP_ROUTE):
        for obj in scene.store.list(scene.resource(kind), "a").items:
            spec = obj["spec"]
            found.update(spec.get("hosts", ()), spec.get("hostnames", ()), (r["host"] for r in spec.get("rules", ())))
    return found - {f"{name}.a{form}" for name in "mn" for form in ("", ".svc", ".svc.cluster.local")}


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("way", ["istio", "istio, raw", "ingress", "route"])
def test_the_in_cluster_name_of_anothers_service_is_no_host(way: str, host: str) -> None:
    notes = {**(CLASS if way == "ingress" else {}), **({"doorward.io/backend": "istio"} if "istio" in way else {})}
    attacker = service(raw=way != "istio", annotations={TEMPLATE: host, **notes})
    scene = beside_a_victim(attacker, GATEWAY if way == "route" else {})
    assert scene.verdict() == ("False", "InvalidHost")
    assert f"annotation {TEMPLATE}" in scene.message()
    assert host in scene.message()
    assert not served(scene) & set(OTHERS)


@pytest.mark.parametrize("domain", ["b.svc.cluster.local", "b.svc", "b", "svc.cluster.local", "cluster.local"])
def test_nor_is_one_that_a_domain_makes(domain: str) -> None:
    scene = beside_a_victim(service(annotations={TEMPLATE: "victim.{{.IngressDomain}}", DOMAIN: domain}))
    assert scene.verdict() == ("False", "InvalidHost")


def test_an_additional_one_is_left_out_and_told() -> None:
    notes = {TEMPLATE: "victim.{{.IngressDomain}}", MORE: "b, b.svc, b.svc.cluster.local, fine.test"}
    scene = beside_a_victim(service(annotations=notes))
    assert served(scene) == {"victim.example.com", "victim.fine.test", "n.a.example.com"}
    ((reason, message),) = scene.told()
    assert reason == "InvalidHost"
    assert "3 of them" in message


@pytest.mark.parametrize("domain", ["victim.b", "victim.b.svc", "victim.b.svc.cluster.local"])
def test_no_path_door_lies_below_one(domain: str) -> None:
    notes = {PATH: "/{{.Name}}", DOMAIN: domain, TEMPLATE: "{{.Name}}.fine.test"}
    scene = beside_a_victim(service(annotations=notes))
    assert scene.verdict() == ("False", "InvalidHost")
    assert not served(scene) & {domain}


@pytest.mark.parametrize("host", ["victim-engine.b", "victim-engine.b.svc", "victim-engine.b.svc.cluster.local"])
def test_a_components_url_makes_none(host: str) -> None:
    attacker = service(status={"components": {"engine": {"url": f"http://{host}"}}})
    assert served(beside_a_victim(attacker)) == {"m.a.example.com", "n.a.example.com"}


def test_the_clusters_own_domain_counts_not_the_usual_one() -> None:
    doorward = "clusterDomain: corp.test"
    attacker = service(annotations={TEMPLATE: "victim.b.svc.corp.test"})
    assert beside_a_victim(attacker, doorward=doorward).verdict() == ("False", "InvalidHost")
    other = service(annotations={TEMPLATE: "victim.b.svc.cluster.local"})
    assert beside_a_victim(other, doorward=doorward).verdict()[0] == "True"


@pytest.mark.parametrize("host", ["example.com", "b.example.com", "x.y.b", "b.com", "svc.b.com"])
def test_a_host_that_names_no_service_is_one_as_before(host: str) -> None:
    assert beside_a_victim(service(annotations={TEMPLATE: host})).verdict() == ("True", "")


@pytest.mark.parametrize("host", ["m.a", "m.a.svc", "m.a.svc.cluster.local"])
def test_the_names_of_ones_own_door_may_be_asked_for(host: str) -> None:
    scene = beside_a_victim(service(annotations={TEMPLATE: host}))
    assert scene.verdict() == ("True", "")
    hosts = scene.get(VIRTUAL_SERVICE, "a", "m")["spec"]["hosts"]
    assert sorted(hosts) == ["m.a", "m.a.svc", "m.a.svc.cluster.local"]
    scene.edit(labels={"networking.knative.dev/visibility": "cluster-local"})
    gateways = scene.get(VIRTUAL_SERVICE, "a", "m")["spec"]["gateways"]
    assert gateways == ["knative-serving/knative-local-gateway", "mesh"]


def test_a_namespace_that_appears_later_makes_a_name_of_a_service() -> None:
    early = service(annotations={TEMPLATE: "victim.b"}, raw=True)
    scene = Scene(settings(), *early, *service("n", raw=True))
    assert scene.verdict() == ("True", "")
    watched = scene.since()
    for obj in service("victim", namespace="b"):
        scene.create(obj)
    scene.settle()
    assert scene.verdict() == ("False", "InvalidHost")
    assert "namespace b" in scene.message()
    assert scene.condition("victim", "b")["status"] == "True"
    assert "status Ingress/n" not in watched.writes
    scene.edit(annotations={TEMPLATE: "victim.test"})
    scene.advance(11)
    assert scene.verdict() == ("True", "")
    assert "victim.b" not in served(scene)


def test_a_namespace_that_is_gone_frees_its_names() -> None:
    scene = Scene(settings(), *service(annotations={TEMPLATE: "x.b"}), *service("victim", namespace="b"))
    assert scene.verdict() == ("False", "InvalidHost")
    scene.delete(SERVICES, "b", "victim")
    scene.delete("Service", "b", "victim-engine")
    scene.settle()
    assert scene.verdict() == ("True", "")


def test_a_door_that_stands_under_what_becomes_a_name_of_the_cluster_loses_that_host_alone() -> None:
    notes = {TEMPLATE: "victim.corp.test", MORE: "fine.test"}
    scene = Scene(settings(), *service(annotations=notes))
    assert served(scene) == {"victim.corp.test", "m.a.fine.test"}
    scene.configure({}, doorward="clusterDomain: corp.test")
    assert scene.verdict() == ("False", "InvalidHost")
    assert served(scene) == {"m.a.fine.test"}
    assert "HostConflict" in scene.reasons()


@pytest.mark.parametrize("raw", [False, True])
def test_a_host_that_looks_like_an_in_cluster_name_has_one_owner_too(raw: bool) -> None:
    domain = {"ingressDomain": "svc.example.com"}
    backend = {"doorward.io/backend": "istio"}
    victim = service("v", namespace="b", raw=raw, annotations=backend)
    scene = Scene(settings(domain), *victim)
    assert scene.condition("v", "b")["status"] == "True"
    for obj in service(raw=raw, annotations={TEMPLATE: "v.b.svc.example.com", **backend}):
        scene.create(obj)
    scene.settle()
    assert scene.verdict() == ("False", "HostConflict")
    assert "b/v" in scene.message()
    assert "v.b.svc.example.com" not in served(scene)


@pytest.mark.parametrize("host", ["10.1", "m.1", "1.2.3.4", "example.123"])
def test_a_host_that_ends_in_digits_alone_is_none(host: str) -> None:
    scene = Scene(settings(), *service(raw=True, annotations={TEMPLATE: host}))
    assert scene.verdict() == ("False", "InvalidHost")
    assert host in scene.message()
