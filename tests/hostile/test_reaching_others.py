"""No door leads to what isn't the tenant's own."""

from __future__ import annotations

import pytest
from doorward.model.names import mark
from doorward.model.reference import SERVICE, JsonObject

from tests.engine.scenes import INGRESS, OWNER, RAW, SERVICES, Scene, opened, service
from tests.engine.stage import component_service, inference_service, settings

VICTIM = "kubernetes-dashboard.kube-system.svc.cluster.local"
GATEWAY = "knative-local-gateway.istio-system.svc.cluster.local"
NGINX = {"ome.io/ingress-class": "nginx"}


def leads_to(name: str, target: str, labels: dict[str, str] | None = None) -> JsonObject:
    """A Service that is a name of something else."""
    spec = {"type": "ExternalName", "externalName": target, "ports": [{"name": "http", "port": 80}]}
    metadata = {"name": name, "namespace": "a", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def lead_astray(scene: Scene, name: str, target: str = VICTIM) -> None:
    spec = {"type": "ExternalName", "externalName": target, "selector": None}
    scene.patch(SERVICE, "a", name, {"spec": spec})
    scene.settle()


OUTSIDE: dict[str, tuple[dict[str, str], JsonObject]] = {
    "ingress": ({}, {}),
    "virtual service": ({"doorward.io/backend": "istio"}, {}),
    "http route": ({}, {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}),
}
every_door = pytest.mark.parametrize(("annotations", "config"), OUTSIDE.values(), ids=OUTSIDE)


@every_door
@pytest.mark.parametrize("part", ["engine", "router", "decoder"])
def test_a_component_that_is_a_name_of_something_else_opens_no_door(
    annotations: dict[str, str], config: JsonObject, part: str
) -> None:
    parts = ("engine", "router", "decoder")
    asks = service("m", *parts, raw=True, annotations=annotations)
    asks[1 + parts.index(part)] = leads_to(f"m-{part}", VICTIM)
    scene = Scene(settings(config), *asks)
    assert scene.ours() == set()
    assert scene.verdict() == ("False", "ComponentIsExternal")
    for word in (f"Service a/m-{part}", VICTIM, "ClusterIP"):
        assert word in scene.message()


@every_door
def test_a_standing_door_that_is_led_astray_is_closed_at_once(annotations: dict[str, str], config: JsonObject) -> None:
    scene = Scene(settings(config), *service(raw=True, annotations=annotations))
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
    before = scene.clock.now
    lead_astray(scene, "m-engine")
    assert scene.reaches("http://m.a.example.com/") == ""
    assert scene.clock.now == before
    assert scene.ours() == {"Service/m"}, "a VirtualService would lead there from inside the cluster too"
    assert scene.verdict() == ("False", "ComponentIsExternal")
    assert "what does is closed" in scene.message()
    watched = scene.since()
    scene.advance(60)
    assert watched.writes == []
    scene.delete(SERVICE, "a", "m-engine")
    scene.create(component_service("m", "engine"))
    scene.settle()
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
    assert scene.verdict()[1] != "ComponentIsExternal"


def test_a_labelled_component_leads_nowhere_else_either() -> None:
    labels = {"ome.io/inferenceservice": "m", "component": "engine"}
    asks = inference_service(annotations=RAW, ready=("engine",))
    scene = Scene(settings(), asks, leads_to("anything", VICTIM, labels))
    assert scene.verdict() == ("False", "ComponentIsExternal")
    assert scene.ours() == set()


def test_a_component_that_says_it_is_doorwards_leads_nowhere_else_either() -> None:
    asks = service(raw=True)
    asks[1] = leads_to("m-engine", VICTIM)
    asks[1]["metadata"]["annotations"] = {"doorward.io/owner": "somebody"}
    scene = Scene(settings(), *asks)
    assert scene.verdict() == ("False", "ComponentIsExternal")
    assert scene.ours() == {"Service/m-engine"}, "which is somebody else's"


def test_a_component_whose_service_comes_later_leads_nowhere_else_either() -> None:
    scene = Scene(settings(), service(raw=True)[0])
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
    scene.create(leads_to("m-engine", VICTIM))
    scene.settle()
    assert scene.reaches("http://m.a.example.com/") == ""
    assert scene.verdict() == ("False", "ComponentIsExternal")


HELD: dict[str, JsonObject] = {
    "an invalid mode": {"metadata": {"annotations": {"ome.io/deployment-mode": "Raw"}}},
    "a type that is wrong": {"spec": {"engine": {"timeoutSeconds": "soon"}}},
    "no engine": {"spec": {"engine": None, "router": {}}},
    "an unknown backend": {"metadata": {"annotations": {"doorward.io/backend": "nobody"}}},
}


@every_door
@pytest.mark.parametrize("edit", HELD.values(), ids=HELD)
def test_a_held_door_is_led_nowhere_else_either(
    annotations: dict[str, str], config: JsonObject, edit: JsonObject
) -> None:
    scene = Scene(settings(config), *service(raw=True, annotations=annotations))
    scene.patch(SERVICES, "a", "m", edit)
    scene.settle()
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
    lead_astray(scene, "m-engine")
    assert scene.ours() == {"Service/m"}
    watched = scene.since()
    scene.advance(60)
    assert watched.writes == []
    assert scene.ours() == {"Service/m"}


def test_a_door_that_cant_go_on_to_another_mode_is_led_nowhere_else_either() -> None:
    """The name under which the new Ingress has to be is taken, so that the old one would stay."""
    scene = Scene(settings(), *service(raw=True, annotations=NGINX))
    alt = f"m-alt-{mark('a', 'm')}"
    spec = {"ingressClassName": "x", "defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}
    taken = {"metadata": {"name": alt, "namespace": "a"}, "spec": spec}
    scene.create({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", **taken})
    scene.edit(annotations={"ome.io/deployment-mode": "Serverless", "ome.io/ingress-class": "kong"})
    assert scene.verdict() == ("False", "ObjectConflict")
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
    lead_astray(scene, "m-engine")
    assert "m-engine" not in str(scene.get(INGRESS, "a", "m")["spec"]), "the name is free, and the door goes on"


def test_a_door_of_knatives_is_led_nowhere_else_by_giving_its_service_away() -> None:
    scene = Scene(settings(), *service(annotations=NGINX))
    assert "Ingress/m" in scene.ours()
    body = {"metadata": {"annotations": {"doorward.io/owner": "x"}, "labels": {"ome.io/inferenceservice": None}}}
    scene.patch(SERVICE, "a", "m", {**body, "spec": {"externalName": VICTIM}})
    scene.settle()
    assert "Ingress/m" not in scene.ours()


def test_the_old_gateway_of_settings_that_change_closes_nothing() -> None:
    scene = Scene(settings(), *service(annotations=NGINX))
    watched = scene.since()
    scene.configure({"localGatewayService": "other-gateway.istio-system.svc.cluster.local"})
    scene.advance(60)
    assert not [write for write in watched.writes if write.startswith("delete")]
    assert scene.verdict() == ("True", "")


def test_what_knative_leaves_behind_closes_no_door_that_changes_its_mode() -> None:
    scene = Scene(settings(), *service())
    lead_astray(scene, "m-engine", GATEWAY)
    assert scene.verdict()[0] == "True"
    scene.edit(annotations=RAW)
    assert scene.verdict() == ("False", "ComponentIsExternal")
    assert "(the door that stands is kept)" in scene.message()
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
    scene.delete(SERVICE, "a", "m-engine")
    scene.create(component_service("m", "engine"))
    scene.settle()
    scene.advance(60)
    assert scene.ours() == {"Ingress/m", "Service/m"}
    assert scene.verdict()[0] == "True"


def test_a_serverless_component_is_a_name_of_knatives_gateway() -> None:
    asks = service()
    asks[1] = leads_to("m-engine", GATEWAY)
    assert Scene(settings(), *asks).verdict()[0] == "True"


@pytest.mark.parametrize(("target", "verdict"), [(VICTIM, ("False", "ComponentIsExternal")), (GATEWAY, ("True", ""))])
def test_an_ingress_before_knative_leads_through_no_door_of_somebody_elses(
    target: str, verdict: tuple[str, str]
) -> None:
    door = leads_to("m", target, {"ome.io/inferenceservice": "m"})
    scene = Scene(settings(), *service(annotations=NGINX), door)
    assert scene.verdict() == verdict
    assert ("Ingress/m" in scene.ours()) == (target == GATEWAY)


def test_such_an_ingress_that_stands_is_closed_at_once() -> None:
    door = leads_to("m", GATEWAY, {"ome.io/inferenceservice": "m"})
    scene = Scene(settings(), *service(annotations=NGINX), door)
    assert "Ingress/m" in scene.ours()
    lead_astray(scene, "m")
    assert "Ingress/m" not in scene.ours()
    assert scene.verdict() == ("False", "ComponentIsExternal")


# -- pods that labels select -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {"ome.io/disable-ingress": "true", "ome.io/service-type": "LoadBalancer"},
        {"ome.io/service-type": "NodePort"},
    ],
)
@pytest.mark.parametrize(
    "selector",
    [
        {"app": "victim"},
        {"ome.io/inferenceservice": "victim", "component": "engine"},
        {"ome.io/inferenceservice": "m", "component": "decoder"},
        {"component": "router", "ome.io/inferenceservice": "victim", "app": "victim"},
        {},
    ],
)
def test_a_selector_that_names_others_pods_selects_none_by_a_door(
    annotations: dict[str, str], selector: dict[str, str]
) -> None:
    """What a component's Service selects is its owner's; one of doorward's asks for the door's own pods as well."""
    asks = service(raw=True, annotations=annotations)
    asks[1]["spec"]["selector"] = selector
    scene = Scene(settings(), *asks, *service("victim", raw=True))
    ours = [o for o in scene.objects() if o["kind"] == "Service" and OWNER in (o["metadata"].get("annotations") or {})]
    mine = [o for o in ours if o["metadata"]["labels"]["ome.io/inferenceservice"] == "m"]
    assert mine
    for made in mine:
        selects = made["spec"]["selector"]
        assert (selects["ome.io/inferenceservice"], selects["component"]) == ("m", "engine")


@pytest.mark.parametrize("label", ["ome.io/inferenceservice", "component", "app.kubernetes.io/managed-by"])
def test_labels_of_a_service_change_none_that_doorward_goes_by(label: str) -> None:
    plain, odd = (
        Scene(settings(), *service(raw=True, labels=labels)) for labels in ({}, {label: "victim", "app": "victim"})
    )
    for kind in (SERVICE, INGRESS):
        one, other = (scene.get(kind, "a", "m") for scene in (plain, odd))
        assert one["metadata"].get("labels") == other["metadata"].get("labels")
        assert one["spec"].get("selector") == other["spec"].get("selector")


# -- URLs that components tell ---------------------------------------------------------------------------------------

ODD_URLS = (
    "javascript:alert(1)//m-engine.a.kn.test",
    "ftp://m-engine.a.kn.test",
    "HTTP://m-engine.a.kn.test",
    "//m-engine.a.kn.test",
    "http://user:secret@m-engine.a.kn.test",
    "http://bank.example.com@m-engine.a.kn.test",
    "http://m-engine.a.kn.test\r\nX: y",
    "http://m-engine.a.kn.test/\x00",
    "http://m-engine.a.kn.test/a b",
    "http://m-engine.a.kn.test/?x",
    "http://m-engine.a.kn.test/#x",
    "http://m-engine.a.kn.test:99999",
    "http://m-engine.a.kn.test/" + "x" * 5000,
    "http://m-engine_.a.kn.test",
    "http://",
)


@pytest.mark.parametrize("url", ODD_URLS)
def test_a_url_that_isnt_plain_is_nobodys(url: str) -> None:
    told = {"components": {"engine": {"url": url, "address": {"url": url}}}}
    off = {"ome.io/ingress-disable-istio-virtualhost": "true"}
    scene = Scene(settings(), *service(annotations=off, status=told), *service("host", status=told))
    assert scene.url() == scene.address() == "http://m-engine.a.svc.cluster.local"
    assert scene.url("host") == "http://host.a.example.com"


@pytest.mark.parametrize("url", ["https://m-engine.a.kn.test", "http://m-engine.a.kn.test:8080/v1", "http://[::1]:80"])
def test_a_plain_url_is_taken(url: str) -> None:
    told = {"components": {"engine": {"url": url, "address": {"url": url}}}}
    off = {"ome.io/ingress-disable-istio-virtualhost": "true"}
    scene = Scene(settings(), *service(annotations=off, status=told))
    assert scene.url() == scene.address() == url


def test_the_host_of_a_plain_url_is_the_doors() -> None:
    scene = opened(raw=False, status={"components": {"engine": {"url": "https://m-engine.a.kn.test"}}})
    assert scene.url() == "http://m.a.kn.test"
