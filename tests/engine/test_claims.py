"""Who owns a host: the standing door, the earliest of newcomers, and nobody by asking for it in a clever way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from doorward.model.reference import JsonObject, kind_of

from tests.cases.evaluate import route
from tests.engine.doors import DOORS, GATEWAY, add, ask, opened, reaches, settle, versions
from tests.engine.stage import Stage, component_service, inference_service, settings

SHARED = {"ome.io/ingress-domain-template": "shared.example.com"}
HOST = "http://shared.example.com/"


def two(first: str, second: str, door: str = "nginx") -> Stage:
    """Two services that ask for the same host, neither of them ready; ``first`` is the older."""
    stage = Stage()
    stage.create(settings(GATEWAY))
    for name in (first, second):
        stage.create(inference_service(name, annotations={**DOORS[door], **SHARED}))
        stage.create(component_service(name, "engine"))
        stage.clock.now += 60
    stage.start()
    settle(stage)
    return stage


def make_ready(stage: Stage, *names: str) -> None:
    for name in names:
        conditions = [{"type": "EngineReady", "status": "True"}]
        body = {"status": {"conditions": conditions}}
        stage.patch("InferenceService.ome.io", "a", name, body, subresource="status")


@pytest.mark.parametrize("door", ["istio", "nginx", "gateway_api"])
def test_age_decides_between_newcomers(door: str) -> None:
    stage = two("older", "younger", door)
    make_ready(stage, "older", "younger")
    settle(stage)
    assert reaches(stage, HOST) == "older-engine"
    loser = stage.condition("younger")
    assert (loser["status"], loser["reason"]) == ("False", "HostConflict")
    assert "shared.example.com" in loser["message"]
    assert "a/older" in loser["message"]
    assert stage.condition("older")["status"] == "True"
    assert stage.service("younger")["status"]["url"] == "http://younger.a.svc.cluster.local"


def test_the_standing_door_keeps_its_host_from_an_older_service() -> None:
    stage = two("older", "younger")
    make_ready(stage, "younger")
    settle(stage)
    assert reaches(stage, HOST) == "younger-engine"
    make_ready(stage, "older")
    settle(stage)
    stage.rest()
    assert reaches(stage, HOST) == "younger-engine"
    assert stage.condition("older")["reason"] == "HostConflict"


def test_a_door_that_is_not_ready_claims_nothing() -> None:
    stage = two("older", "younger")
    make_ready(stage, "younger")
    settle(stage)
    assert stage.condition("younger")["status"] == "True"


def test_take_over_comes_when_the_owner_objects_are_gone() -> None:
    stage = two("older", "younger")
    make_ready(stage, "older", "younger")
    settle(stage)
    stage.store.collecting = False
    stage.delete("InferenceService.ome.io", "a", "older")
    settle(stage)
    assert reaches(stage, HOST) == "older-engine"
    assert stage.condition("younger")["reason"] == "HostConflict"
    stage.store.collecting = True
    stage.store.collect()
    settle(stage)
    assert reaches(stage, HOST) == "younger-engine"
    assert stage.condition("younger")["status"] == "True"


@pytest.mark.parametrize("door", ["istio", "nginx", "gateway_api"])
@pytest.mark.parametrize("held", ["older", "younger"])
def test_a_held_doors_deleted_object_and_a_waiting_door_never_meet(
    door: str, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = "younger" if held == "older" else "older"
    stage = two("older", "younger", door)
    make_ready(stage, held)
    settle(stage)
    make_ready(stage, waiting)
    body = {"metadata": {"annotations": {"ome.io/deployment-mode": "Nonsense"}}}
    stage.patch("InferenceService.ome.io", "a", held, body)
    settle(stage)
    assert stage.condition(held)["reason"] == "InvalidDeploymentMode"
    assert stage.condition(waiting)["reason"] == "HostConflict"
    assert reaches(stage, HOST) == f"{held}-engine"

    most = count_owners(stage, monkeypatch)
    (theirs,) = naming(stage, "shared.example.com")
    stage.delete(kind_of(theirs), "a", theirs["metadata"]["name"])
    settle(stage)
    stage.rest()
    assert most() == 1
    assert reaches(stage, HOST) is not None


@pytest.mark.parametrize("door", ["istio", "nginx", "gateway_api"])
def test_a_host_that_is_leaving_is_not_restored_once_another_has_it(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = two("older", "younger", door)
    data = settings(GATEWAY, doorward="overlapSeconds: 120")["data"]
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})
    make_ready(stage, "older", "younger")
    settle(stage)
    (ours,) = naming(stage, "shared.example.com")
    most = count_owners(stage, monkeypatch)
    ask(stage, door, "older", **{"ome.io/ingress-domain-template": "own.example.com"})
    settle(stage)
    for _ in range(8):  # until repairs pause, and the other has the time to take it
        edited = json.loads(json.dumps(ours["spec"]).replace("shared.example.com", "edited.example.com"))
        stage.patch(kind_of(ours), "a", "older", {"spec": edited}, field_manager="somebody")
        settle(stage)
    stage.advance(150)
    settle(stage)
    stage.rest()
    assert most() == 1
    assert reaches(stage, HOST) == "younger-engine"
    assert reaches(stage, "http://own.example.com/") == "older-engine"


@pytest.mark.parametrize("door", ["istio", "nginx", "gateway_api"])
def test_a_held_door_that_meets_an_earlier_service_on_its_host_goes(door: str) -> None:
    stage = two("older", "younger", door)
    make_ready(stage, "younger")
    settle(stage)
    (theirs,) = naming(stage, "shared.example.com")
    stage.patch("InferenceService.ome.io", "a", "younger", {"spec": {"engine": None, "router": {}}})
    make_ready(stage, "older")
    settle(stage)
    stage.delete(kind_of(theirs), "a", theirs["metadata"]["name"])
    settle(stage)
    assert reaches(stage, HOST) == "older-engine"

    metadata = {k: v for k, v in theirs["metadata"].items() if k not in ("uid", "resourceVersion")}
    stage.create({**theirs, "metadata": metadata})  # a request that lands when nobody expects it any more
    settle(stage)
    stage.rest()
    assert [o["metadata"]["name"] for o in naming(stage, "shared.example.com")] == ["older"]
    assert stage.condition("younger")["reason"] == "EngineRequired"
    (told,) = (o for o in stage.store.list(stage.resource("Event")).items if o["reason"] == "HostConflict")
    assert told["message"].startswith("shared.example.com belongs to InferenceService a/older; it is served no more. ")
    assert stage.condition("older")["status"] == "True"


@pytest.mark.parametrize("door", ["istio", "nginx", "gateway_api"])
def test_a_standing_door_keeps_its_host_from_what_a_deleted_service_left(door: str) -> None:
    stage = two("older", "younger", door)
    ask(stage, door, "older", **{"ome.io/ingress-domain-template": "own.example.com"})
    make_ready(stage, "older", "younger")
    settle(stage)
    (left,) = naming(stage, "own.example.com")
    stage.store.collecting = False
    stage.delete("InferenceService.ome.io", "a", "older")
    settle(stage)
    # A request that lands when nobody expects it any more.
    spec = json.loads(json.dumps(left["spec"]).replace("own", "shared"))
    stage.patch(kind_of(left), "a", left["metadata"]["name"], {"spec": spec})
    settle(stage)
    assert {o["metadata"]["name"] for o in naming(stage, "shared.example.com")} == {"older", "younger"}
    assert stage.condition("younger")["status"] == "True"

    before = naming(stage, "shared.example.com")[1]
    stage.store.collecting = True
    stage.store.collect()
    settle(stage)
    stage.rest()
    assert naming(stage, "shared.example.com") == [before]


def count_owners(stage: Stage, patch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many objects served the shared host after any write from now on, at the most."""
    most = 0

    def counted(write: Callable[..., JsonObject]) -> Callable[..., JsonObject]:
        def counting(*arguments: Any, **more: Any) -> JsonObject:
            nonlocal most
            made = write(*arguments, **more)
            most = max(most, len(naming(stage, "shared.example.com")))
            return made

        return counting

    patch.setattr(stage.store, "create", counted(stage.store.create))
    patch.setattr(stage.store, "patch", counted(stage.store.patch))
    return lambda: most


def naming(stage: Stage, host: str) -> list[JsonObject]:
    """The objects that serve a host."""
    doors = (o for o in stage.objects() if o["kind"] in ("VirtualService", "Ingress", "HTTPRoute"))
    return [o for o in doors if f'"{host}"' in json.dumps(o["spec"])]


def test_a_loser_goes_without_that_host_alone() -> None:
    stage = opened("nginx", name="owner")
    add(stage, "nginx", name="other", **{"ome.io/ingress-additional-domains": "alt.example.com"})
    add(stage, "nginx", name="third")
    ask(stage, "nginx", "third", **{"ome.io/ingress-domain-template": "other.a.alt.example.com"})
    stage.clock.now += 1
    settle(stage)
    assert reaches(stage, "http://other.a.example.com/") == "other-engine"
    denied = [
        n
        for n in ("other", "third")
        if stage.condition(n)["reason" if "reason" in stage.condition(n) else "type"] == "HostConflict"
    ]
    assert len(denied) == 1


@pytest.mark.parametrize("door", ["istio", "nginx", "gateway_api"])
def test_two_services_can_swap_hosts(door: str) -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    add(stage, door, name="one", **{"ome.io/ingress-domain-template": "one.example.com"})
    add(stage, door, name="two", **{"ome.io/ingress-domain-template": "two.example.com"})
    stage.start()
    settle(stage)
    ask(stage, door, "one", **{"ome.io/ingress-domain-template": "two.example.com"})
    ask(stage, door, "two", **{"ome.io/ingress-domain-template": "one.example.com"})
    settle(stage)
    for _ in range(4):
        stage.advance(11)
        settle(stage)
    assert reaches(stage, "http://one.example.com/") == "two-engine"
    assert reaches(stage, "http://two.example.com/") == "one-engine"
    assert {stage.condition(name)["status"] for name in ("one", "two")} == {"True"}


def test_a_claim_covers_what_is_below_it() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    add(stage, "istio", name="path", **{"ome.io/ingress-path-template": "/models/{{.Name}}"})
    stage.start()
    settle(stage)
    assert reaches(stage, "http://example.com/models/path/x") == "path-engine"
    stage.clock.now += 60
    add(stage, "istio", name="above", **{"ome.io/ingress-path-template": "/models"})
    add(stage, "istio", name="below", **{"ome.io/ingress-path-template": "/models/path/deep"})
    add(stage, "istio", name="whole", **{"ome.io/ingress-domain-template": "{{.IngressDomain}}"})
    add(stage, "istio", name="beside", **{"ome.io/ingress-path-template": "/models/pathology"})
    settle(stage)
    for name in ("above", "below", "whole"):
        assert stage.condition(name)["reason"] == "HostConflict", name
    assert stage.condition("beside")["status"] == "True"
    assert reaches(stage, "http://example.com/models/path/deep/x") == "path-engine"
    assert reaches(stage, "http://example.com/models/pathology/x") == "beside-engine"


def test_an_older_service_that_is_edited_takes_nothing() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    add(stage, "nginx", name="elder")
    stage.clock.now += 60
    add(stage, "nginx", name="victim")
    stage.start()
    settle(stage)
    for hijack in (
        {"ome.io/ingress-domain-template": "victim.a.example.com"},
        {"ome.io/ingress-domain-template": "victim.{{.Namespace}}.{{.IngressDomain}}"},
        {"ome.io/ingress-domain-template": "x.nowhere.test", "ome.io/ingress-additional-domains": "example.com"},
    ):
        ask(stage, "nginx", "elder", **hijack)
        settle(stage)
        stage.advance(30)
        assert reaches(stage, "http://victim.a.example.com/") == "victim-engine", hijack
        assert stage.condition("victim")["status"] == "True"


def foreign_ingress(host: str, *, cls: str = "nginx", name: str = "theirs", **metadata: JsonObject) -> JsonObject:
    backend = {"service": {"name": "theirs", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "b", **metadata},
        "spec": {"ingressClassName": cls, "rules": [{"host": host, "http": {"paths": [path]}}]},
    }


def test_a_foreign_object_that_was_there_owns_its_host() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    stage.create(foreign_ingress("m.a.example.com"))
    add(stage, "nginx")
    stage.start()
    settle(stage)
    assert stage.condition()["reason"] == "HostConflict"
    assert "Ingress b/theirs" in stage.condition()["message"]
    assert "Ingress/m" not in stage.ours()
    stage.delete("Ingress.networking.k8s.io", "b", "theirs")
    settle(stage)
    assert stage.condition()["status"] == "True"


def test_a_foreign_object_of_another_class_owns_nothing_here() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    stage.create(foreign_ingress("m.a.example.com", cls="traefik"))
    add(stage, "nginx")
    stage.start()
    settle(stage)
    assert stage.condition()["status"] == "True"


@pytest.mark.parametrize("how", ["the annotation of old", "no class at all"])
def test_a_foreign_ingress_is_of_its_class_however_it_says_so(how: str) -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    old = {"kubernetes.io/ingress.class": "nginx"}
    theirs = foreign_ingress("m.a.example.com", annotations=old if how == "the annotation of old" else {})
    del theirs["spec"]["ingressClassName"]
    stage.create(theirs)
    add(stage, "nginx")
    stage.start()
    settle(stage)
    assert stage.condition()["reason"] == "HostConflict"
    assert "Ingress b/theirs" in stage.condition()["message"]
    add(stage, "istio", name="other", **{"ome.io/ingress-domain-template": "m.a.example.com"})
    settle(stage)
    assert stage.condition("other")["status"] == "True"


@pytest.mark.parametrize(
    "gateway",
    [
        "knative-serving/knative-ingress-gateway",
        "knative-ingress-gateway.knative-serving.svc.cluster.local",
        "knative-ingress-gateway.knative-serving",
        "./knative-ingress-gateway",
        "knative-ingress-gateway",
    ],
)
def test_a_foreign_virtual_service_is_on_a_gateway_however_it_names_it(gateway: str) -> None:
    namespace = "b" if "knative-serving" in gateway else "knative-serving"
    stage = Stage()
    stage.create(settings(GATEWAY))
    theirs: JsonObject = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": {
            "hosts": ["m.a.example.com"],
            "gateways": [gateway],
            "http": [{"route": [{"destination": {"host": "theirs"}}]}],
        },
    }
    stage.create(theirs)
    add(stage, "istio")
    stage.start()
    settle(stage)
    assert stage.condition()["reason"] == "HostConflict"
    assert f"VirtualService {namespace}/theirs" in stage.condition()["message"]


def test_a_foreign_route_is_on_a_gateway_however_it_names_its_listeners() -> None:
    namespace, _, name = str(GATEWAY["omeIngressGateway"]).partition("/")
    stage = Stage()
    stage.create(settings(GATEWAY))
    theirs: JsonObject = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": {"hostnames": ["m.a.example.com"], "parentRefs": [{"name": name, "sectionName": "web"}]},
    }
    stage.create(theirs)
    add(stage, "gateway_api")
    stage.start()
    settle(stage)
    assert stage.condition()["reason"] == "HostConflict"


def test_a_foreign_object_that_comes_later_is_a_warning_and_changes_nothing() -> None:
    stage = opened("nginx")
    before = versions(stage)
    stage.create(foreign_ingress("m.a.example.com"))
    settle(stage)
    after = versions(stage)
    assert all(after[key] == version for key, version in before.items())
    events = [o for o in stage.store.list(stage.resource("Event")).items if o["reason"] == "HostShared"]
    assert len(events) == 1
    assert "Ingress b/theirs" in events[0]["message"]


def test_an_acme_solver_owns_nothing() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    solver = foreign_ingress(
        "m.a.example.com", name="cm-acme-http-solver-x", labels={"acme.cert-manager.io/http01-solver": "true"}
    )
    stage.create(solver)
    add(stage, "nginx")
    stage.start()
    settle(stage)
    assert stage.condition()["status"] == "True"
    assert stage.get("Ingress.networking.k8s.io", "b", "cm-acme-http-solver-x")["spec"] == solver["spec"]


def test_a_foreign_path_elsewhere_on_the_host_owns_nothing_here() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    other = foreign_ingress("m.a.example.com")
    other["spec"]["rules"][0]["http"]["paths"][0]["path"] = "/elsewhere"
    stage.create(other)
    add(stage, "nginx")
    stage.start()
    settle(stage)
    assert stage.condition()["status"] == "True"


def route_below(kind: str, path: str, *, exact: bool = True) -> JsonObject:
    """A foreign object that serves one page of the door's host, or all below a path, where the backend of that name
    would serve the door."""
    host = "m.a.example.com"
    if kind == "nginx":
        theirs = foreign_ingress(host)
        theirs["spec"]["rules"][0]["http"]["paths"][0].update(path=path, pathType="Exact" if exact else "Prefix")
        return theirs
    if kind == "gateway_api":
        namespace, _, name = str(GATEWAY["omeIngressGateway"]).partition("/")
        match = {"path": {"type": "Exact" if exact else "PathPrefix", "value": path}}
        return {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "theirs", "namespace": namespace},
            "spec": {"hostnames": [host], "parentRefs": [{"name": name}], "rules": [{"matches": [match]}]},
        }
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "theirs", "namespace": "b"},
        "spec": {
            "hosts": [host],
            "gateways": ["knative-serving/knative-ingress-gateway"],
            "http": [
                {
                    "match": [{"uri": {"exact" if exact else "prefix": path}}],
                    "route": [{"destination": {"host": "theirs"}}],
                }
            ],
        },
    }


def shared(stage: Stage) -> list[str]:
    """What was told of hosts that others' objects name, too."""
    return [o["message"] for o in stage.store.list(stage.resource("Event")).items if o["reason"] == "HostShared"]


@pytest.mark.parametrize(
    ("path", "exact", "named"),
    [
        ("/", True, "/ alone"),
        ("/v1/models", True, "/v1/models alone"),
        ("/admin", False, "/admin and all below"),
    ],
)
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("backend", ["nginx", "gateway_api", "istio"])
def test_a_foreign_path_below_a_door_is_told_and_owns_nothing(
    backend: str, path: str, exact: bool, named: str, early: bool
) -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    if early:
        stage.create(route_below(backend, path, exact=exact))
    add(stage, backend)
    stage.start()
    settle(stage)
    if not early:
        stage.create(route_below(backend, path, exact=exact))
        settle(stage)
    assert stage.condition()["status"] == "True"
    (message,) = shared(stage)
    assert f"names m.a.example.com too, with {named}; such requests may go there" in message


def test_an_exact_path_on_another_gateway_takes_nothing_from_who_owns_all_below_it() -> None:
    theirs = route_below("istio", "/", exact=False)
    elsewhere = {
        "match": [{"uri": {"exact": "/"}, "gateways": ["b/theirs"]}],
        "route": theirs["spec"]["http"][0]["route"],
    }
    theirs["spec"]["http"].append(elsewhere)
    stage = Stage()
    stage.create(settings(GATEWAY))
    stage.create(theirs)
    add(stage, "istio")
    stage.start()
    settle(stage)
    assert "m.a.example.com belongs to" in stage.condition()["message"]


@pytest.mark.parametrize(
    ("host", "cls", "kind", "path", "told"),
    [
        ("m.a.example.com", "traefik", "Exact", "/", 0),
        ("example.com", "nginx", "Exact", "/", 0),
        ("example.com", "nginx", "Exact", "/a/m", 1),
        ("example.com", "nginx", "Exact", "/a/m/v1", 1),
        ("example.com", "nginx", "Exact", "/a/mm", 0),
        ("m.a.example.com", "traefik", "Prefix", "/admin", 0),
        ("example.com", "nginx", "Prefix", "/a/m/admin", 1),
        ("example.com", "nginx", "Prefix", "/a/mm", 0),
        ("example.com", "nginx", "Prefix", "/b", 0),
    ],
)
def test_a_foreign_path_is_told_where_it_takes_requests_from_the_door(
    host: str, cls: str, kind: str, path: str, told: int
) -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    theirs = foreign_ingress(host, cls=cls)
    theirs["spec"]["rules"][0]["http"]["paths"][0].update(path=path, pathType=kind)
    stage.create(theirs)
    add(stage, "nginx", **{"ome.io/ingress-path-template": "/{{.Namespace}}/{{.Name}}"})
    stage.start()
    settle(stage)
    assert stage.condition()["status"] == "True"
    assert len(shared(stage)) == told


@pytest.mark.parametrize("path", ["/a/m", "/a", "/"])
@pytest.mark.parametrize("early", [True, False])
def test_a_foreign_prefix_at_or_above_a_path_door_is_a_conflict_if_it_was_there_and_no_part(
    path: str, early: bool
) -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    theirs = foreign_ingress("example.com")
    theirs["spec"]["rules"][0]["http"]["paths"][0]["path"] = path
    if early:
        stage.create(theirs)
    add(stage, "nginx", **{"ome.io/ingress-path-template": "/{{.Namespace}}/{{.Name}}"})
    stage.start()
    settle(stage)
    if early:
        assert stage.condition()["reason"] == "HostConflict"
        assert shared(stage) == []
        return
    stage.create(theirs)
    settle(stage)
    assert stage.condition()["status"] == "True"
    (message,) = shared(stage)
    assert "requests may go to either" in message


def test_path_doors_on_one_domain_tell_nothing_of_each_other() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    for name in ("m", "n"):
        add(stage, "nginx", name=name, **{"ome.io/ingress-path-template": "/{{.Namespace}}/{{.Name}}"})
    stage.start()
    settle(stage)
    ask(stage, "nginx", "n", **{"ome.io/ingress-path-template": "/{{.Namespace}}/{{.Name}}/moved"})
    settle(stage)
    assert {stage.condition(name)["status"] for name in ("m", "n")} == {"True"}
    assert shared(stage) == []


def test_a_path_that_somebody_adds_to_another_service_s_object_is_put_right_and_not_told() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    for name in ("m", "n"):
        add(stage, "nginx", name=name)
    stage.start()
    settle(stage)
    theirs = stage.get("Ingress.networking.k8s.io", "a", "n")
    rule = foreign_ingress("m.a.example.com")["spec"]["rules"][0]
    rule["http"]["paths"][0]["path"] = "/admin"
    rules = [*theirs["spec"]["rules"], rule]
    stage.patch("Ingress.networking.k8s.io", "a", "n", {"spec": {"rules": rules}})
    settle(stage)
    assert stage.get("Ingress.networking.k8s.io", "a", "n")["spec"] == theirs["spec"]
    assert shared(stage) == []


@pytest.mark.parametrize("exact", [True, False])
def test_many_objects_with_paths_on_a_host_are_no_flood_of_events(exact: bool) -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    for number in range(9):
        theirs = route_below("nginx", f"/{number}", exact=exact)
        theirs["metadata"]["name"] = f"theirs-{number}"
        stage.create(theirs)
    add(stage, "nginx")
    stage.start()
    settle(stage)
    assert stage.condition()["status"] == "True"
    assert len(shared(stage)) == 3


def test_of_many_paths_of_one_object_the_first_are_named() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    theirs = foreign_ingress("m.a.example.com")
    paths = theirs["spec"]["rules"][0]["http"]["paths"]
    paths[:] = [{**paths[0], "path": f"/{number}"} for number in range(5)]
    stage.create(theirs)
    add(stage, "nginx")
    stage.start()
    settle(stage)
    (message,) = shared(stage)
    assert "with /0 and all below, /1 and all below, /2 and all below and 2 more; such requests" in message


def test_namespace_domains_refuse_others() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY, doorward="namespaceDomains:\n  'a*': [apps.example.com]\n"))
    add(stage, "nginx", **{"ome.io/ingress-additional-domains": "apps.example.com"})
    stage.start()
    settle(stage)
    condition = stage.condition()
    assert condition["reason"] == "DomainNotAllowed"
    assert "apps.example.com" in condition["message"]
    assert reaches(stage, "http://m.a.example.com/") is None
    assert reaches(stage, "http://m.a.apps.example.com/") == "m-engine"


def test_a_host_that_is_no_longer_allowed_goes_at_once() -> None:
    stage = opened("nginx")
    data = {"doorward": "namespaceDomains: {a: [apps.example.com]}\n"}
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})
    stage.settle()
    assert reaches(stage, "http://m.a.example.com/") is None


APPS = {"ome.io/ingress-additional-domains": "apps.example.com"}
ONLY_APPS = {"doorward": "namespaceDomains: {a: [apps.example.com]}"}


@pytest.mark.parametrize("door", ["istio", "nginx", "gateway_api"])
def test_a_held_door_loses_the_host_alone_that_is_no_longer_allowed(door: str) -> None:
    stage = opened(door)
    ask(stage, door, **APPS)
    settle(stage)
    assert reaches(stage, "http://m.a.apps.example.com/") == "m-engine"
    inside = reaches(stage, "http://m.a.svc.cluster.local/", inside=True)
    stage.patch("InferenceService.ome.io", "a", "m", {"spec": {"engine": {"timeoutSeconds": "soon"}}})
    stage.settle()
    assert stage.condition()["reason"] == "InvalidSpec"
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": ONLY_APPS})
    stage.settle()
    assert reaches(stage, "http://m.a.example.com/") is None
    assert reaches(stage, "http://m.a.apps.example.com/") == "m-engine"
    assert reaches(stage, "http://m.a.svc.cluster.local/", inside=True) == inside == "m-engine"
    (told,) = (o for o in stage.store.list(stage.resource("Event")).items if o["reason"] == "DomainNotAllowed")
    assert told["message"].startswith("m.a.example.com isn't below a domain")
    stage.rest()


@pytest.mark.parametrize("door", ["istio", "nginx"])
def test_a_door_that_is_replaced_loses_the_host_alone_that_is_no_longer_allowed(door: str) -> None:
    stage = opened(door)
    ask(stage, door, **APPS)
    settle(stage)
    assert reaches(stage, "http://m.a.apps.example.com/") == "m-engine"
    ask(stage, "gateway_api", **APPS)
    stage.settle()  # nobody accepts the HTTPRoute
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": ONLY_APPS})
    stage.settle()
    assert reaches(stage, "http://m.a.example.com/") is None
    (old,) = (o for o in naming(stage, "m.a.apps.example.com") if o["kind"] != "HTTPRoute")
    assert route([old], "http://m.a.apps.example.com/")
    settle(stage)
    stage.rest()
    assert [o["kind"] for o in naming(stage, "m.a.apps.example.com")] == ["HTTPRoute"]


def test_a_claim_in_flight_is_held_against_an_older_rival() -> None:
    stage = two("older", "younger")
    make_ready(stage, "younger")
    stage.deliver()
    actions = stage.engine.actions()
    assert any(a.verb == "create" and a.ref.kind.startswith("Ingress") for a in actions)
    make_ready(stage, "older")
    stage.deliver()
    rivals = stage.engine.actions()
    assert not any(a.ref.kind.startswith("Ingress") for a in rivals)
    for action in (*actions, *rivals):
        stage.receive(stage.perform(action))
    settle(stage)
    assert reaches(stage, HOST) == "younger-engine"


def test_twenty_path_doors_on_one_host_do_not_wake_each_other() -> None:
    stage = Stage()
    stage.create(settings(GATEWAY))
    for index in range(20):
        add(stage, "istio", name=f"m{index}", **{"ome.io/ingress-path-template": "/models/{{.Name}}"})
    stage.start()
    settle(stage)
    decided = stage.engine.decided
    add(stage, "istio", name="late", **{"ome.io/ingress-path-template": "/models/{{.Name}}"})
    settle(stage)
    assert stage.condition("late")["status"] == "True"
    assert stage.engine.decided - decided <= 6
