"""What is promised holds between sources, too: names, hosts, and what nobody may touch."""

from __future__ import annotations

from doorward.model.reference import JsonObject
from doorward.state.transform import transform
from doorward_daemon.authz.doors import EngineDoors

from tests.engine.stage import settings
from tests.sources.stage import BESIDE, INGRESS, KSERVE, OME, RAW, Sources, kserve, ome, part

TEMPLATE = "ingress-domain-template"


def uids(stage: Sources) -> dict[str, str]:
    return {kind: stage.get(kind, "a", "m")["metadata"]["uid"] for kind in (OME, KSERVE)}


def owners(stage: Sources) -> set[str]:
    notes = [obj["metadata"].get("annotations") or {} for obj in stage.objects()]
    return {each["doorward.io/owner"] for each in notes if "doorward.io/owner" in each}


def later(stage: Sources, *objects: JsonObject) -> None:
    stage.clock.now += 10
    for obj in objects:
        stage.create(obj)
    stage.settle()


def test_two_services_of_one_name_do_not_write_the_same_objects_and_the_later_is_refused() -> None:
    stage = Sources(BESIDE, *ome())
    later(stage, kserve(), part("m"))
    assert owners(stage) == {uids(stage)[OME]}
    told = stage.told(KSERVE)
    assert (told["status"], told["reason"]) == ("False", "NameTaken")
    assert OME in told["message"]
    assert KSERVE in told["message"]
    assert stage.told(OME)["status"] == "True"


def test_of_two_that_have_no_door_yet_the_earlier_gets_it_whatever_its_source() -> None:
    stage = Sources(BESIDE)
    stage.create(kserve(ready=()))
    later(stage, *ome())
    assert stage.told(OME)["reason"] == "NameTaken"
    assert stage.ours() == set()
    conditions = [{"type": "PredictorReady", "status": "True"}]
    stage.create(part("m"))
    stage.patch(KSERVE, "a", "m", {"status": {"conditions": conditions}}, subresource="status")
    stage.settle()
    assert owners(stage) == {uids(stage)[KSERVE]}


def test_a_name_is_taken_over_when_its_owner_is_gone() -> None:
    stage = Sources(BESIDE, *ome())
    later(stage, kserve(), part("m"))
    stage.delete(OME, "a", "m")
    stage.store.collect()
    stage.settle()
    assert owners(stage) == {stage.get(KSERVE, "a", "m")["metadata"]["uid"]}
    assert stage.told(KSERVE)["status"] == "True"


def test_whoever_stands_keeps_the_name_though_an_earlier_service_comes_to_be_served() -> None:
    before = Sources(BESIDE, kserve(ready=()))
    before.clock.now += 10
    alone, both = Sources(sources=("ome",)), Sources()
    alone.store = both.store = before.store
    alone.start()
    later(alone, *ome())
    assert alone.told(OME)["status"] == "True"
    both.start()
    both.settle()
    assert both.told(KSERVE)["reason"] == "NameTaken"
    assert owners(both) == {uids(both)[OME]}


def test_a_host_belongs_to_one_service_whatever_its_source() -> None:
    stage = Sources(BESIDE, *ome("first", **{f"ome.io/{TEMPLATE}": "shared.example.com"}))
    notes = {**RAW, f"doorward.io/{TEMPLATE}": "shared.example.com"}
    later(stage, kserve("second", "b", annotations=notes), part("second", namespace="b"))
    assert stage.hosts() == {"first": ["shared.example.com"]}
    assert stage.hosts("b") == {}
    told = stage.told(KSERVE, "second", "b")
    assert told["reason"] == "HostConflict"
    assert "a/first" in told["message"]


def test_a_host_is_taken_over_across_sources_when_it_is_free() -> None:
    stage = Sources(BESIDE, *ome("first", **{f"ome.io/{TEMPLATE}": "shared.example.com"}))
    notes = {**RAW, f"doorward.io/{TEMPLATE}": "shared.example.com"}
    later(stage, kserve("second", "b", annotations=notes), part("second", namespace="b"))
    stage.delete(OME, "a", "first")
    stage.store.collect()
    stage.settle()
    assert stage.hosts("b") == {"second": ["shared.example.com"]}


def test_a_door_is_held_when_its_service_asks_for_what_can_not_be() -> None:
    stage = Sources(BESIDE, kserve(), part("m"))
    standing = stage.get(INGRESS, "a", "m")
    body = {"metadata": {"annotations": {"serving.kserve.io/deploymentMode": "ModelMesh"}}}
    stage.patch(KSERVE, "a", "m", body)
    stage.delete(INGRESS, "a", "m")
    stage.settle()
    assert stage.get(INGRESS, "a", "m")["spec"] == standing["spec"]
    assert stage.told(KSERVE)["reason"] == "UnsupportedMode"


def test_a_restart_writes_nothing() -> None:
    stage = Sources(BESIDE, kserve(), part("m"), *ome("other"))
    for records in (tuple(stage.records), ()):
        again = Sources(records=records)
        again.store, again.performed = stage.store, []
        again.start()
        again.settle()
        assert [action.verb for action in again.performed if action.verb not in ("look", "verify")] == []
        assert again.engine.idle


def test_what_is_read_once_is_read_the_same_again() -> None:
    source = Sources().engine.backends.sources[KSERVE]
    obj = kserve(spec={"predictor": {"name": "blue", "timeout": 3}, "transformer": {}, "explainer": {}})
    once = transform(KSERVE, obj, source)
    assert transform(KSERVE, once, source) == once


def test_a_proxy_that_names_a_service_means_the_one_that_has_the_door() -> None:
    stage = Sources(BESIDE, *ome())
    later(stage, kserve(), part("m"))
    assert stage.engine.called("a", "m") == (OME, "a", "m")
    assert stage.engine.called("a", "nobody") is None
    passage = EngineDoors(stage.engine).named("a", "m")
    assert passage is not None
    assert passage.door == ("a", "m")


def test_settings_move_doors_of_every_source() -> None:
    stage = Sources(BESIDE, kserve(), part("m"), *ome("other"))
    data = settings({"ingressDomain": "models.test"}, doorward="beside: [kserve]\noverlapSeconds: 0")["data"]
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})
    stage.rest(60)
    assert stage.hosts() == {"m": ["m.a.models.test"], "other": ["other.a.models.test"]}
