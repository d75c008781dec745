"""Plain Services that bear a label get doors, and lose them with the label."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import msgspec
import pytest
from doorward.backends import Backends
from doorward.cluster.protocol import ApiError
from doorward.model.event import Observed, Synced
from doorward.model.reference import JsonObject
from doorward.runtime.permissions import cluster_rules
from doorward_daemon.authz.doors import EngineDoors
from doorward_daemon.authz.watched import WatchedDoors

from tests.engine.outside import FINALIZER, Outside, Zone
from tests.engine.stage import component_service, settings
from tests.engine.test_guards import ASKING, KEYS, WITH_SERVICE
from tests.engine.test_guards_of_traefik import CLASS as TRAEFIK
from tests.sources.stage import INGRESS, OME, SERVICE, Sources, labelled, ome, slice_of

SELECTED = "Service#selected"
LABEL = "doorward.io/door"
SLICE = "EndpointSlice.discovery.k8s.io"


def stage(*objects: JsonObject, sources: tuple[str, ...] = ("service",), **more: Any) -> Sources:
    return Sources(*objects, sources=sources, **more)


def opened(*objects: JsonObject, sources: tuple[str, ...] = ("service",)) -> Sources:
    """Service a/m with its door."""
    found = stage(labelled(), slice_of(), *objects, sources=sources)
    assert found.hosts() == {"m": ["m.a.example.com"]}
    return found


def port_of(found: Sources, name: str = "m") -> tuple[str, int]:
    (path,) = found.get(INGRESS, "a", name)["spec"]["rules"][0]["http"]["paths"]
    service = path["backend"]["service"]
    return service["name"], service["port"]["number"]


def told(found: Sources, name: str = "m") -> JsonObject:
    return found.told(SELECTED, name)


def label(found: Sources, value: str | None, name: str = "m") -> None:
    found.patch(SERVICE, "a", name, {"metadata": {"labels": {LABEL: value}}})
    found.settle()


def writes(found: Sources) -> list[str]:
    return [f"{each.verb} {each.ref}" for each in found.performed if each.verb not in ("verify", "event")]


def again(found: Sources, *, records: bool = False) -> Sources:
    """Another process before the same cluster, with the journal of the last one or without."""
    other = Sources(sources=tuple(_names(found)), records=tuple(found.records) if records else ())
    other.store, other.clock, other.performed = found.store, found.clock, []
    other.start()
    other.settle()
    return other


def _names(found: Sources) -> list[str]:
    return [{OME: "ome", SELECTED: "service"}[kind] for kind in found.engine.backends.sources]


# -- the door ------------------------------------------------------------------------------------------------------


def test_a_labelled_service_gets_a_door_and_says_so() -> None:
    found = opened()
    assert port_of(found) == ("m", 80)
    said = told(found)
    assert (said["status"], "http://m.a.example.com" in said["message"]) == ("True", True)


@pytest.mark.parametrize("labels", [{}, {LABEL: "false"}, {LABEL: ""}, {"other": "true"}])
def test_a_service_without_the_label_is_left_alone(labels: dict[str, str]) -> None:
    found = stage(labelled(labels=labels), slice_of())
    assert found.ours() == set()
    assert writes(found) == []


def test_what_is_written_belongs_to_the_service() -> None:
    found = opened()
    metadata = found.get(INGRESS, "a", "m")["metadata"]
    (owner,) = metadata["ownerReferences"]
    uid = found.get(SERVICE, "a", "m")["metadata"]["uid"]
    assert (owner["apiVersion"], owner["kind"], owner["uid"]) == ("v1", "Service", uid)
    assert metadata["labels"]["doorward.io/service"] == "m"


def test_the_service_is_its_own_door_inside_whatever_the_settings_call_others() -> None:
    found = opened(settings(doorward='doorService: "{{.Name}}-door"'))
    assert found.ours() == {"Ingress/m"}
    assert found.store.list(found.resource("Event"), "a").items == []


def test_a_door_waits_for_an_endpoint_and_stands_without_one_from_then_on() -> None:
    found = stage(labelled())
    assert (found.hosts(), told(found)["reason"]) == ({}, "ServiceNotReady")
    found.create(slice_of())
    found.settle()
    assert found.hosts() == {"m": ["m.a.example.com"]}
    found.delete(SLICE, "a", "m-x")
    found.settle()
    assert found.hosts() == {"m": ["m.a.example.com"]}


@pytest.mark.parametrize(
    ("asked", "number"),
    [(None, 8080), ("metrics", 9090), ("9090", 9090), (" http ", 8080), ("7", None), ("dns", None)],
)
def test_requests_go_to_the_port_that_is_asked_for(asked: str | None, number: int | None) -> None:
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "metrics", "port": 9090},
        {"name": "http", "port": 8080},
    ]
    found = stage(labelled(ports=ports, annotations={"doorward.io/port": asked} if asked else {}), slice_of())
    if number:
        assert port_of(found) == ("m", number)
        return
    said = told(found)
    assert (found.hosts(), said["reason"]) == ({}, "InvalidPort")
    assert all(part in said["message"] for part in ("doorward.io/port", str(asked), "metrics", "8080"))


def test_the_only_port_needs_no_name() -> None:
    assert port_of(stage(labelled(ports=[{"port": 5000, "targetPort": 5001}]), slice_of())) == ("m", 5000)


def test_a_service_that_is_a_name_of_something_else_has_no_door() -> None:
    service = labelled()
    service["spec"] = {"type": "ExternalName", "externalName": "elsewhere.example.org", "ports": [{"port": 80}]}
    found = stage(service, slice_of())
    assert (found.hosts(), told(found)["reason"]) == ({}, "ComponentIsExternal")


def test_a_port_that_speaks_tls_is_refused() -> None:
    found = stage(labelled(ports=[{"name": "https", "port": 443}]), slice_of())
    assert told(found)["reason"] == "ComponentSpeaksTLS"


def test_annotations_have_the_names_of_this_project() -> None:
    found = stage(labelled(annotations={"doorward.io/ingress-domain": "models.test"}), slice_of())
    assert found.hosts() == {"m": ["m.a.models.test"]}


def test_a_balancer_of_its_own_selects_the_pods_of_the_service() -> None:
    notes = {"doorward.io/disable-ingress": "true", "doorward.io/service-type": "LoadBalancer"}
    found = stage(labelled(annotations=notes), slice_of())
    (name,) = (each.partition("/")[2] for each in found.ours())
    assert name != "m"
    assert found.get(SERVICE, "a", name)["spec"]["selector"] == {"app": "m"}


def test_hosts_that_were_written_are_known_without_a_journal() -> None:
    found = opened()
    conditions = found.get(SERVICE, "a", "m")["status"]["conditions"]
    (written,) = (each for each in conditions if each["type"] == "doorward.io/Hosts")
    assert written["message"] == "m.a.example.com/"
    assert "annotations" not in found.get(SERVICE, "a", "m")["status"]
    assert found.engine.snapshot()


def test_rights_are_those_for_services_and_no_more() -> None:
    rules = cluster_rules(stage().engine.backends)
    found = {name: set(rule["verbs"]) for rule in rules for name in rule["resources"] if rule["apiGroups"] == [""]}
    assert found["services"] == {"get", "list", "watch", "create", "patch", "delete"}
    assert (found["services/status"], found["services/finalizers"]) == ({"patch"}, {"update"})


# -- the loss of the label -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "false"])
def test_a_door_is_closed_when_the_label_goes(value: str | None) -> None:
    found = opened()
    label(found, value)
    assert found.ours() == set()
    assert found.get(SERVICE, "a", "m")["spec"]["selector"] == {"app": "m"}
    assert (found.get(SERVICE, "a", "m").get("status") or {}).get("conditions") in (None, [])
    assert found.engine.services() == []
    assert found.engine.idle


def test_a_service_counts_for_as_long_as_it_has_the_label() -> None:
    found = stage(labelled(), slice_of(), *ome("x"), sources=("ome", "service"))
    assert found.engine.service_count == len(found.engine.services()) == 2
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {LABEL: None}}})
    while found.deliver():
        pass
    assert found.hosts()["m"] == ["m.a.example.com"]
    assert found.engine.service_count == len(found.engine.services()) == 1


def test_conditions_of_others_stay_when_ours_go() -> None:
    found = opened()
    theirs = {"type": "Theirs", "status": "True", "reason": "R", "message": ""}
    standing = found.get(SERVICE, "a", "m")["status"]["conditions"]
    found.patch(SERVICE, "a", "m", {"status": {"conditions": [theirs, *standing]}}, subresource="status")
    found.settle()
    assert told(found)["status"] == "True"
    label(found, None)
    assert [each["type"] for each in found.get(SERVICE, "a", "m")["status"]["conditions"]] == ["Theirs"]


def test_everything_that_was_written_goes() -> None:
    notes = {"doorward.io/service-type": "NodePort", "doorward.io/ingress-path-template": "/{{.Name}}"}
    found = stage(labelled(annotations={**notes, "doorward.io/ingress-class": "nginx"}), slice_of())
    assert len(found.ours()) == 3
    label(found, None)
    assert found.ours() == set()


def test_a_guard_goes_after_the_door_that_it_guards() -> None:
    config = settings({"ingressClassName": "traefik"}, doorward=WITH_SERVICE)
    found = stage(labelled(annotations=ASKING), slice_of(), config, KEYS, TRAEFIK)
    assert {each.partition("/")[0] for each in found.ours()} == {"Ingress", "Middleware"}
    found.performed.clear()
    label(found, None)
    assert [each.ref.kind.partition(".")[0] for each in found.performed if each.verb == "delete"] == [
        "Ingress",
        "Middleware",
    ]


def test_a_door_opens_anew_when_the_label_is_back() -> None:
    found = opened()
    for _ in range(3):
        label(found, None)
        assert found.hosts() == {}
        label(found, "true")
        assert found.hosts() == {"m": ["m.a.example.com"]}
        assert told(found)["status"] == "True"


def test_a_host_comes_free_with_the_label() -> None:
    template = {"doorward.io/ingress-domain-template": "shared.example.com"}
    found = stage(labelled(annotations=template), slice_of())
    found.clock.now += 10
    found.create(labelled("n", annotations=template))
    found.create(slice_of("n"))
    found.settle()
    assert told(found, "n")["reason"] == "HostConflict"
    label(found, None)
    assert found.hosts() == {"n": ["shared.example.com"]}


@pytest.mark.parametrize("records", [True, False])
def test_a_label_that_went_while_nobody_watched_closes_the_door(records: bool) -> None:
    found = opened()
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {LABEL: None}}})
    other = again(found, records=records)
    assert other.ours() == set()
    assert (other.get(SERVICE, "a", "m").get("status") or {}).get("conditions") in (None, [])
    assert other.engine.idle


@pytest.mark.parametrize("lost", ["ownerReferences", "labels"])
def test_a_door_that_lost_its_marks_is_closed_all_the_same(lost: str) -> None:
    found = opened()
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {LABEL: None}}})
    found.patch(SERVICE, "a", "m", {"status": {"conditions": None}}, subresource="status")
    found.patch(INGRESS, "a", "m", {"metadata": {lost: None}})
    assert again(found).ours() == set()


def test_a_restart_writes_nothing() -> None:
    found = opened()
    for records in (True, False):
        assert writes(again(found, records=records)) == []


def test_the_door_of_a_service_that_is_gone_is_left_to_the_collector() -> None:
    found = opened()
    found.delete(SERVICE, "a", "m")
    found.settle()
    assert "delete Ingress a/m" not in writes(found)
    found.store.collect()
    assert found.ours() == set()


def test_nothing_is_closed_where_services_may_not_be_listed() -> None:
    found = opened()
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {LABEL: None}}})
    other = Sources(sources=("service",))
    other.store, other.performed = found.store, []
    for kind in other.engine.scopes:
        if kind == SERVICE:
            other._watched[kind, ""] = "0"
    other.receive(Synced(at=0.0, kind=SERVICE, state="forbidden", message="no"))
    for kind, scopes in other.engine.scopes.items():
        if kind != SERVICE:
            other._list(other.engine.backends.resources[kind], scopes[0])
    while other.act():
        pass
    assert writes(other) == []
    assert other.hosts() == {"m": ["m.a.example.com"]}


def test_a_process_that_is_gone_before_it_could_tell_so_is_followed_up() -> None:
    """What is left is a status that tells of a door."""
    found = opened()
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {LABEL: None}}})
    found.delete(INGRESS, "a", "m")
    other = again(found)
    assert (other.get(SERVICE, "a", "m").get("status") or {}).get("conditions") in (None, [])


def test_a_label_that_goes_closes_before_everything_is_listed() -> None:
    found = opened()
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {LABEL: None}}})
    other = Sources(sources=("service",))
    other.store, other.performed = found.store, []
    for kind in (*other.engine.backends.base_kinds, INGRESS):
        other._list(other.engine.backends.resources[kind], other.engine.scopes[kind][0])
    other.act()
    assert writes(other) == ["delete Ingress a/m"]


# -- what is no source ---------------------------------------------------------------------------------------------


def test_what_doorward_made_is_never_a_source() -> None:
    found = stage(*ome(), sources=("ome", "service"))
    label(found, "true")
    assert found.get(SERVICE, "a", "m")["metadata"]["annotations"]["doorward.io/owner"]
    assert len(found.engine.services()) == 1
    assert found.hosts() == {"m": ["m.a.example.com"]}


@pytest.mark.parametrize("how", ["label", "owner", "name"])
def test_a_component_of_another_service_has_no_door_of_its_own(how: str) -> None:
    service, component = ome()
    component = {**component, "metadata": {**component["metadata"], "labels": {LABEL: "true"}}}
    if how == "label":
        component["metadata"]["name"] = "somewhere"
        component["metadata"]["labels"] |= component_service("m", "engine")["metadata"]["labels"]
    found = stage(service, sources=("ome", "service"))
    uid = found.get(OME, "a", "m")["metadata"]["uid"]
    if how == "owner":
        component["metadata"]["name"] = "somewhere"
        owner = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "name": "m", "uid": uid}
        component["metadata"]["ownerReferences"] = [owner]
    name = component["metadata"]["name"]
    found.create(component)
    found.create(slice_of(name))
    found.settle()
    assert name not in found.hosts()
    said = told(found, name)
    assert (said["reason"], "InferenceService a/m" in said["message"]) == ("PartOfAnother", True)


def test_a_door_closes_when_its_service_becomes_a_part_of_another() -> None:
    found = opened(sources=("ome", "service"))
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {"ome.io/inferenceservice": "other"}}})
    found.settle()
    assert found.ours() == set()
    assert told(found)["reason"] == "PartOfAnother"
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {"ome.io/inferenceservice": None}}})
    found.settle()
    assert found.hosts() == {"m": ["m.a.example.com"]}


def test_a_name_that_is_a_components_by_now_closes_the_door() -> None:
    found = stage(labelled("x-engine"), slice_of("x-engine"), sources=("ome", "service"))
    assert found.hosts() == {"x-engine": ["x-engine.a.example.com"]}
    (service, _) = ome("x")
    found.create(service)
    found.settle()
    assert "x-engine" not in found.hosts()
    found.delete(OME, "a", "x")
    found.store.collect()
    found.settle()
    assert "x-engine" in found.hosts()


def test_a_service_and_an_inference_service_of_one_name_have_one_door() -> None:
    found = opened(sources=("ome", "service"))
    found.clock.now += 10
    for obj in ome():
        found.create(obj)
    found.settle()
    assert found.told(OME)["reason"] == "NameTaken"
    label(found, None)
    uid = found.get(OME, "a", "m")["metadata"]["uid"]
    assert found.get(INGRESS, "a", "m")["metadata"]["annotations"]["doorward.io/owner"] == uid


def test_a_service_that_names_itself_as_an_owner_is_not_deleted() -> None:
    found = opened()
    uid = found.get(SERVICE, "a", "m")["metadata"]["uid"]
    found.patch(SERVICE, "a", "m", {"metadata": {"annotations": {"doorward.io/owner": uid}}})
    found.settle()
    assert found.get(SERVICE, "a", "m")["metadata"]["uid"] == uid
    assert found.hosts() == {}
    assert (found.get(SERVICE, "a", "m").get("status") or {}).get("conditions") in (None, [])


def test_what_others_made_is_not_deleted_when_the_label_goes() -> None:
    found = opened()
    uid = found.get(SERVICE, "a", "m")["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Service", "name": "m", "uid": uid, "controller": True}
    theirs = found.get(INGRESS, "a", "m")
    theirs["metadata"] = {"name": "theirs", "namespace": "a", "ownerReferences": [owner]}
    found.create(theirs)
    label(found, None)
    assert found.hosts() == {"theirs": ["m.a.example.com"]}


# -- who may come in -----------------------------------------------------------------------------------------------


def test_a_guarded_service_is_known_to_the_authorization_service() -> None:
    found = stage(labelled(annotations={"doorward.io/auth": "api-key", "doorward.io/auth-secret": "keys"}), slice_of())
    passage = EngineDoors(found.engine).named("a", "m")
    assert passage is not None
    assert passage.guard is not None


def test_a_service_that_can_not_be_read_keeps_its_door() -> None:
    found = opened()
    source = found.engine.backends.sources[SELECTED]

    def raises(_: JsonObject) -> bool:
        raise RuntimeError("no idea")

    found.engine.backends.selecting[SERVICE] = msgspec.structs.replace(source, selected=raises)
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {"more": "1"}}})
    found.settle()
    assert told(found)["reason"] == "SourceError"
    assert found.hosts() == {"m": ["m.a.example.com"]}


def test_a_deleted_ingress_is_back() -> None:
    found = opened()
    found.delete(INGRESS, "a", "m")
    found.settle()
    assert found.hosts() == {"m": ["m.a.example.com"]}
    with pytest.raises(ApiError):
        found.get(INGRESS, "a", "other")


# -- what is kept outside of the API server ------------------------------------------------------------------------


def outside() -> Outside:
    zone = Zone()
    installed = {each.name: each.load() for each in entry_points(group="doorward")}
    found = Outside(backends=Backends({**installed, "dns": zone}, sources=["service"]))
    found.zone = zone
    found.create(labelled(annotations={"doorward.io/ingress-class": "dns"}))
    found.create(slice_of())
    found.start()
    found.settle()
    assert zone.hosts() == ["m.a.example.com"]
    assert found.get(SERVICE, "a", "m")["metadata"]["finalizers"] == [FINALIZER]
    return found


def test_what_a_backend_keeps_itself_goes_with_the_label_and_the_finalizer_after_it() -> None:
    found = outside()
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {LABEL: None}}})
    found.settle()
    assert found.zone.hosts() == []
    metadata = found.get(SERVICE, "a", "m")["metadata"]
    assert (metadata.get("finalizers"), found.engine.services()) == (None, [])


def test_no_finalizer_is_left_on_a_service_that_names_an_owner() -> None:
    found = outside()
    found.patch(SERVICE, "a", "m", {"metadata": {"annotations": {"doorward.io/owner": "somebody"}}})
    found.settle()
    assert found.zone.hosts() == []
    assert "finalizers" not in found.get(SERVICE, "a", "m")["metadata"]


def test_a_finalizer_stays_as_long_as_what_it_is_for() -> None:
    found = outside()
    found.zone.refusals = [ApiError(500, "InternalError", "not now")]
    found.patch(SERVICE, "a", "m", {"metadata": {"labels": {LABEL: None}}})
    found.settle()
    assert found.get(SERVICE, "a", "m")["metadata"]["finalizers"] == [FINALIZER]
    found.rest()
    assert "finalizers" not in found.get(SERVICE, "a", "m")["metadata"]


# -- the authorization service alone -------------------------------------------------------------------------------


def test_the_authorization_service_alone_knows_the_services_that_are_selected() -> None:
    doors = WatchedDoors(("",), Backends(sources=["service"]).sources)
    doors.take(Synced(at=0.0, kind="ConfigMap", resource_version=1))
    notes = {"doorward.io/auth": "api-key", "doorward.io/auth-secret": "keys"}
    obj = labelled(annotations=notes)
    obj["metadata"] |= {"uid": "1", "resourceVersion": "1"}
    condition = {"type": "doorward.io/Hosts", "status": "True", "message": "m.a.example.com/"}
    doors.take(Observed(at=0.0, kind=SERVICE, object={**obj, "status": {"conditions": [condition]}}))
    doors.take(Synced(at=0.0, kind=SERVICE, resource_version=1, keys=frozenset({("a", "m")})))
    assert doors.ready
    assert [each.door for each in doors.at("m.a.example.com", "/") or ()] == [("a", "m")]
    unlabelled = {**obj, "metadata": {**obj["metadata"], "labels": {}}}
    doors.take(Observed(at=0.0, kind=SERVICE, object={**unlabelled, "status": {"conditions": [condition]}}))
    assert doors.named("a", "m"), "its door may stand for a moment yet"
    doors.take(Observed(at=0.0, kind=SERVICE, object=unlabelled))
    assert doors.named("a", "m") is None
    doors.take(Observed(at=0.0, kind=SERVICE, object=obj))
    doors.take(Synced(at=0.0, kind=SERVICE, resource_version=2))
    assert doors.named("a", "m") is None
