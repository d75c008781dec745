"""What the backends among the examples do beyond the promises of every backend."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from doorward.hooks import Action, ApiError
from doorward.model.door import Claim, Door, Guard, PathDoor, Rendering
from doorward.model.reference import JsonObject, Ref, ref_of
from doorward.model.settings import Settings
from doorward.testing.conformance.doors import make
from doorward.testing.conformance.subject import component_service

from tests.examples import load

GATEWAY = Settings(ome_ingress_gateway="ingress/ome")
EARLIER = "inference.networking.x-k8s.io"


def rendered(module: ModuleType, door: Door, *there: JsonObject) -> Rendering:
    found = {ref_of(obj): obj for obj in there}
    rendering: Rendering = module.render(door, found.get)
    return rendering


def backend(name: str) -> ModuleType:
    return load(f"{name}_backend/{name}_backend.py")


def test_contour_keeps_an_idle_stream_as_long_as_a_request_may_take() -> None:
    door = make(("engine", "decoder"), backend="contour", timeouts={"decoder": 600})
    proxy = rendered(backend("contour"), door).objects[0]
    limits = [route["timeoutPolicy"] for route in proxy["spec"]["routes"]]
    assert limits[0] == {"response": "600s", "idle": "600s"}
    assert limits[-1] == {"response": "infinity", "idle": "infinity"}


def test_contour_says_why_a_proxy_is_invalid() -> None:
    door, contour = make(backend="contour"), backend("contour")
    proxy = rendered(contour, door).objects[0]
    error = {"type": "VirtualHostError", "reason": "DuplicateVhost", "message": "fqdn is used in multiple HTTPProxies"}
    valid = {"type": "Valid", "status": "False", "message": "At least one error", "observedGeneration": 2}
    proxy["metadata"] |= {"generation": 2, "namespace": "a"}
    proxy["status"] = {"conditions": [{**valid, "errors": [error]}]}
    told = contour.status(door, {ref_of(proxy): proxy})
    assert told.state == "refused"
    assert "used in multiple" in told.message
    proxy["metadata"]["generation"] = 3
    assert contour.status(door, {ref_of(proxy): proxy}).state == "pending"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("Host(`a.test`)", [("a.test", "/")]),
        ("Host(`a.test`, `b.test`)", [("a.test", "/"), ("b.test", "/")]),
        ('host("a.test") && PathPrefix("/x/")', [("a.test", "/x")]),
        ("Host(`a.test`) || Host(`b.test`)", [("a.test", "/"), ("b.test", "/")]),
        ("Host(`a.test`) && !Host(`b.test`)", [("a.test", "/")]),
        ("HostRegexp(`.+`) && Method(`GET`)", []),
    ],
)
def test_traefiks_rules_tell_whose_hosts_they_take(rule: str, expected: list[tuple[str, str]]) -> None:
    route = {"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "spec": {"routes": [{"match": rule}]}}
    claimed = backend("traefik").claims(route)
    assert list(claimed) == [Claim(host, path, ("traefik",)) for host, path in expected]


def test_traefik_asks_before_anything_else_and_strips_the_path_last() -> None:
    settings = Settings(auth_service="ome/authz:9191")
    door = make(backend="traefik", path=PathDoor("example.com", "/x/m"), guard=Guard("api-key", "k"), settings=settings)
    objects = rendered(backend("traefik"), door).objects
    kinds = {obj["metadata"]["name"]: next(iter(obj["spec"])) for obj in objects if obj["kind"] == "Middleware"}
    below = next(obj for obj in objects if obj["kind"] == "IngressRoute" and "-path-" in obj["metadata"]["name"])
    through = [kinds[each["name"]] for each in below["spec"]["routes"][0]["middlewares"]]
    assert through == ["forwardAuth", "headers", "stripPrefix"]
    address = "http://authz.ome.svc.cluster.local:9191/door/traefik/a/m"
    assert address in json.dumps(objects)


def test_openshift_names_a_port_as_endpoints_do() -> None:
    service = component_service("a", "m", "engine")
    service["spec"]["ports"] = [{"name": "metrics", "port": 9100}, {"name": "web", "port": 80, "targetPort": "http"}]
    openshift, door = backend("openshift"), make(backend="openshift")
    assert rendered(openshift, door, service).objects[0]["spec"]["port"] == {"targetPort": "web"}
    assert rendered(openshift, door).objects[0]["spec"]["port"] == {"targetPort": 8080}


@pytest.mark.parametrize("name", ["traefik", "openshift"])
def test_a_path_that_would_mean_more_than_itself_is_no_path_door(name: str) -> None:
    door = make(backend=name, path=PathDoor("example.com", "/x'(.*)/m"))
    rendering = rendered(backend(name), door)
    assert not rendering.path
    assert "(.*)" not in json.dumps(rendering.objects)


def test_envoy_gateway_lets_streams_be_silent_as_long_as_the_slowest_component_may_take() -> None:
    envoy = backend("envoy_gateway")
    for limits, expected in (({"engine": 30, "decoder": 600}, "600s"), ({"decoder": 600}, "0s")):
        door = make(("engine", "decoder"), backend="envoy_gateway", timeouts=limits, settings=GATEWAY)
        policy = rendered(envoy, door).objects[-1]
        assert policy["kind"] == "BackendTrafficPolicy"
        assert policy["spec"]["timeout"]["http"]["streamIdleTimeout"] == expected
        assert [ref["name"] for ref in policy["spec"]["targetRefs"]] == ["m"]


def test_envoy_gateways_guarded_door_leads_nowhere_until_its_guard_stands() -> None:
    settings = GATEWAY.model_copy(update={"auth_service": "ome/authz:9191"})
    door = make(backend="envoy_gateway", guard=Guard("api-key", "k"), settings=settings)
    rendering = rendered(backend("envoy_gateway"), door)
    assert rendering.guarded
    assert [obj["kind"] for obj in rendering.objects] == ["SecurityPolicy", "HTTPRoute", "BackendTrafficPolicy"]
    assert "backendRefs" not in rendering.objects[1]["spec"]["rules"][0]


def pool(name: str, version: str = "inference.networking.k8s.io/v1") -> JsonObject:
    return {"apiVersion": version, "kind": "InferencePool", "metadata": {"name": name, "namespace": "a"}, "spec": {}}


def led_to(rendering: Rendering) -> dict[str, Any]:
    """Where each rule leads, by its path."""
    rules = [rule for obj in rendering.objects for rule in obj["spec"]["rules"]]
    return {rule["matches"][0]["path"]["value"]: rule["backendRefs"][0] for rule in rules}


def test_a_component_without_a_pool_is_reached_by_its_service() -> None:
    door = make(("engine", "decoder"), backend="inference_pool", settings=GATEWAY)
    refs = led_to(rendered(backend("inference_pool"), door, pool("m-decoder")))
    group = {"group": "inference.networking.k8s.io", "kind": "InferencePool"}
    assert refs["/v1/decoder"] == {**group, "name": "m-decoder", "weight": 1}
    assert (refs["/"]["kind"], refs["/"]["name"], refs["/"]["port"]) == ("Service", "m-engine", 80)


def test_the_pool_of_the_entry_may_be_named() -> None:
    pools = backend("inference_pool")
    door = make(backend="inference_pool", settings=GATEWAY, annotations={pools.ANNOTATION: "shared"})
    assert led_to(rendered(pools, door, pool("shared"), pool("m-engine")))["/"]["name"] == "shared"
    missing = rendered(pools, door, pool("m-engine"))
    assert led_to(missing)["/"]["kind"] == "Service"
    assert [(warning.reason, warning.condition) for warning in missing.warnings] == [("NoInferencePool", True)]


def test_where_only_the_earlier_version_is_served_pools_are_of_its_group() -> None:
    door, earlier = make(backend="inference_pool", settings=GATEWAY), pool("m-engine", f"{EARLIER}/v1alpha2")
    assert led_to(rendered(backend("inference_pool"), door, earlier))["/"]["group"] == EARLIER
    both = led_to(rendered(backend("inference_pool"), door, earlier, pool("m-engine")))
    assert both["/"]["group"] == "inference.networking.k8s.io"


class TestFile:
    @pytest.fixture
    def file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("DOORWARD_ROUTES_FILE", str(tmp_path / "routes.json"))
        return tmp_path / "routes.json"

    def do(self, module: ModuleType, verb: Any, **more: Any) -> Any:
        ref = Ref("Routes.file.example.com", "a", "m")
        return asyncio.run(module.apply(Action(id=1, verb=verb, ref=ref, service="", **more)))

    def create(self, module: ModuleType) -> JsonObject:
        obj = msgspec.convert(rendered(module, make(backend="file")).objects[0], JsonObject)
        obj["metadata"]["namespace"] = "a"
        made: JsonObject = self.do(module, "create", body=obj)
        return made

    def test_what_is_written_is_what_a_proxy_reads(self, file: Path) -> None:
        made = self.create(backend("file"))
        assert json.loads(file.read_text()) == [made]
        address = "http://m-engine.a.svc.cluster.local:80"
        assert made["spec"] == {
            "hosts": ["m.a.example.com"],
            "routes": [{"prefix": "/", "to": address, "seconds": None}],
        }
        assert [each.name for each in file.parent.iterdir()] == ["routes.json"]

    def test_a_file_that_nobody_can_read_is_left_as_it_is(self, file: Path) -> None:
        module = backend("file")
        made = self.create(module)
        file.write_text("[half an obj")
        with pytest.raises(json.JSONDecodeError):
            self.do(module, "delete", uid=made["metadata"]["uid"])
        with pytest.raises(json.JSONDecodeError):
            asyncio.run(module.observe("Routes.file.example.com"))
        assert file.read_text() == "[half an obj"

    def test_another_object_of_the_name_is_not_touched(self, file: Path) -> None:
        module = backend("file")
        made = self.create(module)
        for verb in ("patch", "delete"):
            with pytest.raises(ApiError, match="another one"):
                self.do(module, verb, uid="other", body={"spec": {"hosts": []}})
        with pytest.raises(ApiError, match="already"):
            self.do(module, "create", body=made)
        assert self.do(module, "verify") == made
        assert self.do(module, "delete", uid=made["metadata"]["uid"]) is None
        assert json.loads(file.read_text()) == []
