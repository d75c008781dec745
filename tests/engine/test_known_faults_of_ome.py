"""What goes wrong with OME's own ingress, each as a test that passes here."""

from __future__ import annotations

from tests.engine.doors import DOORS, GATEWAY, accept_routes, add, ask, opened, reaches, settle, versions
from tests.engine.stage import Stage, component_service, inference_service, settings

INGRESS = "Ingress.networking.k8s.io"
VIRTUAL_SERVICE = "VirtualService.networking.istio.io"
SERVICE = "InferenceService.ome.io"
ALL = ("engine", "router", "decoder")


def test_repeated_reconciles_do_not_flap_the_virtual_service() -> None:
    stage = opened("istio", parts=ALL)
    uid = stage.get(VIRTUAL_SERVICE, "a", "m")["metadata"]["uid"]
    before = versions(stage)
    for _ in range(10):
        stage.start()
        settle(stage)
    assert versions(stage) == before
    assert stage.get(VIRTUAL_SERVICE, "a", "m")["metadata"]["uid"] == uid


def test_ingress_ready_is_false_while_a_route_is_not_accepted() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    add(stage, "gateway_api")
    stage.start()
    stage.settle()
    assert (stage.condition()["status"], stage.condition()["reason"]) == ("False", "RouteNotAccepted")
    accept_routes(stage)
    stage.settle()
    assert stage.condition()["status"] == "True"
    ask(stage, "gateway_api", **{"ome.io/ingress-domain": "new.example.com"})
    stage.settle()
    assert stage.condition()["reason"] == "RouteNotAccepted", "accepted for an earlier generation only"


def test_no_two_routes_of_a_service_share_a_name() -> None:
    stage = opened("gateway_api", parts=ALL)
    routes = [o for o in stage.ours() if o.startswith("HTTPRoute/")]
    assert len(routes) == len(set(routes)) == 1


def test_completions_never_go_to_the_decoder() -> None:
    for door in ("istio", "nginx", "gateway_api"):
        stage = opened(door, parts=("engine", "decoder"))
        assert reaches(stage, "http://m.a.example.com/v1/completions") == "m-engine", door
        assert reaches(stage, "http://m.a.example.com/v1/decoder/decode") == "m-decoder", door
        assert reaches(stage, "http://m.a.example.com/v1/decoders") == "m-engine", door


def test_somebodys_service_of_that_name_is_never_deleted() -> None:
    for door in ("istio", "nginx", "loadbalancer"):
        stage = Stage()
        stage.create(settings(GATEWAY))
        metadata = {"name": "m", "namespace": "a"}
        spec = {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}
        stage.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
        theirs = stage.get("Service", "a", "m")
        add(stage, door)
        stage.start()
        settle(stage)
        ask(stage, door, **{"ome.io/ingress-disable-istio-virtualhost": "true"})
        settle(stage)
        stage.rest()
        stage.delete(SERVICE, "a", "m")
        settle(stage)
        assert stage.get("Service", "a", "m") == theirs, door


def test_old_objects_go_when_mode_or_class_changes() -> None:
    stage = opened("istio")
    ask(stage, "nginx")
    settle(stage)
    stage.rest()
    assert "VirtualService/m" not in stage.ours()
    ask(stage, "traefik")
    settle(stage)
    stage.rest()
    classes = [o["spec"]["ingressClassName"] for o in stage.objects() if o["kind"] == "Ingress"]
    assert classes == ["traefik"]


def test_two_services_never_share_a_host() -> None:
    stage = opened("nginx", name="one")
    add(stage, "istio", name="two", **{"ome.io/ingress-domain-template": "one.a.example.com"})
    settle(stage)
    assert stage.condition("two")["reason"] == "HostConflict"
    assert reaches(stage, "http://one.a.example.com/") == "one-engine"


def test_a_path_door_never_takes_the_rest_of_the_base_domain() -> None:
    for door in ("istio", "nginx", "gateway_api"):
        stage = Stage()
        stage.create(settings({**GATEWAY, "pathTemplate": "/models/{{.Name}}"}))
        add(stage, door)
        stage.start()
        settle(stage)
        assert reaches(stage, "http://example.com/models/m/v1/models") == "m-engine", door
        for elsewhere in ("/", "/models", "/models/mm", "/models/other/v1", "/v1/models"):
            assert reaches(stage, f"http://example.com{elsewhere}") is None, (door, elsewhere)


def test_an_empty_gateway_is_a_clear_error_and_not_a_panic() -> None:
    stage = Stage()
    stage.create(settings({"enableGatewayAPI": True, "omeIngressGateway": ""}))
    add(stage, "nginx")
    stage.start()
    settle(stage)
    assert not stage.engine.ready
    (problem,) = stage.engine.problems
    assert "omeIngressGateway" in problem
    assert stage.ours() == set()


def test_settings_need_no_restart() -> None:
    stage = opened("nginx")
    data = settings({**GATEWAY, "ingressDomain": "moved.example.com"})["data"]
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})
    settle(stage)
    assert reaches(stage, "http://m.a.moved.example.com/") == "m-engine"


def test_drifted_labels_and_annotations_are_put_right() -> None:
    stage = opened("nginx")
    wrong = {
        "labels": {"ome.io/inferenceservice": "other"},
        "annotations": {"nginx.ingress.kubernetes.io/proxy-buffering": "on"},
    }
    before = stage.get(INGRESS, "a", "m")["metadata"]
    stage.patch(INGRESS, "a", "m", {"metadata": wrong}, field_manager="somebody")
    settle(stage)
    after = stage.get(INGRESS, "a", "m")["metadata"]
    assert (after["labels"], after["annotations"]) == (before["labels"], before["annotations"])


def test_snippets_and_what_moves_traffic_do_not_pass() -> None:
    wish = {
        "nginx.ingress.kubernetes.io/configuration-snippet": "return 301 https://evil.example.com;",
        "nginx.ingress.kubernetes.io/server-snippet": "return 200;",
        "nginx.ingress.kubernetes.io/server-alias": "victim.example.com",
        "nginx.ingress.kubernetes.io/permanent-redirect": "https://evil.example.com",
        "nginx.ingress.kubernetes.io/rewrite-target": "/evil",
        "nginx.ingress.kubernetes.io/mirror-target": "https://evil.example.com",
        "nginx.ingress.kubernetes.io/canary": "true",
        "nginx.ingress.kubernetes.io/auth-url": "https://evil.example.com",
        "nginx.ingress.kubernetes.io/upstream-vhost": "victim.example.com",
        "external-dns.alpha.kubernetes.io/hostname": "victim.example.com",
        "alb.ingress.kubernetes.io/group.name": "victims",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "300",
    }
    stage = Stage()
    stage.create(settings(GATEWAY))
    stage.create(inference_service(annotations={**DOORS["nginx"], **wish}, ready=("engine",)))
    stage.create(component_service("m", "engine"))
    stage.start()
    settle(stage)
    passed = stage.get(INGRESS, "a", "m")["metadata"]["annotations"]
    assert passed["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "300"
    assert not set(passed) & set(list(wish)[:-1])
    held_back = [o for o in stage.store.list(stage.resource("Event")).items if o["reason"] == "AnnotationHeldBack"]
    assert len(held_back) == 1
    assert "server-alias" in held_back[0]["message"]
