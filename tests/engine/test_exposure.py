"""docs/doors.md, Exposure: which door a service has, which backend opens it, and that closing never waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from doorward.backends import Backends
from doorward.hooks import Read, hookimpl
from doorward.model.action import Action
from doorward.model.door import Door, Rendering, manifest
from doorward.model.event import Started
from doorward.model.reference import SERVICE, JsonObject, Resource
from doorward.model.settings import Settings
from doorward.runtime.performing import Outcome

from tests.engine.scenes import HTTP_ROUTE, INGRESS, SERVICES, VIRTUAL_SERVICE, Scene, opened, service
from tests.engine.stage import backends, settings

GATEWAY_API = {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}
CLUSTER_LOCAL = {"networking.knative.dev/visibility": "cluster-local"}
OFF = {"ome.io/disable-ingress": "true"}
LOAD_BALANCER = {**OFF, "ome.io/service-type": "LoadBalancer"}
ADDRESSES = "passCloudAnnotations: {a: [ome.io/load-balancer-ip]}"


def lb_name(scene: Scene) -> str:
    return next(name for name in sorted(scene.ours()) if name.startswith("Service/m-lb-"))


# -- which door ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
@pytest.mark.parametrize("label", ["networking.knative.dev/visibility", "networking.ome.io/visibility"])
def test_a_cluster_local_service_has_no_outside_door_whatever_else_it_asks_for(label: str, raw: bool) -> None:
    asks = {"doorward.io/backend": "nobody", "ome.io/service-type": "LoadBalancer", "ome.io/disable-ingress": "false"}
    scene = Scene(*service(raw=raw, labels={label: "cluster-local"}, annotations=asks))
    assert scene.verdict() == ("True", "ClusterLocal")
    assert scene.url() == scene.address() == "http://m.a.svc.cluster.local"
    assert scene.ours() == ({"Service/m"} if raw else {"Service/m", "VirtualService/m"})
    assert scene.reaches("http://m.a.example.com/") == ""
    assert scene.reaches("http://m.a.svc.cluster.local/", inside=True) == "m-engine"


@pytest.mark.parametrize("word", ["public", "Cluster-Local", ""])
@pytest.mark.parametrize("label", ["networking.knative.dev/visibility", "networking.ome.io/visibility"])
def test_another_visibility_changes_nothing_and_is_told(label: str, word: str) -> None:
    scene = opened(labels={label: word})
    assert scene.ours() == {"Ingress/m", "Service/m"}
    ((reason, message),) = scene.told()
    assert reason == "UnknownVisibility"
    for part in (label, repr(word), "stays open", "write cluster-local"):
        assert part in message
    scene.edit(annotations=OFF)
    assert scene.ours() == {"Service/m"}
    assert scene.reasons() == ["UnknownVisibility"]


def test_of_a_door_that_is_closed_no_visibility_is_told() -> None:
    both = {"networking.knative.dev/visibility": "cluster-local", "networking.ome.io/visibility": "Cluster-Local"}
    assert opened(labels=both).reasons() == []
    assert opened(labels={"networking.ome.io/visibility": "public"}, annotations=OFF).reasons() == []


@pytest.mark.parametrize("key", ["ome.io/ingress-disable-creation", "ome.io/disable-ingress"])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_either_switch_takes_the_ingress_away(key: str, raw: bool) -> None:
    scene = Scene(*service(raw=raw, annotations={key: "true"}))
    assert scene.verdict() == ("True", "IngressDisabled")
    assert scene.url() == "http://m.a.svc.cluster.local"
    assert scene.reaches("http://m.a.example.com/") == ""


def test_the_setting_switches_every_ingress_off() -> None:
    scene = Scene(settings({"disableIngressCreation": True}), *service(raw=True))
    assert scene.verdict() == ("True", "IngressDisabled")


@pytest.mark.parametrize("key", ["ome.io/ingress-disable-creation", "ome.io/disable-ingress"])
def test_an_explicit_false_beats_the_setting(key: str) -> None:
    scene = Scene(settings({"disableIngressCreation": True}), *service(raw=True, annotations={key: "false"}))
    assert scene.url() == "http://m.a.example.com"


@pytest.mark.parametrize("word", ["true", "TRUE", "True", "tRuE", " true\n"])
def test_true_is_true_in_any_case(word: str) -> None:
    assert Scene(*service(raw=True, annotations={"ome.io/disable-ingress": word})).ours() == {"Service/m"}


@pytest.mark.parametrize("word", ["false", "FALSE", "False", " false "])
def test_false_is_false_in_any_case(word: str) -> None:
    scene = Scene(
        settings({"disableIngressCreation": True}), *service(raw=True, annotations={"ome.io/disable-ingress": word})
    )
    assert scene.ours() == {"Ingress/m", "Service/m"}
    assert scene.reasons() == []


FLAGS = ("ome.io/ingress-disable-creation", "ome.io/disable-ingress", "ome.io/ingress-disable-istio-virtualhost")


@pytest.mark.parametrize("word", ["", "yes", "1", "on", "t", "bogus", "no", "0"])
@pytest.mark.parametrize("key", FLAGS)
def test_everything_else_is_told_and_counts_as_not_there(key: str, word: str) -> None:
    for off in (False, True):
        config = settings({"disableIngressCreation": off, "disableIstioVirtualHost": off})
        scene = Scene(config, *service(), *service("asks", annotations={key: word}))
        names = {name.partition("/")[2] for name in scene.ours()}
        assert ("asks" in names) == ("m" in names)
        assert scene.url("asks") == scene.url().replace("//m", "//asks")
        ((reason, message),) = scene.told(about="asks")
        assert reason == "InvalidFlag"
        assert key in message
        assert repr(word) in message


def test_an_explicit_false_beats_a_switch_that_cant_be_read() -> None:
    both = {"ome.io/disable-ingress": "false", "ome.io/ingress-disable-creation": "bogus"}
    scene = Scene(settings({"disableIngressCreation": True}), *service(raw=True, annotations=both))
    assert scene.ours() == {"Ingress/m", "Service/m"}


def test_one_switch_that_is_on_beats_the_other_that_is_off() -> None:
    both = {"ome.io/disable-ingress": "false", "ome.io/ingress-disable-creation": "true"}
    assert Scene(*service(raw=True, annotations=both)).ours() == {"Service/m"}


@pytest.mark.parametrize("type_", ["LoadBalancer", "NodePort"])
def test_without_ingress_a_service_of_that_type_is_the_outside_door(type_: str) -> None:
    scene = Scene(*service(raw=True, annotations={**OFF, "ome.io/service-type": type_}))
    assert scene.ours() == {"Service/m"}
    assert scene.get(SERVICE, "a", "m")["spec"]["type"] == type_


def test_serverless_has_its_load_balancer_beside_the_external_name() -> None:
    scene = Scene(*service(annotations=LOAD_BALANCER))
    assert scene.get(SERVICE, "a", "m")["spec"]["type"] == "ExternalName"
    spec = scene.get(SERVICE, "a", lb_name(scene).partition("/")[2])["spec"]
    assert (spec["type"], spec["ports"][0]["targetPort"]) == ("LoadBalancer", 8012)
    assert spec["selector"] == {"ome.io/inferenceservice": "m", "component": "engine"}
    assert "NoScaleFromZero" in scene.reasons()


def test_a_service_type_beside_an_ingress_leaves_the_ingress_the_door() -> None:
    scene = opened(annotations={"ome.io/service-type": "LoadBalancer"})
    assert scene.ours() == {"Ingress/m", "Service/m"}
    assert scene.get(SERVICE, "a", "m")["spec"]["type"] == "LoadBalancer"
    assert scene.url() == "http://m.a.example.com"


def test_the_address_of_a_load_balancer_can_be_asked_for_where_the_setting_allows_it() -> None:
    scene = Scene(
        settings(doorward=ADDRESSES),
        *service(raw=True, annotations={**LOAD_BALANCER, "ome.io/load-balancer-ip": "192.0.2.7"}),
    )
    assert scene.get(SERVICE, "a", "m")["spec"]["loadBalancerIP"] == "192.0.2.7"
    scene.edit(annotations={"ome.io/load-balancer-ip": "192.0.2.8"})
    assert scene.get(SERVICE, "a", "m")["spec"]["loadBalancerIP"] == "192.0.2.8"
    scene.edit(annotations={"ome.io/load-balancer-ip": None})
    assert "loadBalancerIP" not in scene.get(SERVICE, "a", "m")["spec"]
    scene.edit(annotations={"ome.io/load-balancer-ip": "192.0.2.8"})
    scene.configure(doorward="passCloudAnnotations: {b: [ome.io/load-balancer-ip]}")
    assert "loadBalancerIP" not in scene.get(SERVICE, "a", "m")["spec"]
    assert "AnnotationHeldBack" in scene.reasons()


def test_a_service_type_that_doesnt_exist_is_told_and_ignored() -> None:
    scene = opened(annotations={"ome.io/service-type": "Magic"})
    assert scene.ours() == {"Ingress/m", "Service/m"}
    assert scene.reasons() == ["InvalidServiceType"]


# -- which backend ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "backend", "expected"),
    [
        (True, "istio", {"VirtualService/m", "Service/m"}),
        (True, "k8s_ingress", {"Ingress/m", "Service/m"}),
        (True, "gateway_api", {"HTTPRoute/m", "Service/m"}),
        (True, "loadbalancer", {"Service/m"}),
        (True, "cluster_local", {"Service/m"}),
        (False, "istio", {"VirtualService/m", "Service/m"}),
        (False, "k8s_ingress", {"Ingress/m", "VirtualService/m", "Service/m"}),
    ],
)
def test_the_backend_that_is_named_opens_the_door_whatever_the_mode(
    raw: bool, backend: str, expected: set[str]
) -> None:
    config = settings({"omeIngressGateway": "gw/shared"})
    scene = Scene(config, *service(raw=raw, annotations={"doorward.io/backend": backend}))
    assert scene.ours() == expected


def test_a_door_inside_the_cluster_alone_can_be_asked_for_by_backend() -> None:
    scene = Scene(*service(raw=True, annotations={"doorward.io/backend": "cluster_local"}))
    assert scene.verdict()[0] == "True"
    assert scene.url() == "http://m.a.svc.cluster.local"


def test_an_unknown_backend_is_refused_with_the_choices() -> None:
    scene = Scene(*service(raw=True, annotations={"doorward.io/backend": "nginx"}))
    assert scene.verdict() == ("False", "UnknownBackend")
    for word in ("nginx", "cluster_local", "gateway_api", "istio", "k8s_ingress", "loadbalancer"):
        assert word in scene.message()
    assert scene.ours() == set()


UNSUPPORTED: dict[str, tuple[bool, dict[str, str]]] = {
    "an HTTPRoute for Serverless": (False, {"doorward.io/backend": "gateway_api"}),
    "an HTTPRoute without a Gateway": (True, {"doorward.io/backend": "gateway_api"}),
    "an Ingress for Serverless without VirtualServices": (
        False,
        {"doorward.io/backend": "k8s_ingress", "ome.io/ingress-disable-istio-virtualhost": "true"},
    ),
    "a VirtualService without VirtualServices, raw": (
        True,
        {"doorward.io/backend": "istio", "ome.io/ingress-disable-istio-virtualhost": "true"},
    ),
    "a VirtualService without VirtualServices, Serverless": (
        False,
        {"doorward.io/backend": "istio", "ome.io/ingress-disable-istio-virtualhost": "true"},
    ),
}


@pytest.mark.parametrize(("raw", "annotations"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_a_backend_that_cant_open_this_door_is_refused(raw: bool, annotations: dict[str, str]) -> None:
    scene = Scene(*service(raw=raw, annotations=annotations))
    assert scene.verdict() == ("False", "BackendUnsupported")
    assert annotations["doorward.io/backend"] in scene.message()
    assert scene.ours() == set()


class Traefik:
    """A backend of somebody else's, with an ingress class of its own."""

    KIND = Resource("IngressRoute.traefik.io", "ingressroutes", ("v1alpha1",))

    @hookimpl
    def select(self, door: Door, settings: Settings) -> str | None:
        return "traefik" if door.ingress_class == "traefik" else None

    @hookimpl
    def render(self, door: Door, read: Read) -> Rendering | None:
        if door.backend != "traefik":
            return None
        spec = {"type": "ExternalName", "externalName": door.hosts[0]}
        return Rendering(objects=(manifest("v1", "Service", f"{door.name}-traefik", spec),))


def with_plugin(plugin: object, name: str = "traefik") -> Backends:
    return Backends({**dict(backends().manager.list_name_plugin()), name: plugin})


def test_a_plugin_opens_no_ingress_that_is_switched_off() -> None:
    asks = {"ome.io/ingress-class": "traefik", "ome.io/service-type": "LoadBalancer"}
    switched_off = {**asks, "ome.io/ingress-disable-creation": "true"}
    scene = Scene(*service(raw=True, annotations=switched_off), plugins=with_plugin(Traefik()))
    assert "Service/m-traefik" not in scene.ours()
    assert "Service/m" in scene.ours()


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_a_class_that_a_plugin_claims_selects_that_plugin(raw: bool) -> None:
    plugins = with_plugin(Traefik())
    scene = Scene(*service(raw=raw, annotations={"ome.io/ingress-class": "traefik"}), plugins=plugins)
    assert "Service/m-traefik" in scene.ours()
    assert "Ingress/m" not in scene.ours()


def test_the_annotation_beats_the_plugin_that_claims_the_class() -> None:
    asks = {"ome.io/ingress-class": "traefik", "doorward.io/backend": "k8s_ingress"}
    scene = Scene(*service(raw=True, annotations=asks), plugins=with_plugin(Traefik()))
    assert scene.ours() == {"Ingress/m", "Service/m"}


def test_serverless_with_another_class_has_an_ingress_of_that_class() -> None:
    scene = opened(raw=False, annotations={"ome.io/ingress-class": "nginx"})
    assert scene.ours() == {"Ingress/m", "VirtualService/m", "Service/m"}
    assert scene.get(INGRESS, "a", "m")["spec"]["ingressClassName"] == "nginx"
    assert scene.reaches("http://m.a.example.com/v1") == "m-engine"


def test_serverless_with_class_istio_has_a_virtual_service_alone() -> None:
    assert opened(raw=False, annotations={"ome.io/ingress-class": "istio"}).ours() == {"VirtualService/m", "Service/m"}


def test_the_settings_class_doesnt_move_serverless() -> None:
    scene = Scene(settings({"ingressClassName": "nginx"}), *service())
    assert scene.ours() == {"VirtualService/m", "Service/m"}


@pytest.mark.parametrize("by", ["annotation", "setting"])
def test_serverless_without_virtual_services_is_reached_by_the_entrys_own_urls(by: str) -> None:
    known = {"url": "http://m-engine.a.kn.test", "address": {"url": "http://m-engine.a.svc.cluster.local"}}
    config = settings({"disableIstioVirtualHost": by == "setting"})
    notes = {"ome.io/ingress-disable-istio-virtualhost": "True"} if by == "annotation" else {}
    scene = Scene(config, *service(annotations=notes, status={"components": {"engine": known}}))
    assert scene.ours() == set()
    assert scene.verdict() == ("True", "")
    assert (scene.url(), scene.address()) == (known["url"], known["address"]["url"])  # type: ignore[index]


def test_raw_has_an_ingress_of_the_settings_class() -> None:
    scene = Scene(settings({"ingressClassName": "nginx"}), *service(raw=True))
    assert scene.get(INGRESS, "a", "m")["spec"]["ingressClassName"] == "nginx"


def test_the_services_class_beats_the_settings() -> None:
    scene = Scene(
        settings({"ingressClassName": "nginx"}), *service(raw=True, annotations={"ome.io/ingress-class": "kong"})
    )
    assert scene.get(INGRESS, "a", "m")["spec"]["ingressClassName"] == "kong"


def test_with_the_gateway_api_enabled_raw_has_an_http_route() -> None:
    scene = Scene(settings(GATEWAY_API), *service(raw=True), *service("knative"))
    assert scene.ours() == {"HTTPRoute/m", "Service/m", "VirtualService/knative", "Service/knative"}
    (parent,) = scene.get(HTTP_ROUTE, "a", "m")["spec"]["parentRefs"]
    assert (parent["namespace"], parent["name"]) == ("gw", "shared")


# -- closing never waits ---------------------------------------------------------------------------------------------

BROKEN: dict[str, JsonObject] = {
    "nothing": {},
    "an unready engine": {"status": {"conditions": [{"type": "EngineReady", "status": "False"}]}},
    "an invalid mode": {"metadata": {"annotations": {"ome.io/deployment-mode": "Raw"}}},
    "no engine": {"spec": {"engine": None, "router": {}}},
    "a type that is wrong": {"spec": {"engine": {"timeoutSeconds": "soon"}}},
}
DOORS: dict[str, tuple[bool, dict[str, str], JsonObject]] = {
    "ingress": (True, {}, {}),
    "virtual service": (False, {}, {}),
    "ingress before knative": (False, {"ome.io/ingress-class": "nginx"}, {}),
    "http route": (True, {}, GATEWAY_API),
    "load balancer": (True, LOAD_BALANCER, {}),
    "load balancer before knative": (False, LOAD_BALANCER, {}),
    "node port": (True, {**LOAD_BALANCER, "ome.io/service-type": "NodePort"}, {}),
    "load balancer beside an ingress": (True, {"ome.io/service-type": "LoadBalancer"}, {}),
}


def open_to_the_outside(scene: Scene) -> list[str]:
    """What leads from outside to the service."""
    leads_in: dict[str, Callable[[JsonObject], bool]] = {
        "Ingress": bool,
        "HTTPRoute": bool,
        "Service": lambda spec: spec.get("type") in ("LoadBalancer", "NodePort"),
        "VirtualService": lambda spec: "m.a.example.com" in spec["hosts"],
    }
    return [
        f"{obj['kind']}/{obj['metadata']['name']}"
        for obj in scene.objects()
        if obj["kind"] in leads_in and leads_in[obj["kind"]](obj["spec"])
    ]


CLOSES: dict[str, dict[str, dict[str, str]]] = {
    "cluster-local": {"labels": CLUSTER_LOCAL},
    "a guard": {"annotations": {"doorward.io/auth": "api-key"}},
}


@pytest.mark.parametrize("closes", CLOSES.values(), ids=CLOSES)
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(("raw", "annotations", "config"), DOORS.values(), ids=DOORS)
def test_a_door_that_is_closed_is_gone_at_once_however_broken_the_rest(
    raw: bool,
    annotations: dict[str, str],
    config: JsonObject,
    broken: JsonObject,
    closes: dict[str, dict[str, str]],
) -> None:
    scene = Scene(settings(config), *service(raw=raw, annotations=annotations))
    assert open_to_the_outside(scene)
    if "status" in broken:
        scene.patch(SERVICES, "a", "m", {"status": broken["status"]}, subresource="status")
    else:
        scene.patch(SERVICES, "a", "m", broken)
    scene.settle()
    if broken:
        assert open_to_the_outside(scene), "held"
    before = scene.clock.now
    scene.edit(**closes)
    assert open_to_the_outside(scene) == []
    assert scene.clock.now == before


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_closed_load_balancer_still_serves_those_inside(broken: JsonObject) -> None:
    scene = Scene(
        settings(doorward=ADDRESSES),
        *service(raw=True, annotations={**LOAD_BALANCER, "ome.io/load-balancer-ip": "192.0.2.7"}),
    )
    assert scene.get(SERVICE, "a", "m")["spec"]["loadBalancerIP"] == "192.0.2.7"
    address = scene.get(SERVICE, "a", "m")["spec"]["clusterIP"]
    if "status" not in broken:
        scene.patch(SERVICES, "a", "m", broken)
        scene.settle()
    scene.edit(labels=CLUSTER_LOCAL)
    spec = scene.get(SERVICE, "a", "m")["spec"]
    assert (spec["type"], spec["clusterIP"], spec.get("loadBalancerIP")) == ("ClusterIP", address, None)
    assert scene.reaches("http://m.a.svc.cluster.local/", inside=True) == "m-engine"
    watched = scene.since()
    scene.advance(60)
    assert watched.writes == []


@pytest.mark.parametrize("key", ["ome.io/ingress-disable-creation", "ome.io/disable-ingress"])
def test_the_switches_close_an_unreadable_service_too(key: str) -> None:
    scene = opened()
    scene.patch(SERVICES, "a", "m", {"spec": {"engine": {"minReplicas": "many"}}})
    scene.settle()
    assert scene.verdict() == ("False", "InvalidSpec")
    scene.edit(annotations={key: "true"})
    assert open_to_the_outside(scene) == []


def test_a_domain_that_isnt_allowed_closes_even_an_invalid_service() -> None:
    scene = opened()
    scene.edit(annotations={"ome.io/deployment-mode": "Raw"})
    assert open_to_the_outside(scene) == ["Ingress/m"]
    scene.configure(doorward="namespaceDomains: {a: [other.test]}")
    assert open_to_the_outside(scene) == []


def test_what_closes_goes_out_before_what_opens() -> None:
    scene = Scene(*service("m"), *service("n", raw=True))
    scene.edit(labels=CLUSTER_LOCAL, annotations={})
    for name in ("late", "later"):
        scene.create(service(name, raw=True)[0])
    scene.patch(SERVICES, "a", "n", {"metadata": {"labels": CLUSTER_LOCAL}})
    scene.patch(SERVICES, "a", "m", {"metadata": {"labels": {"networking.knative.dev/visibility": None}}})
    scene.deliver()
    verbs = [action.verb for action in scene.engine.actions()]
    assert verbs[0] == "delete"
    assert verbs.count("delete") == 1


class Broken:
    """A backend whose every answer is an exception."""

    @hookimpl
    def render(self, door: Door, read: Read) -> Rendering | None:
        raise RuntimeError("always")

    @hookimpl
    def select(self, door: Door, settings: Settings) -> str | None:
        raise RuntimeError("always")


def test_closing_needs_no_plugin() -> None:
    scene = Scene(settings(), *service(raw=True))
    after = Scene(start=False, plugins=with_plugin(Broken(), "broken"))
    after.store, after.clock = scene.store, scene.clock
    after.start()
    after.settle()
    assert open_to_the_outside(after) == ["Ingress/m"]
    after.edit(labels=CLUSTER_LOCAL)
    assert open_to_the_outside(after) == []


def lists(scene: Scene, kinds: Iterable[str]) -> None:
    """A new process has listed these kinds, and no more."""
    for kind in kinds:
        for scope in scene.engine.scopes[kind]:
            scene._list(scene.engine.backends.resources[kind], scope)


@pytest.mark.parametrize("unlisted", [VIRTUAL_SERVICE, HTTP_ROUTE, "EndpointSlice.discovery.k8s.io"])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_closing_waits_for_no_other_kind(raw: bool, unlisted: str) -> None:
    scene = Scene(settings(), *service(raw=raw, annotations={"ome.io/ingress-class": "nginx"}))
    scene.patch(SERVICES, "a", "m", {"metadata": {"labels": CLUSTER_LOCAL}})
    after = scene.reborn(journal=False)
    after.receive(Started(at=after.clock()))
    lists(after, [kind for kind in after.engine.scopes if kind != unlisted])
    assert [action.ref.kind for action in after.engine.actions() if action.verb == "delete"] == [INGRESS]


def test_a_domain_that_isnt_allowed_waits_for_no_other_kind_either() -> None:
    scene = Scene(settings(), *service(raw=True))
    scene.patch(
        "ConfigMap", "ome", "inferenceservice-config", {"data": {"doorward": "namespaceDomains: {a: [b.test]}"}}
    )
    after = scene.reborn(journal=False)
    after.receive(Started(at=after.clock()))
    lists(after, [kind for kind in after.engine.scopes if kind != HTTP_ROUTE])
    assert [(action.verb, action.ref.kind) for action in after.engine.actions()] == [("delete", INGRESS)]


def test_nothing_but_closing_comes_out_before_every_kind_is_listed() -> None:
    scene = Scene(settings(), *service(raw=True))
    scene.create(service("late", raw=True)[0])
    scene.patch(INGRESS, "a", "m", {"spec": {"ingressClassName": "theirs"}})
    after = scene.reborn(journal=False)
    after.receive(Started(at=after.clock()))
    *kinds, last = after.engine.scopes
    for kind in kinds:
        lists(after, [kind])
        assert after.engine.actions() == []
    lists(after, [last])
    assert after.engine.actions() != []


def test_an_invalid_service_is_left_as_it_is_until_every_kind_is_listed() -> None:
    scene = Scene(settings(), *service(raw=True))
    scene.edit(annotations={"ome.io/deployment-mode": "Raw"}, labels=CLUSTER_LOCAL)
    after = scene.reborn()
    after.delete(SERVICE, "a", "m")
    after.receive(Started(at=after.clock()))
    *kinds, last = after.engine.scopes
    lists(after, kinds)
    assert after.engine.actions() == []
    lists(after, [last])
    assert [action.verb for action in after.engine.actions()] == ["create"]


def test_a_closed_door_is_not_opened_by_the_repair_of_an_edit_that_hid_it(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(settings(), *service(raw=False))
    scene.patch(VIRTUAL_SERVICE, "a", "m", {"spec": {"hosts": ["hidden.example.org"]}}, field_manager="somebody")
    broken = {"spec": {"engine": {"minReplicas": "many"}}, "metadata": {"labels": CLUSTER_LOCAL}}
    scene.patch(SERVICES, "a", "m", broken)
    opened: list[str] = []
    perform = scene.perform

    def looked_at(action: Action) -> Outcome:
        outcome = perform(action)
        opened.extend(open_to_the_outside(scene))
        return outcome

    monkeypatch.setattr(scene, "perform", looked_at)
    scene.settle()
    assert opened == []
    assert scene.verdict() == ("False", "InvalidSpec")
    assert scene.reaches("http://m.a.svc.cluster.local/", inside=True) == "m-engine"
    watched = scene.since()
    scene.advance(60)
    assert watched.writes == []
    mended = {"spec": {"engine": {"minReplicas": 1}}, "metadata": {"labels": dict.fromkeys(CLUSTER_LOCAL)}}
    scene.patch(SERVICES, "a", "m", mended)
    scene.settle()
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
    assert scene.verdict() == ("True", "")


# -- the backend of a mode -------------------------------------------------------------------------------------------

BY_MODE = "defaultBackend: {RawDeployment: istio, MultiNode: gateway_api}"


def kinds_of(scene: Scene) -> set[str]:
    return {name.partition("/")[0] for name in scene.ours()} - {"Service"}


def test_a_mode_has_the_backend_that_the_cluster_gives_it() -> None:
    gateway = {"omeIngressGateway": "ingress/ome"}
    raw = Scene(settings(gateway, doorward=BY_MODE), *service(raw=True))
    assert kinds_of(raw) == {"VirtualService"}
    assert raw.reaches("http://m.a.example.com/") == "m-engine"
    multi = Scene(settings(gateway, doorward=BY_MODE), *service(annotations={"ome.io/deployment-mode": "MultiNode"}))
    assert kinds_of(multi) == {"HTTPRoute"}
    assert kinds_of(Scene(settings(gateway, doorward=BY_MODE), *service())) == {"VirtualService"}
    knative = Scene(settings(doorward="defaultBackend: {Serverless: k8s_ingress}"), *service())
    assert kinds_of(knative) == {"Ingress", "VirtualService"}


@pytest.mark.parametrize(
    ("annotations", "kind"),
    [({"doorward.io/backend": "k8s_ingress"}, "Ingress"), ({"ome.io/ingress-class": "nginx"}, "Ingress")],
)
def test_a_service_that_names_a_backend_or_a_class_has_that(annotations: dict[str, str], kind: str) -> None:
    scene = Scene(settings(doorward=BY_MODE), *service(raw=True, annotations=annotations))
    assert kinds_of(scene) == {kind}


def test_a_class_that_a_plugin_claims_comes_before_the_backend_of_a_mode() -> None:
    class Claiming:
        @staticmethod
        @hookimpl
        def select(door: Door, settings: Settings) -> str | None:  # noqa: ARG004
            return "claiming" if door.ingress_class == "mine" else None

        @staticmethod
        @hookimpl
        def render(door: Door, read: Read) -> Rendering | None:  # noqa: ARG004
            return Rendering(refused="it only claims") if door.backend == "claiming" else None

    plugins = Backends({**dict(Backends().manager.list_name_plugin()), "claiming": Claiming})
    scene = Scene(settings({"ingressClassName": "mine"}, doorward=BY_MODE), *service(raw=True), plugins=plugins)
    assert scene.verdict() == ("False", "BackendUnsupported")


def test_the_backend_of_a_mode_is_changed_without_a_gap() -> None:
    scene = Scene(settings(), *service(raw=True))
    assert kinds_of(scene) == {"Ingress"}
    scene.configure(doorward=BY_MODE)
    assert kinds_of(scene) == {"Ingress", "VirtualService"}
    scene.advance(11)
    assert kinds_of(scene) == {"VirtualService"}


def test_a_backend_of_a_mode_that_isnt_installed_holds_what_stands() -> None:
    scene = Scene(settings(), *service(raw=True))
    scene.configure(doorward="defaultBackend: {RawDeployment: nobody}")
    assert scene.verdict() == ("False", "UnknownBackend")
    assert kinds_of(scene) == {"Ingress"}


@pytest.mark.parametrize("off", [{"ome.io/ingress-disable-istio-virtualhost": "true"}, {}])
def test_another_class_for_serverless_without_virtual_services_is_refused(off: dict[str, str]) -> None:
    cluster = settings({"disableIstioVirtualHost": not off})
    scene = Scene(cluster, *service(annotations={**off, "ome.io/ingress-class": "nginx"}))
    assert scene.verdict() == ("False", "BackendUnsupported")
    assert "VirtualServices are disabled" in scene.message()
    assert kinds_of(scene) == set()
    istio = Scene(cluster, *service(annotations={**off, "ome.io/ingress-class": "istio"}))
    assert istio.verdict()[0] == "True"
    default = Scene(settings({"disableIstioVirtualHost": not off}, doorward="defaultBackend: {Serverless: istio}"))
    for each in service(annotations=off):
        default.create(each)
    default.settle()
    assert default.verdict()[0] == "True"


def test_a_door_that_stands_is_held_when_virtual_services_are_disabled_under_its_class() -> None:
    scene = Scene(settings(), *service(annotations={"ome.io/ingress-class": "nginx"}))
    stood = scene.ours()
    scene.edit(annotations={"ome.io/ingress-disable-istio-virtualhost": "true"})
    scene.advance(11)
    assert scene.verdict() == ("False", "BackendUnsupported")
    assert scene.ours() == stood
