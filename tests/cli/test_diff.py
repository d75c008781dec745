"""``doorward diff``."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from doorward.cluster.protocol import ApiError
from doorward.model.reference import SECRETS, JsonObject

from tests.cli.asking import Asked, ask, settled
from tests.engine.stage import component_service, inference_service, settings
from tests.shell.running import RAW, SERVICE, Running

GATEWAY_API = {"enableGatewayAPI": True, "omeIngressGateway": "gateways/public"}
TYPED = {"ome.io/service-type": "NodePort", "ome.io/disable-ingress": "true"}
LAST = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture
def doors(capsys: pytest.CaptureFixture[str]) -> Running:
    running = Running()
    running.settings({})
    running.add("m", "n")
    running.patch(SERVICE, "n", {"metadata": {"annotations": {"ome.io/ingress-domain": "example.net"}}})
    settled(running)
    capsys.readouterr()
    return running


def service(name: str = "m", **more: str) -> JsonObject:
    return inference_service(name, annotations={**RAW, **more})


def diff(running: Running, *objects: JsonObject, arguments: tuple[str, ...] = ()) -> Asked:
    text = "".join(f"---\n{orjson.dumps(each).decode()}\n" for each in objects)
    return ask(running, "diff", "-f", "-", *arguments, stdin=text)


def test_what_is_there_already_is_no_difference(doors: Running) -> None:
    printed = diff(doors, service(), settings({}))
    assert (printed.code, printed.out, printed.err) == (0, "", "")


def test_an_edit_of_the_settings_names_the_doors_that_would_move(doors: Running) -> None:
    before = doors.store.resource_version
    printed = diff(doors, settings({"ingressDomain": "example.org"}))
    assert printed.code == 1
    lines = printed.out.splitlines()
    assert lines[-2:] == [
        "1 of 2 doors would move:",
        "  a/m: http://m.a.example.com → http://m.a.example.org",
    ]
    assert {"--- Ingress a/m (live)", "+++ Ingress a/m (then)", "-  - host: m.a.example.com"} <= set(lines)
    assert "+  - host: m.a.example.org" in lines
    assert "-  ingress: '{}'" in lines
    assert doors.store.resource_version == before


def test_programs_are_told_the_same(doors: Running) -> None:
    printed = diff(doors, settings({"ingressDomain": "example.org"}), arguments=("-o", "json"))
    assert printed.code == 1
    told = printed.json
    assert told["doors"] == 2
    assert [(each["name"], each["before"], each["after"]) for each in told["moved"]] == [
        ("m", ["http://m.a.example.com"], ["http://m.a.example.org"])
    ]
    assert {(each["kind"].partition(".")[0], each["change"]) for each in told["changes"]} == {
        ("ConfigMap", "update"),
        ("InferenceService", "update"),
        ("Ingress", "update"),
    }


def test_an_annotation_that_left_the_file_is_removed(doors: Running) -> None:
    applied = orjson.dumps(service("n", **{"ome.io/ingress-domain": "example.net"})).decode()
    doors.patch(SERVICE, "n", {"metadata": {"annotations": {LAST: applied, "others": "stays"}}})
    printed = diff(doors, service("n"))
    assert "-    ome.io/ingress-domain: example.net" in printed.out.splitlines()
    assert "-    others: stays" not in printed.out.splitlines()
    assert "  a/n: http://n.a.example.net → http://n.a.example.com" in printed.out.splitlines()


def test_a_new_service_opens_a_door(doors: Running) -> None:
    printed = diff(doors, service("new"))
    assert printed.code == 1
    assert printed.out.splitlines()[-2:] == ["1 would open:", "  a/new: http://new.a.example.com"]
    assert "+++ Ingress a/new (then)" in printed.out


def test_a_change_is_shown_as_it_ends(doors: Running) -> None:
    """Overlaps are over, new components are ready, and the gateway has accepted what it is shown."""
    printed = diff(doors, settings(GATEWAY_API), {**service(), "spec": {"engine": {}, "decoder": {}}})
    lines = printed.out.splitlines()
    assert {"--- Ingress a/m (live)", "+++ HTTPRoute a/m (then)"} <= set(lines)
    assert lines[lines.index("--- Ingress a/m (live)") + 1] == "+++ /dev/null"
    assert "+        value: /v1/decoder" in lines
    assert "-    status: 'True'" not in lines


def test_a_door_that_would_be_refused_is_named(doors: Running) -> None:
    printed = diff(doors, service(**{"ome.io/ingress-domain": "No_Good"}))
    assert printed.code == 1
    assert printed.err.startswith("warning: InferenceService a/m: InvalidHost: annotation ome.io/ingress-domain")


def test_what_doorward_is_about_to_do_anyway_is_no_difference(doors: Running) -> None:
    doors.patch(SERVICE, "m", {"metadata": {"annotations": {"ome.io/ingress-domain": "example.org"}}})
    printed = diff(doors, service("n", **{"ome.io/ingress-domain": "example.net"}))
    assert (printed.code, printed.out) == (0, "")
    assert "2 objects would change without this as well" in printed.err


def test_what_no_door_depends_on_is_left_out(doors: Running) -> None:
    other = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
    printed = diff(doors, other, service())
    assert (printed.code, printed.err) == (
        0,
        "note: standard input: Deployment d: no door depends on it; it is left out\n",
    )


def test_the_contents_of_secrets_are_not_shown(doors: Running) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": {"joe": "aHVudGVyMg=="}}
    printed = diff(doors, secret)
    assert "+  joe: (not shown)" in printed.out
    assert "aHVudGVyMg" not in printed.out


def test_a_secret_that_may_not_be_read_closes_nothing(doors: Running) -> None:
    doors.fail("list", ApiError(403, "Forbidden", "no"), times=1000, kind=SECRETS.kind)
    controller = {"spec": {"controller": "k8s.io/ingress-nginx"}, "metadata": {"name": "nginx"}}
    doors.create({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", **controller})
    own = settings({"ingressClassName": "nginx"}, doorward="authService: ome/doorward-authz:9191")
    guarded = {"doorward.io/auth": "api-key", "doorward.io/auth-secret": "keys"}
    printed = diff(doors, own, service(**guarded))
    assert "+    nginx.ingress.kubernetes.io/auth-url" in printed.out
    assert "AuthSecretInvalid" not in printed.out + printed.err


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (settings({"urlScheme": "ftp"}), "ConfigMap ome/inferenceservice-config: key ingress, field urlScheme"),
        (service(), "InferenceService a/m: the API server refuses it: spec.engine is wrong"),
    ],
    ids=["settings", "service"],
)
def test_what_could_not_be_applied_is_an_error(doors: Running, obj: JsonObject, words: str) -> None:
    doors.fail("patch", ApiError(422, "Invalid", "spec.engine is wrong"), kind=SERVICE)
    printed = diff(doors, obj)
    assert (printed.code, printed.out) == (2, "")
    assert printed.err.startswith(f"error: standard input, line 2: {words}")


def test_one_namespace_is_looked_at_alone(doors: Running) -> None:
    refused = diff(doors, service(), arguments=("-n", "b"))
    assert (refused.code, "isn't in namespace b" in refused.err) == (2, True)
    before = len(doors.writes)
    assert diff(doors, service(**{"ome.io/url": "x"}), arguments=("-n", "a")).code == 1
    assert len(doors.writes) == before


def test_a_file_that_is_not_there_is_an_error(doors: Running, tmp_path: Path) -> None:
    printed = ask(doors, "diff", "-f", tmp_path / "none.yaml")
    assert (printed.code, "none.yaml: can't be read" in printed.err) == (2, True)


def test_services_have_the_addresses_and_ports_of_their_own_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the ranges of that cluster are, one that changes keeps what it was allotted."""
    doors = Running()
    doors.settings({})
    doors.create(component_service("m", "engine"))
    doors.create(inference_service("m", annotations={**RAW, **TYPED}, ready=("engine",)))
    settled(doors)
    for name in ("m", "m-engine"):
        resource = doors.resource("Service")
        standing = doors.store.get(resource, "a", name)
        spec = {**standing["spec"], "clusterIP": "172.20.5.6", "clusterIPs": ["172.20.5.6"]}
        spec["ports"] = [{**port, "nodePort": 20080} for port in spec["ports"]] if name == "m" else spec["ports"]
        doors.store.put(resource, {**standing, "spec": spec})
    settled(doors)
    capsys.readouterr()
    engine = doors.store.get(doors.resource("Service"), "a", "m-engine")
    assert diff(doors, engine).code == 0
    ports = [{**port, "targetPort": 9090} for port in engine["spec"]["ports"]]
    printed = diff(doors, {**engine, "spec": {**engine["spec"], "ports": ports}})
    assert "+++ Service a/m (then)" in printed.out.splitlines()
    assert (printed.code, printed.err) == (1, "")


def test_one_door_is_told_as_one(doors: Running) -> None:
    doors.delete(SERVICE, "n")
    settled(doors)
    assert "1 of 1 door would move:" in diff(doors, settings({"ingressDomain": "example.org"})).out.splitlines()
