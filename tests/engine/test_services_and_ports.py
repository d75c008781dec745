"""docs/doors.md, Component Services: how components and their ports are found, and whose the in-cluster door is."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from doorward.model.event import Observed
from doorward.model.names import cut
from doorward.model.reference import SERVICE, JsonObject
from doorward.state.transform import transform

from tests.engine.scenes import INGRESS, SERVICES, VIRTUAL_SERVICE, Scene, condition, opened, service
from tests.engine.stage import settings

OFF = {"ome.io/disable-ingress": "true"}


def backend(scene: Scene, name: str = "m") -> tuple[str, int]:
    """Service and port that the Ingress leads to."""
    path = scene.get(INGRESS, "a", name)["spec"]["rules"][0]["http"]["paths"][-1]
    return path["backend"]["service"]["name"], path["backend"]["service"]["port"]["number"]


def component(name: str, part: str = "engine", of: str = "m", **more: Any) -> JsonObject:
    labels = {"ome.io/inferenceservice": of, "component": part, **more.pop("labels", {})}
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}], **more}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "a", "labels": labels},
        "spec": spec,
    }


def alone(*parts: str, **more: Any) -> JsonObject:
    """A service whose components have no Services yet."""
    return service("m", *parts, raw=True, **more)[0]


# -- looking components up -------------------------------------------------------------------------------------------


def test_a_component_is_found_by_its_exact_name_labelled_or_not() -> None:
    plain = {**component("m-engine"), "metadata": {"name": "m-engine", "namespace": "a"}}
    assert backend(Scene(alone(), plain, component("aa"))) == ("m-engine", 80)


def test_a_component_is_found_by_its_labels() -> None:
    assert backend(Scene(alone(), component("my-pods"))) == ("my-pods", 80)


def test_before_its_service_is_known_a_component_is_expected_at_port_80() -> None:
    scene = Scene(alone())
    assert backend(scene) == ("m-engine", 80)
    (port,) = scene.get(SERVICE, "a", "m")["spec"]["ports"]
    assert port["targetPort"] == 8080


@pytest.mark.parametrize(
    "stranger",
    [
        component("headless", clusterIP="None"),
        component("revision", labels={"serving.knative.dev/revision": "m-engine-00001"}),
        component("other", of="n"),
        component("decoder", "decoder"),
    ],
    ids=lambda obj: obj["metadata"]["name"],
)
def test_what_only_looks_like_the_component_is_left_out(stranger: JsonObject) -> None:
    assert backend(Scene(alone(), stranger)) == ("m-engine", 80)


def test_our_own_services_are_no_components() -> None:
    scene = Scene(alone(annotations={**OFF, "ome.io/service-type": "LoadBalancer"}))
    assert scene.get(SERVICE, "a", "m")["spec"]["selector"]["component"] == "engine"
    scene.edit(annotations={"ome.io/disable-ingress": "false"})
    assert backend(scene) == ("m-engine", 80)


def test_a_door_with_a_components_name_is_no_component() -> None:
    """The door of a service named m-engine stands where the engine of m is looked for."""
    scene = Scene(service("m-engine", raw=True)[0], alone(), component("real"))
    assert backend(scene) == ("real", 80)


def test_of_several_the_oldest_is_taken() -> None:
    scene = Scene(start=False)
    scene.create(component("zz"))
    scene.clock.now += 60
    scene.create(component("aa"))
    scene.create(alone())
    scene.start()
    scene.settle()
    assert backend(scene) == ("zz", 80)
    scene.delete(SERVICE, "a", "zz")
    scene.settle()
    assert backend(scene) == ("aa", 80)


@pytest.mark.parametrize("tie", ["label", "owner", "none"])
def test_the_router_is_at_last_the_service_of_that_name_if_it_is_tied(tie: str) -> None:
    scene = Scene(start=False)
    uid = scene.create(alone("engine", "router"))["metadata"]["uid"]
    named = component("m", ports=[{"port": 9000}])
    named["metadata"]["labels"] = {"ome.io/inferenceservice": "m"} if tie == "label" else {}
    if tie == "owner":
        owner = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "name": "m", "uid": uid}
        named["metadata"]["ownerReferences"] = [owner]
    scene.create(named)
    scene.start()
    scene.settle()
    assert backend(scene) == (("m-router", 80) if tie == "none" else ("m", 9000))


def test_the_engine_is_never_the_service_of_that_name() -> None:
    named = component("m", "")
    assert backend(Scene(alone(), named)) == ("m-engine", 80)


# -- ports -----------------------------------------------------------------------------------------------------------


def test_the_port_named_http_is_taken_else_the_first() -> None:
    metrics, http = {"name": "metrics", "port": 9090}, {"name": "http", "port": 8000, "targetPort": 8081}
    scene = Scene(alone(), component("m-engine", ports=[metrics, http]))
    assert backend(scene) == ("m-engine", 8000)
    assert scene.get(SERVICE, "a", "m")["spec"]["ports"][0]["targetPort"] == 8081
    assert backend(Scene(alone(), component("m-engine", ports=[metrics, {"name": "grpc", "port": 1}]))) == (
        "m-engine",
        9090,
    )


def test_ports_are_followed_live() -> None:
    scene = opened()
    watched = scene.since()
    scene.patch(SERVICE, "a", "m-engine", {"spec": {"ports": [{"name": "http", "port": 9000, "targetPort": "web"}]}})
    scene.settle()
    assert backend(scene) == ("m-engine", 9000)
    (port,) = scene.get(SERVICE, "a", "m")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (80, "web")
    assert sorted(watched.writes) == ["patch Ingress/m", "patch Service/m"]


def test_a_service_that_appears_is_followed_live() -> None:
    scene = Scene(alone())
    scene.create(component("my-pods", ports=[{"port": 7000}]))
    scene.settle()
    assert backend(scene) == ("my-pods", 7000)
    assert scene.get(SERVICE, "a", "m")["spec"]["selector"]["app"] == "my-pods"


def test_component_services_are_never_written() -> None:
    scene = opened("m", "engine", "router", "decoder")
    scene.edit(annotations={"ome.io/ingress-class": "nginx"})
    scene.advance(11)
    written = {action.ref for action in scene.performed}
    assert not {ref for ref in written if ref.name in ("m-engine", "m-router", "m-decoder")}


# -- names -----------------------------------------------------------------------------------------------------------

LONG = "a123456789-b123456789-c123456789-d123456789-e123456789-f123456789-g"


def test_a_name_that_is_too_long_is_cut_everywhere_alike() -> None:
    scene = Scene(service(LONG, raw=True)[0])
    assert scene.verdict(LONG)[0] == "True"
    door = scene.get(SERVICE, "a", cut(LONG))
    assert door["metadata"]["labels"]["ome.io/inferenceservice"] == cut(LONG)
    assert door["spec"]["selector"]["ome.io/inferenceservice"] == cut(LONG)
    assert backend(scene, LONG) == (cut(f"{LONG}-engine"), 80)
    assert scene.address(LONG) == f"http://{cut(LONG)}.a.svc.cluster.local"


@pytest.mark.parametrize(
    ("name", "door", "engine"),
    [("my.model", "my-model", "my-model-engine"), ("7b", "d-7b", "d-7b-engine"), ("7.b", "d-7-b", "d-7-b-engine")],
)
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_a_name_that_cant_be_a_services_is_mended(raw: bool, name: str, door: str, engine: str) -> None:
    digits = sha256(f"a/{name}".encode()).hexdigest()[:5]
    scene = Scene(service(name, raw=raw, spec={"engine": {}})[0])
    assert scene.verdict(name)[0] == "True", scene.condition(name)
    assert f"Service/{door}-{digits}" in scene.ours()
    assert scene.address(name) == f"http://{door}-{digits}.a.svc.cluster.local"
    assert scene.reaches(f"http://{name}.a.example.com/") == f"{engine}-{digits}"


def test_a_mended_component_name_is_looked_up_too() -> None:
    digits = sha256(b"a/my.model").hexdigest()[:5]
    named = component(f"my-model-engine-{digits}", of="other", ports=[{"port": 8443}])
    scene = Scene(service("my.model", raw=True, spec={"engine": {}})[0], named)
    assert backend(scene, "my.model") == (f"my-model-engine-{digits}", 8443)


# -- the in-cluster door ---------------------------------------------------------------------------------------------


def test_in_raw_it_selects_the_entrys_pods_and_nobody_elses() -> None:
    workers_out = {"leaderworkerset.sigs.k8s.io/worker-index": "0", "component": "spoofed"}
    scene = Scene(alone(), component("m-engine", selector=workers_out))
    spec = scene.get(SERVICE, "a", "m")["spec"]
    assert spec["type"] == "ClusterIP"
    assert spec["selector"] == {
        "leaderworkerset.sigs.k8s.io/worker-index": "0",
        "ome.io/inferenceservice": "m",
        "component": "engine",
    }
    assert [(port["port"], port["targetPort"]) for port in spec["ports"]] == [(80, 8080)]


def test_in_serverless_it_leads_to_the_local_gateway() -> None:
    spec = opened(raw=False).get(SERVICE, "a", "m")["spec"]
    assert (spec["type"], spec["externalName"]) == (
        "ExternalName",
        "knative-local-gateway.istio-system.svc.cluster.local",
    )


@pytest.mark.parametrize("form", ["m-door.a", "m-door.a.svc", "m-door.a.svc.corp.internal"])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_its_name_and_the_clusters_domain_are_settings(form: str, raw: bool) -> None:
    own = 'doorService: "{{.Name}}-door"\nclusterDomain: corp.internal'
    scene = Scene(settings(doorward=own), *service(raw=raw))
    assert "Service/m-door" in scene.ours()
    assert scene.address() == "http://m-door.a.svc.corp.internal"
    assert scene.reaches(f"http://{form}/", inside=True) == "m-engine"


@pytest.mark.parametrize("outside", ["cluster-local", "off", "load balancer", "ingress"])
def test_serverless_is_reached_inside_by_path_whatever_the_outside(outside: str) -> None:
    more: dict[str, Any] = {
        "cluster-local": {"labels": {"networking.knative.dev/visibility": "cluster-local"}},
        "off": {"annotations": OFF},
        "load balancer": {"annotations": {**OFF, "ome.io/service-type": "LoadBalancer"}},
        "ingress": {"annotations": {"ome.io/ingress-class": "nginx"}},
    }[outside]
    scene = Scene(*service("m", "engine", "decoder", **more))
    assert scene.reaches("http://m.a.svc.cluster.local/v1/decoder/x", inside=True) == "m-decoder"
    assert scene.reaches("http://m.a/v1/completions", inside=True) == "m-engine"


def named_like_the_door(labels: dict[str, str] | None = None) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "m", "namespace": "a", "labels": labels or {}},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 9000}]},
    }


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_a_tied_service_of_that_name_is_the_door(raw: bool) -> None:
    theirs = named_like_the_door({"ome.io/inferenceservice": "m"})
    scene = Scene(theirs, *service(raw=raw))
    assert scene.verdict()[0] == "True"
    assert scene.address() == "http://m.a.svc.cluster.local:9000"
    assert "Service/m" not in scene.ours()
    assert scene.get(SERVICE, "a", "m")["metadata"]["resourceVersion"] == "2"


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_anybody_elses_service_of_that_name_is_left_alone_and_told(raw: bool) -> None:
    scene = Scene(named_like_the_door(), *service(raw=raw))
    assert scene.verdict() == ("True", "")
    assert scene.url() == "http://m.a.example.com"
    assert scene.address() == "http://m-engine.a.svc.cluster.local"
    ((reason, message),) = scene.told()
    assert reason == "ObjectConflict"
    assert "doorService" in message
    scene.edit(labels={"networking.knative.dev/visibility": "cluster-local"})
    scene.delete(SERVICES, "a", "m")
    scene.settle()
    assert scene.get(SERVICE, "a", "m")["metadata"]["resourceVersion"] == "2"


def test_once_the_other_service_is_gone_the_door_is_made() -> None:
    scene = Scene(named_like_the_door(), *service(raw=True))
    scene.delete(SERVICE, "a", "m")
    scene.settle()
    assert scene.ours() == {"Ingress/m", "Service/m"}
    assert scene.address() == "http://m.a.svc.cluster.local"


def test_a_service_that_bears_our_annotation_under_another_controller_isnt_ours() -> None:
    scene = Scene(settings(), start=False)
    uid = scene.create(alone())["metadata"]["uid"]
    theirs = named_like_the_door()
    theirs["metadata"]["annotations"] = {"doorward.io/owner": uid}
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "other", "controller": True}
    theirs["metadata"]["ownerReferences"] = [owner]
    scene.store.collecting = False
    scene.create(theirs)
    before = scene.get(SERVICE, "a", "m")
    scene.start()
    scene.settle()
    assert scene.get(SERVICE, "a", "m") == before
    assert scene.verdict()[0] == "True"
    assert scene.reasons() == ["ObjectConflict"]


def test_where_the_engines_service_isnt_at_port_80_its_port_stands_in_the_address() -> None:
    scene = Scene(named_like_the_door(), alone(), component("m-engine", ports=[{"port": 8443}]))
    assert scene.address() == "http://m-engine.a.svc.cluster.local:8443"


# -- components that a runtime brings --------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["runtime", "model"])
def test_a_runtimes_components_count_once_their_services_exist(by: str) -> None:
    spec: JsonObject = {by: {"name": "llama"}}
    scene = Scene(service(raw=True, spec=spec, ready=False)[0])
    assert scene.verdict() == ("Unknown", "EngineNotReady")
    told = [condition("EngineReady"), condition("RouterReady")]
    scene.report(told, components={"engine": {}, "router": {}})
    assert scene.verdict() == ("Unknown", "EngineNotReady")
    scene.create(component("m-engine"))
    scene.settle()
    assert scene.verdict() == ("True", "")
    assert backend(scene) == ("m-engine", 80)
    scene.create(component("m-router", "router"))
    scene.settle()
    assert backend(scene) == ("m-router", 80)


def test_a_service_without_engine_is_refused_as_it_never_will_have_one() -> None:
    scene = Scene(*service(raw=True, spec={"router": {}}))
    assert scene.verdict() == ("False", "EngineRequired")
    assert "spec.engine" in scene.message()


def test_status_components_dont_count_where_no_runtime_brings_them() -> None:
    status: JsonObject = {"components": {"engine": {}, "decoder": {}}}
    scene = Scene(alone(status=status), component("m-decoder", "decoder"), component("m-engine"))
    assert scene.reaches("http://m.a.example.com/v1/decoder") == "m-engine"


def observed(scene: Scene, spec: JsonObject) -> None:
    """The spec as a server returns it that keeps whatever it is given."""
    body = {**scene.service(), "spec": spec}
    body["metadata"]["resourceVersion"] = str(90_000 + scene.engine.number)
    scene.receive(Observed(at=scene.clock(), kind=SERVICES, object=body))


def test_a_component_exists_when_its_key_is_there_even_if_it_is_empty() -> None:
    scene = Scene(*service("m", "engine", "decoder", raw=True, spec={"engine": {"minReplicas": 1}, "decoder": {}}))
    observed(scene, {"engine": {}, "decoder": {}})
    assert scene.engine.actions() == []
    assert scene.reaches("http://m.a.example.com/v1/decoder") == "m-decoder"


def test_a_component_that_is_null_isnt_there() -> None:
    scene = Scene(*service("m", "engine", "router", "decoder", raw=True))
    assert scene.reaches("http://m.a.example.com/") == "m-router"
    observed(scene, {"engine": {}, "router": None, "decoder": None})
    scene.settle()
    assert scene.reaches("http://m.a.example.com/v1/decoder") == "m-engine"


@pytest.mark.parametrize("spec", [{"engine": None}, {"engine": None, "router": {}}])
def test_an_engine_that_is_null_is_required(spec: JsonObject) -> None:
    scene = Scene(*service(raw=True, spec=spec))
    assert scene.verdict() == ("False", "EngineRequired")
    assert scene.service()["spec"] == {key: value for key, value in spec.items() if value is not None}
    source = scene.engine.backends.sources[SERVICES]
    assert "engine" not in transform(SERVICES, {"metadata": {"name": "m"}, "spec": spec}, source)["spec"]


def test_a_virtual_service_routes_raw_to_the_ports_of_the_components() -> None:
    scene = Scene(
        alone("engine", "decoder", annotations={"doorward.io/backend": "istio"}),
        component("m-engine", ports=[{"port": 8000}]),
        component("m-decoder", "decoder", ports=[{"port": 8001}]),
    )
    destinations = [http["route"][0]["destination"] for http in scene.get(VIRTUAL_SERVICE, "a", "m")["spec"]["http"]]
    assert [(each["host"].partition(".")[0], each["port"]["number"]) for each in destinations] == [
        ("m-decoder", 8001),
        ("m-engine", 8000),
    ]
