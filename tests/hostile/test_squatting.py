"""A tenant wants that a host is nobody else's, with objects that nobody serves anything by."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.model.reference import JsonObject

from tests.engine.doors import GATEWAY, add, reaches, settle
from tests.engine.scenes import Scene
from tests.engine.stage import settings

HOST = "m.a.example.com"
URL = f"http://{HOST}/"
INGRESS = "Ingress.networking.k8s.io"
NOBODY = "00000000-dead-4000-8000-000000000000"
GONE = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "name": "gone", "uid": NOBODY, "controller": True}
UNSERVED = {**GONE, "apiVersion": "ome.io/v9"}
STAYS = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "theirs", "uid": "00000000-feed-4000-8000-000000000000"}


def squatter(owners: list[JsonObject], cls: str = "other", **metadata: Any) -> JsonObject:
    """An Ingress of namespace ``b`` that names the host and bears the UID of a service that isn't there."""
    backend = {"service": {"name": "theirs", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    annotations = {"doorward.io/owner": NOBODY}
    more = {"ownerReferences": owners} if owners else {}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "squatter", "namespace": "b", "annotations": annotations, **more, **metadata},
        "spec": {"ingressClassName": cls, "rules": [{"host": HOST, "http": {"paths": [path]}}]},
    }


def before_a_door(obj: JsonObject) -> Scene:
    scene = Scene(settings(GATEWAY), start=False)
    scene.store.collecting = False
    scene.create(obj)
    add(scene, "nginx")
    scene.start()
    settle(scene)
    return scene


@pytest.mark.parametrize(
    "owners",
    [[], [STAYS], [GONE, STAYS], [UNSERVED]],
    ids=["no owner", "another owner", "one that stays", "one of no version"],
)
def test_an_object_of_nobodys_service_squats_no_host_of_another_class(owners: list[JsonObject]) -> None:
    scene = before_a_door(squatter(owners))
    assert scene.verdict() == ("True", "")
    assert reaches(scene, URL) == "m-engine"


def test_an_object_that_is_kept_from_being_collected_squats_no_host_of_another_class() -> None:
    scene = Scene(settings(GATEWAY), start=False)
    scene.create(squatter([GONE], finalizers=["example.com/mine"]))
    scene.delete(INGRESS, "b", "squatter")
    assert "deletionTimestamp" in scene.get(INGRESS, "b", "squatter")["metadata"]
    add(scene, "nginx")
    scene.start()
    settle(scene)
    assert scene.verdict() == ("True", "")


def test_an_object_of_nobodys_service_counts_as_anybodys_on_the_same_class() -> None:
    scene = before_a_door(squatter([], cls="nginx"))
    assert scene.verdict() == ("False", "HostConflict")
    assert "Ingress b/squatter, which isn't doorward's" in scene.message()
    scene.delete(INGRESS, "b", "squatter")
    settle(scene)
    assert scene.verdict() == ("True", "")


def test_what_a_deleted_service_left_is_waited_for_until_it_is_collected() -> None:
    scene = before_a_door(squatter([GONE]))
    assert scene.verdict() == ("False", "HostConflict")
    assert "a deleted InferenceService" in scene.message()
    scene.store.collecting = True
    scene.store.collect()
    settle(scene)
    assert scene.verdict() == ("True", "")


def test_an_object_of_nobodys_service_under_our_name_is_a_conflict_and_not_waited_for() -> None:
    obj = squatter([], labels={"ome.io/inferenceservice": "m"})
    obj["metadata"] |= {"name": "m", "namespace": "a"}
    scene = before_a_door(obj)
    assert scene.verdict() == ("False", "ObjectConflict")
    assert scene.get(INGRESS, "a", "m")["spec"] == obj["spec"]


def test_a_forged_object_makes_no_fresh_cluster_one_where_doors_stand() -> None:
    scene = Scene(squatter([]), start=False)
    scene.start()
    settle(scene)
    assert scene.engine.ready


def test_an_object_that_says_the_asking_service_controls_it_is_a_foreign_one_in_another_namespace() -> None:
    scene = Scene(settings(GATEWAY), start=False)
    scene.store.collecting = False
    add(scene, "nginx")
    uid = scene.service()["metadata"]["uid"]
    obj = squatter([{**GONE, "name": "m", "uid": uid}], cls="nginx")
    obj["metadata"]["annotations"] = {}
    scene.create(obj)
    scene.start()
    settle(scene)
    assert scene.verdict() == ("False", "HostConflict")
    scene.delete(INGRESS, "b", "squatter")
    settle(scene)
    assert scene.verdict() == ("True", "")
