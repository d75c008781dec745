"""Doors that a backend keeps outside of the API server: written under a finalizer, observed, and cleared away."""

from __future__ import annotations

import asyncio
from importlib.metadata import entry_points

import pytest
from doorward.backends import Backends
from doorward.cluster.embedded import Store
from doorward.engine import Engine
from doorward.hooks import ApiError, Watch, hookimpl
from doorward.model.event import Deleted
from doorward.model.reference import JsonObject, Ref, Resource
from doorward.runtime.offline import Offline

from tests.engine.outside import DNS, FINALIZER, NGINX, RECORDS, Outside, Zone, with_zone
from tests.engine.stage import Stage, component_service, definitions, inference_service

SERVICE = "InferenceService.ome.io"
INGRESS = "Ingress.networking.k8s.io"


@pytest.fixture
def stage() -> Outside:
    return Outside()


def test_a_door_opens_outside_of_the_api_server(stage: Outside) -> None:
    stage.open()
    assert stage.zone.hosts() == ["m.a.example.com"]
    metadata = stage.zone.objects[Ref(RECORDS, "a", "m")]["metadata"]
    assert metadata["annotations"]["doorward.io/owner"] == stage.service()["metadata"]["uid"]
    assert stage.condition()["status"] == "True"
    assert stage.service()["status"]["url"] == "http://m.a.example.com"


def test_the_finalizer_is_there_before_the_first_write(stage: Outside) -> None:
    stage.open(annotations=DNS)
    order = [(a.verb, a.ref.kind) for a in stage.performed if a.ref.kind in (RECORDS, SERVICE) and a.verb != "status"]
    assert order == [("patch", SERVICE), ("create", RECORDS)]
    assert stage.finalizers() == [FINALIZER]


def test_finalizers_of_others_stay(stage: Outside) -> None:
    service = inference_service(annotations=DNS, ready=("engine",))
    service["metadata"]["finalizers"] = ["inferenceservice.finalizers"]
    stage.create(component_service("m", "engine"))
    stage.create(service)
    stage.start()
    stage.settle()
    assert stage.finalizers() == ["inferenceservice.finalizers", FINALIZER]
    stage.annotate(NGINX)
    stage.rest()
    assert stage.finalizers() == ["inferenceservice.finalizers"]


def test_ordinary_doors_get_no_finalizer(stage: Outside) -> None:
    stage.open(annotations=NGINX)
    stage.rest()
    assert (stage.finalizers(), stage.zone.actions) == ([], [])
    stage.drop()
    stage.settle()
    assert not stage.there()


def test_a_restart_writes_nothing(stage: Outside) -> None:
    stage.open()
    stage.rest()
    again = Outside(stage)
    again.start()
    again.rest()
    assert again.performed == []


def test_a_changed_host_has_its_overlap(stage: Outside) -> None:
    stage.open()
    stage.annotate({"ome.io/ingress-domain": "example.org"})
    stage.settle()
    assert stage.zone.hosts() == ["m.a.example.org", "m.a.example.com"]
    stage.rest()
    assert stage.zone.hosts() == ["m.a.example.org"]


def test_drift_is_repaired_once_it_is_observed(stage: Outside) -> None:
    stage.open()
    stage.zone.edit({"spec": {"target": "elsewhere.example.net"}, "metadata": {"annotations": {"x": "y"}}})
    stage.settle()
    obj = stage.zone.objects[Ref(RECORDS, "a", "m")]
    assert obj["spec"]["target"] == "gateway.example.net"
    assert "x" not in obj["metadata"]["annotations"]


def test_what_somebody_removes_is_put_back(stage: Outside) -> None:
    stage.open()
    stage.zone.objects.clear()
    stage.settle()
    assert stage.zone.hosts() == ["m.a.example.com"]


def test_what_goes_between_a_write_and_the_next_observation_is_put_back(stage: Outside) -> None:
    stage.open()
    stage.annotate({"ome.io/ingress-domain": "example.org"})
    stage.deliver()
    stage.act()
    stage.zone.objects.clear()
    stage.settle()
    assert stage.zone.hosts() == ["m.a.example.org"]


def test_a_deletion_that_takes_its_time_is_asked_for_once(stage: Outside) -> None:
    stage.open()
    stage.zone.lingering = True
    stage.drop()
    stage.rest()
    assert (stage.zone.verbs(), stage.there()) == (["create", "delete"], True)
    stage.zone.objects.clear()
    stage.settle()
    assert not stage.there()


def test_a_deletion_that_does_nothing_is_no_reason_to_hurry(stage: Outside) -> None:
    stage.open()
    stage.zone.idle = True
    stage.drop()
    stage.advance(60)
    assert stage.there()
    assert stage.zone.verbs().count("delete") < 12
    stage.zone.idle = False
    stage.advance(60)
    assert not stage.there()


def test_another_backend_takes_over_with_an_overlap_and_without_the_finalizer(stage: Outside) -> None:
    stage.open()
    stage.annotate(NGINX)
    stage.settle()
    assert (stage.get(INGRESS, "a", "m")["kind"], stage.zone.hosts()) == ("Ingress", ["m.a.example.com"])
    assert stage.finalizers() == [FINALIZER]
    stage.rest()
    assert (stage.zone.hosts(), stage.finalizers()) == ([], [])


def test_closing_takes_it_away_at_once(stage: Outside) -> None:
    stage.open()
    stage.patch(SERVICE, "a", "m", {"metadata": {"labels": {"networking.ome.io/visibility": "cluster-local"}}})
    stage.settle()
    assert (stage.zone.hosts(), stage.finalizers()) == ([], [])
    assert stage.condition()["reason"] == "ClusterLocal"


def test_a_deleted_service_waits_until_nothing_stands(stage: Outside) -> None:
    stage.open()
    stage.zone.refusals = [ApiError(503, "ServiceUnavailable", "the zone is locked")]
    stage.drop()
    stage.settle()
    assert (stage.there(), stage.zone.hosts()) == (True, ["m.a.example.com"])
    stage.rest()
    assert (stage.there(), stage.zone.hosts()) == (False, [])


def test_a_refused_deletion_is_told(stage: Outside) -> None:
    stage.open()
    stage.zone.refusals = [ApiError(403, "Forbidden", "these records are protected")]
    stage.drop()
    stage.settle()
    condition = stage.condition()
    assert (condition["reason"], stage.finalizers()) == ("WriteRefused", [FINALIZER])
    assert "these records are protected" in condition["message"]
    stage.rest()
    assert not stage.there()


def test_a_service_that_is_deleted_while_its_records_are_created_leaves_none(stage: Outside) -> None:
    stage.open(annotations=NGINX)
    stage.patch(SERVICE, "a", "m", {"metadata": {"finalizers": [FINALIZER], "annotations": DNS}})
    stage.deliver()
    creation = next(action for action in stage.engine.actions() if action.ref.kind == RECORDS)
    stage.drop()
    stage.settle()
    assert stage.there()
    stage.receive(stage.perform(creation))
    assert stage.zone.hosts() == ["m.a.example.com"]
    stage.rest()
    assert (stage.there(), stage.zone.hosts()) == (False, [])


def test_a_service_that_is_deleted_while_a_creation_is_in_doubt_leaves_no_records(stage: Outside) -> None:
    stage.open(annotations=NGINX)
    stage.patch(SERVICE, "a", "m", {"metadata": {"finalizers": [FINALIZER], "annotations": DNS}})
    stage.deliver()
    creation = next(action for action in stage.engine.actions() if action.ref.kind == RECORDS)
    stage.zone.lost = [ApiError(0, "", "no answer")]
    stage.zone.unseen = [ApiError(0, "", "no answer")] * 1000
    stage.receive(stage.perform(creation))
    assert stage.zone.hosts() == ["m.a.example.com"]
    stage.drop()
    stage.deliver()
    stage.rest()
    assert (stage.there(), stage.zone.hosts()) == (False, [])


def test_a_service_that_was_being_deleted_before_a_start_goes_once_all_is_observed(stage: Outside) -> None:
    labels = {"networking.ome.io/visibility": "cluster-local"}
    stage.open(labels=labels)
    stage.patch(SERVICE, "a", "m", {"metadata": {"finalizers": [FINALIZER]}})
    stage.drop()
    stage.records.clear()
    again = Outside(stage)
    again.start()
    again.settle()
    assert not again.there()


def test_nothing_is_remembered_of_what_is_gone(stage: Outside) -> None:
    stage.open()
    stage.annotate(NGINX)
    stage.rest()
    told = [record.event for record in stage.engine.snapshot()]
    assert not [event for event in told if isinstance(event, Deleted) and event.ref.kind == RECORDS]


def test_a_crash_between_finalizer_and_creation_is_made_up_for(stage: Outside) -> None:
    stage.open(annotations=NGINX)
    stage.patch(SERVICE, "a", "m", {"metadata": {"finalizers": [FINALIZER], "annotations": DNS}})
    again = Outside(stage)
    again.start()
    again.rest()
    assert (stage.zone.verbs(), again.finalizers()) == (["create"], [FINALIZER])


def test_a_crash_before_a_creation_that_is_needed_no_more_frees_the_service(stage: Outside) -> None:
    stage.open(annotations=NGINX)
    stage.patch(SERVICE, "a", "m", {"metadata": {"finalizers": [FINALIZER]}})
    again = Outside(stage)
    again.start()
    again.rest()
    assert (stage.zone.actions, again.finalizers()) == ([], [])


def test_after_no_answer_it_looks_before_it_writes_again(stage: Outside) -> None:
    stage.zone.lost = [ApiError(0, "", "no answer within 60 s")]
    stage.open()
    assert (stage.zone.verbs(), stage.zone.hosts()) == (["create", "verify"], ["m.a.example.com"])
    assert stage.condition()["status"] == "True"


def test_any_other_exception_counts_as_no_answer(stage: Outside) -> None:
    stage.zone.refusals = [ConnectionResetError()]
    stage.open()
    assert (stage.zone.verbs(), stage.zone.hosts()) == (["create", "verify", "create"], ["m.a.example.com"])


def test_a_refusal_is_told_in_the_condition(stage: Outside) -> None:
    stage.zone.refusals = [ApiError(422, "Invalid", "the zone has no more room")]
    stage.open()
    assert stage.condition()["reason"] == "WriteRefused"
    assert "the zone has no more room" in stage.condition()["message"]
    stage.rest()
    assert stage.condition()["status"] == "True"


def test_a_conflict_is_looked_at_and_tried_again(stage: Outside) -> None:
    stage.open()
    stage.zone.refusals = [ApiError(409, "Conflict", "changed")]
    stage.annotate({"ome.io/ingress-domain": "example.org"})
    stage.rest()
    assert stage.zone.verbs()[:4] == ["create", "patch", "verify", "patch"]
    assert stage.zone.hosts() == ["m.a.example.org"]


def test_hosts_are_claimed_across_what_backends_keep(stage: Outside) -> None:
    stage.open()
    stage.open("n", {**DNS, "ome.io/ingress-domain-template": "m.a.example.com"})
    assert (stage.condition("n")["reason"], stage.zone.hosts("n")) == ("HostConflict", [])


def test_what_can_not_be_observed_holds_only_what_needs_it(stage: Outside) -> None:
    stage.zone.unseen = [ApiError(0, "", "no route to the provider")] * 100
    stage.open()
    stage.open("n", NGINX)
    assert stage.condition()["reason"] == "KindForbidden"
    assert "no route to the provider" in stage.condition()["message"]
    assert stage.condition("n")["status"] == "True"
    stage.zone.unseen.clear()
    stage.settle()
    assert stage.condition()["status"] == "True"


def test_a_finalizer_is_kept_while_nothing_can_be_observed(stage: Outside) -> None:
    stage.open()
    again = Outside(stage)
    stage.zone.unseen = [ApiError(0, "", "no route to the provider")] * 100
    again.start()
    again.drop()
    again.settle()
    assert again.there()
    assert again.condition()["reason"] == "KindForbidden"
    stage.zone.unseen.clear()
    again.rest()
    assert (again.there(), stage.zone.hosts()) == (False, [])


def test_without_its_backend_a_finalizer_is_left_and_told(stage: Outside) -> None:
    stage.open()
    ordinary = Outside(stage, Backends({e.name: e.load() for e in entry_points(group="doorward")}))
    ordinary.start()
    ordinary.rest()
    events = [event["reason"] for event in ordinary.store.list(Resource("Event", "events"), "a").items]
    assert "FinalizerLeft" in events
    ordinary.drop()
    ordinary.rest()
    condition = ordinary.condition()
    assert (condition["reason"], ordinary.finalizers()) == ("FinalizerLeft", [FINALIZER])
    assert f"remove what stands there, then {FINALIZER} from metadata.finalizers" in condition["message"]


def test_what_a_service_left_behind_is_no_reason_to_wait(stage: Outside) -> None:
    """Nobody collects it, as an API server would."""
    stage.open()
    stage.patch(SERVICE, "a", "m", {"metadata": {"finalizers": None}})
    stage.drop()
    annotations = {**DNS, "ome.io/ingress-domain": "example.org"}
    stage.create(inference_service(annotations=annotations, ready=("engine",)))
    stage.settle()
    assert stage.condition()["reason"] == "ObjectConflict"
    stage.zone.objects.clear()
    stage.settle()
    assert stage.zone.hosts() == ["m.a.example.org"]


def test_offline_it_is_kept_in_the_store_unless_asked_otherwise() -> None:
    """So that rendering writes nothing to anybody's zone."""
    zone = Zone()
    stage = Stage()
    Offline.__init__(stage, Engine(with_zone(zone)), Store([*definitions(), zone.module.RECORDS]), stage.clock)
    stage.create(component_service("m", "engine"))
    stage.create(inference_service(annotations=DNS, ready=("engine",)))
    stage.start()
    stage.settle()
    assert stage.get(RECORDS, "a", "m")["spec"]["hosts"] == ["m.a.example.com"]
    assert (zone.actions, zone.objects) == ([], {})


def test_a_hook_may_wait_offline_and_always_on_one_loop(stage: Outside) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def wait(kind: str) -> list[JsonObject]:
        loops.append(asyncio.get_running_loop())
        return await asyncio.to_thread(lambda: list(stage.zone.objects.values()))

    stage.zone.module.observe = wait  # type: ignore[attr-defined]
    stage.open()
    assert stage.zone.hosts() == ["m.a.example.com"]
    assert len(loops) > 1
    assert len(set(loops)) == 1


class Unable:
    @hookimpl
    def watches(self) -> list[Watch]:
        return [Watch(resource=Resource(RECORDS, "records"), owned="spec", external=True)]


def test_a_backend_that_lacks_the_hooks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the hooks apply and observe"):
        Backends({"dns": Unable()})


def test_one_backend_alone_keeps_a_kind() -> None:
    with pytest.raises(ValueError, match="no other backend's kind"):
        Backends({"dns": Zone(), "more": Zone()})


def test_an_ordinary_stage_needs_no_patch_of_services() -> None:
    stage = Stage()
    stage.create(component_service("m", "engine"))
    stage.create(inference_service(annotations=NGINX, ready=("engine",)))
    stage.start()
    stage.rest()
    assert not [a for a in stage.performed if a.ref.kind == SERVICE and a.verb == "patch"]
