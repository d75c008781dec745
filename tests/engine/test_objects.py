"""docs/objects.md, Objects: what our objects bear, how they are named and written, and what is never touched.

Ownership, adoption and drift have files of their own.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from doorward.engine import Engine
from doorward.model.event import Synced
from doorward.model.names import cut
from doorward.model.reference import SERVICE, JsonObject, Resource

from tests.engine.scenes import HTTP_ROUTE, INGRESS, RAW, VIRTUAL_SERVICE, Scene, opened, service
from tests.engine.stage import backends, definitions, settings

PATH = {"ome.io/ingress-path-template": "/models/{{.Name}}"}
GATEWAY_API = {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}
OFF = {"ome.io/disable-ingress": "true"}
KINDS: dict[str, tuple[str, bool, dict[str, str], JsonObject]] = {
    "VirtualService": (VIRTUAL_SERVICE, False, {}, {}),
    "Ingress": (INGRESS, True, {}, {}),
    "HTTPRoute": (HTTP_ROUTE, True, {}, GATEWAY_API),
}


def digits(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:5]


@pytest.mark.parametrize(("kind", "raw", "annotations", "ingress"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("name", ["m", "m" * 70])
def test_every_object_says_whose_it_is(
    name: str, kind: str, raw: bool, annotations: dict[str, str], ingress: JsonObject
) -> None:
    scene = Scene(settings(ingress), service(name, raw=raw, annotations={**annotations, **PATH})[0])
    uid = scene.service(name)["metadata"]["uid"]
    ours = [o for o in scene.objects() if "doorward.io/owner" in (o["metadata"].get("annotations") or {})]
    assert {o["kind"] for o in ours} >= {kind.partition(".")[0], "Service"}
    for obj in ours:
        metadata = obj["metadata"]
        assert metadata["annotations"]["doorward.io/owner"] == uid
        assert metadata["labels"]["ome.io/inferenceservice"] == cut(name)
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "doorward"
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == (
            "InferenceService",
            name,
            uid,
            True,
        )
        assert {entry["manager"] for entry in metadata["managedFields"]} == {"doorward"}


@pytest.mark.parametrize(("kind", "raw", "annotations", "ingress"), KINDS.values(), ids=KINDS)
def test_the_main_object_has_the_services_name_and_the_path_door_one_of_its_own(
    kind: str, raw: bool, annotations: dict[str, str], ingress: JsonObject
) -> None:
    notes = {**annotations, **PATH, **({"ome.io/ingress-class": "nginx"} if kind == INGRESS else {})}
    scene = Scene(settings(ingress), *service(raw=raw, annotations=notes))
    bare = kind.partition(".")[0]
    path = f"{bare}/m-path-{digits('a/m/models/m')}"
    assert {name for name in scene.ours() if name.startswith(bare)} == {f"{bare}/m", path}


def test_the_same_names_in_two_namespaces_have_derived_names_apart() -> None:
    asks: dict[str, Any] = {"annotations": {**OFF, "ome.io/service-type": "LoadBalancer"}}
    scene = Scene(*service("m", **asks), *service("m", namespace="b", **asks))
    assert {f"Service/m-lb-{digits('a/m')}", f"Service/m-lb-{digits('b/m')}"} <= scene.ours()


def test_a_derived_name_is_cut_before_its_suffix() -> None:
    name = "m" * 70
    notes = {**OFF, "ome.io/service-type": "LoadBalancer"}
    scene = Scene(service(name, annotations=notes)[0])
    suffix = f"-lb-{digits(f'a/{name}')}"
    assert f"Service/{'m' * (63 - len(suffix))}{suffix}" in scene.ours()


def test_deletion_of_the_service_collects_everything_while_nothing_runs() -> None:
    scene = opened(annotations=PATH)
    scene.delete("InferenceService.ome.io", "a", "m")
    assert scene.ours() == set()


def test_creations_are_creates_and_updates_carry_uid_and_resource_version() -> None:
    scene = opened("m", raw=False)
    scene.edit(annotations=RAW)
    scene.advance(11)
    verbs = set()
    for action in scene.performed:
        verbs.add(action.verb)
        metadata = (action.body or {}).get("metadata", {})
        if action.verb == "create":
            assert "resourceVersion" not in metadata
        elif action.verb in ("patch", "status"):
            assert metadata["uid"]
            assert metadata["resourceVersion"]
        elif action.verb == "delete":
            assert action.uid
            assert action.resource_version
    assert verbs >= {"create", "patch", "status", "delete"}


def test_the_newest_version_that_the_server_knows_is_used() -> None:
    scene = Scene(settings(), *service(), start=False)
    real = scene.store.served
    newer = scene.engine.backends.resources[VIRTUAL_SERVICE].versions
    assert newer == ("v1", "v1beta1")
    scene.store.served = lambda resource: "v1beta1" if resource.kind == VIRTUAL_SERVICE else real(resource)  # type: ignore[method-assign]
    scene.start()
    scene.settle()
    (create,) = (a for a in scene.performed if a.verb == "create" and a.ref.kind == VIRTUAL_SERVICE)
    assert create.body is not None
    assert (create.version, create.body["apiVersion"]) == ("v1beta1", "networking.istio.io/v1beta1")
    (newest,) = (a for a in opened(raw=False).performed if a.verb == "create" and a.ref.kind == VIRTUAL_SERVICE)
    assert newest.version == "v1"


def test_a_server_that_learns_a_newer_version_has_nothing_written_anew() -> None:
    scene = Scene(settings(), *service(), start=False)
    real = scene.store.served
    scene.store.served = lambda resource: "v1beta1" if resource.kind == VIRTUAL_SERVICE else real(resource)  # type: ignore[method-assign]
    scene.start()
    scene.settle()
    scene.store.served = real  # type: ignore[method-assign]
    assert scene.again().performed == []
    assert scene.again(journal=False).performed == []


@pytest.mark.parametrize(("kind", "raw", "annotations", "ingress"), KINDS.values(), ids=KINDS)
def test_a_kind_that_the_cluster_doesnt_serve_is_named(
    kind: str, raw: bool, annotations: dict[str, str], ingress: JsonObject
) -> None:
    scene = Scene(settings(ingress), *service(raw=raw, annotations=annotations), absent=[kind])
    assert scene.verdict() == ("False", "KindNotServed")
    assert kind in scene.message()
    assert scene.engine.missing[kind] == "absent"


@pytest.mark.parametrize(("kind", "raw", "annotations", "ingress"), KINDS.values(), ids=KINDS)
def test_a_kind_that_may_not_be_listed_is_named_and_not_written(
    kind: str, raw: bool, annotations: dict[str, str], ingress: JsonObject
) -> None:
    scene = Scene(settings(ingress), *service(raw=raw, annotations=annotations), forbidden=[kind])
    assert scene.verdict() == ("False", "KindForbidden")
    assert "is forbidden" in scene.message()
    assert scene.ours() == set()


def test_a_kind_that_may_not_be_listed_in_one_namespace_isnt_taken_for_listed() -> None:
    scene = Scene(settings(), *service(raw=True), *service("n", raw=True, namespace="b"), start=False)
    scene.engine = Engine(backends(), namespaces=("a", "b"))
    scene.start()
    denied = Synced(at=scene.clock(), kind=INGRESS, scope="b", state="forbidden", message="not in b")
    scene.receive(denied)
    scene.settle()
    assert scene.engine.missing == {INGRESS: "forbidden"}
    assert scene.verdict() == ("False", "KindForbidden")
    assert scene.ours() == set()


def test_a_kind_that_appears_opens_the_door() -> None:
    scene = Scene(*service(), absent=[VIRTUAL_SERVICE])
    definition = next(d for d in definitions() if d["spec"]["names"]["kind"] == "VirtualService")
    crds = Resource("CustomResourceDefinition.apiextensions.k8s.io", "customresourcedefinitions", namespaced=False)
    scene.store.create(crds, "", definition)
    scene.settle()
    assert scene.verdict() == ("True", "")


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_another_kind_that_isnt_there_stands_in_nobodys_way(raw: bool) -> None:
    missing = [HTTP_ROUTE, "Gateway.gateway.networking.k8s.io", "Service.serving.knative.dev"]
    missing += [VIRTUAL_SERVICE] if raw else []
    assert Scene(*service(raw=raw), absent=missing).verdict() == ("True", "")


# -- nothing that isn't ours is ever written ------------------------------------------------------------------------

BYSTANDERS: list[JsonObject] = [
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "theirs", "namespace": "a"},
        "spec": {"rules": [{"host": "theirs.test", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "x", "port": {"number": 80}}}}
        ]}}]},
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "theirs", "namespace": "a"},
        "spec": {"hosts": ["theirs.test"], "http": [{"route": [{"destination": {"host": "x"}}]}]},
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "m-lb-theirs", "namespace": "a", "labels": {"ome.io/inferenceservice": "m"}},
        "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]},
    },
]  # fmt: skip
MODE, VISIBILITY = "ome.io/deployment-mode", "networking.knative.dev/visibility"
LIVES: dict[str, list[dict[str, dict[str, str | None]]]] = {
    "modes": [{"annotations": {MODE: "RawDeployment"}}, {"annotations": {MODE: "Serverless"}}],
    "closing": [{"labels": {VISIBILITY: "cluster-local"}}, {"labels": {VISIBILITY: None}}],
    "balancer": [
        {"annotations": {**OFF, "ome.io/service-type": "LoadBalancer"}},
        {"annotations": {"ome.io/service-type": "NodePort"}},
    ],
    "refused": [{"annotations": {MODE: "Raw"}}, {"annotations": {MODE: None}}],
}


@pytest.mark.parametrize("edits", LIVES.values(), ids=LIVES)
def test_nothing_that_isnt_ours_is_ever_written(edits: list[dict[str, dict[str, str | None]]]) -> None:
    scene = Scene(settings(), *BYSTANDERS, *service("m", "engine", "router", "decoder"))
    for edit in edits:
        scene.edit("m", "a", **edit)
        before = scene.foreign()
        scene.advance(11)
        scene.again(journal=False)
        assert scene.foreign() == before
    strangers = {"theirs", "m-lb-theirs", "m-engine", "m-router", "m-decoder"}
    assert not strangers & {action.ref.name for action in scene.performed if action.verb != "event"}
    scene.delete("InferenceService.ome.io", "a", "m")
    scene.advance(11)
    assert strangers <= {o["metadata"]["name"] for o in scene.objects()}


@pytest.mark.parametrize("name", ["Ingress", "Service"])
def test_what_appears_between_look_and_write_is_left_alone(name: str) -> None:
    scene = Scene(settings(), *service(raw=True), start=False)
    rule = {"host": "theirs.test", "http": BYSTANDERS[0]["spec"]["rules"][0]["http"]}
    theirs: JsonObject = {
        "Ingress": {"apiVersion": "networking.k8s.io/v1", "spec": {"rules": [rule]}},
        "Service": {"apiVersion": "v1", "spec": {"selector": {"app": "x"}, "ports": [{"port": 81}]}},
    }[name]
    theirs |= {"kind": name, "metadata": {"name": "m", "namespace": "a"}}
    scene.start()
    scene.deliver()
    created = scene.create(theirs)
    scene.settle()
    standing = scene.get({"Ingress": INGRESS, "Service": SERVICE}[name], "a", "m")
    assert standing["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    scene.advance(120)
    assert scene.get({"Ingress": INGRESS, "Service": SERVICE}[name], "a", "m") == standing
    if name == "Ingress":
        assert scene.verdict() == ("False", "ObjectConflict")
    else:
        assert (scene.verdict(), scene.reasons()) == (("True", ""), ["ObjectConflict"])


def test_what_changes_hands_between_look_and_write_is_left_alone() -> None:
    scene = opened()
    scene.patch(
        "InferenceService.ome.io", "a", "m", {"metadata": {"annotations": {"ome.io/ingress-domain": "new.test"}}}
    )
    scene.deliver()
    (patch,) = (a for a in scene.engine.actions() if a.ref.kind == INGRESS)
    scene.patch(INGRESS, "a", "m", {"metadata": {"annotations": {"doorward.io/owner": None}, "ownerReferences": None}})
    taken = scene.get(INGRESS, "a", "m")
    scene.receive(scene.perform(patch))
    scene.advance(60)
    assert scene.get(INGRESS, "a", "m") == taken
    assert scene.verdict() == ("False", "ObjectConflict")


def test_more_hosts_than_an_http_route_holds_go_into_further_ones() -> None:
    domains = ",".join(f"d{number}.test" for number in range(20))
    scene = Scene(settings(GATEWAY_API), *service(raw=True, annotations={"ome.io/ingress-additional-domains": domains}))
    assert {"HTTPRoute/m", f"HTTPRoute/m-2-{digits('a/m')}"} <= scene.ours()
    assert scene.reaches("http://m.a.d19.test/") == "m-engine"
