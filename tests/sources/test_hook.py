"""The hook ``source``: which kinds are served, and whose trouble a bad answer is."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.backends import Backends, NoSource, installed_sources
from doorward.hooks import Part, Source, hookimpl
from doorward.model.reference import JsonObject, Resource
from doorward.runtime.permissions import cluster_rules

from tests.sources.stage import Sources, installed, ome, part

MODEL = "Model.models.example"


def odd(obj: JsonObject) -> Any:
    """Reads a service whose name says what goes wrong."""
    match obj["metadata"]["name"]:
        case "raises":
            raise RuntimeError("no idea")
        case "nothing":
            return None
        case "shapeless":
            return {"spec": [1], "components": 3, "annotations": "x", "refused": [], "unrouted": 7}
        case "unknown":
            return {"spec": {"engine": {}, "router": {}, "somebody": {}}}
        case "malformed":
            return {"spec": {"engine": 3}}
    return {"spec": {"engine": {"service": "somewhere"}}}


class Models:
    def __init__(self, **more: Any) -> None:
        self.more = more

    @hookimpl
    def source(self) -> Source:
        return Source(
            resource=Resource(MODEL, "models", ("v1",)),
            parts={"engine": Part(called="server", ready=("ServerReady",))},
            label="models.example/model",
            read=odd,
            **self.more,
        )


def model(name: str) -> JsonObject:
    return {
        "apiVersion": "models.example/v1",
        "kind": "Model",
        "metadata": {"name": name, "namespace": "a", "annotations": {"doorward.io/deployment-mode": "RawDeployment"}},
        "spec": {},
        "status": {"conditions": [{"type": "ServerReady", "status": "True"}]},
    }


def stage(*objects: JsonObject, **more: Any) -> Sources:
    return Sources(*objects, sources=("ome", "models"), plugins={"models": Models(**more)})


def test_a_plugin_brings_a_kind_of_its_own() -> None:
    found = stage(model("m"), {**part("m"), "metadata": {"name": "somewhere", "namespace": "a"}}, *ome("other"))
    assert found.hosts() == {"m": ["m.a.example.com"], "other": ["other.a.example.com"]}
    assert found.told(MODEL)["status"] == "True"


def test_pods_that_bear_no_label_are_selected_as_their_service_does() -> None:
    found = stage(model("m"), {**part("m"), "metadata": {"name": "somewhere", "namespace": "a"}}, labelled_pods=False)
    assert found.get("Service", "a", "m")["spec"]["selector"] == {"app": "isvc.m-predictor"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "SourceError"),
        ("nothing", "SourceError"),
        ("shapeless", "ServerRequired"),
        ("malformed", "InvalidSpec"),
    ],
)
def test_an_object_that_can_not_be_read_is_refused_by_itself(name: str, reason: str) -> None:
    found = stage(model(name), *ome("other"))
    assert found.told(MODEL, name)["reason"] == reason
    assert found.hosts() == {"other": ["other.a.example.com"]}


def test_components_that_a_kind_does_not_know_are_none() -> None:
    found = stage(model("unknown"), part("unknown", "server"))
    assert found.hosts() == {"unknown": ["unknown.a.example.com"]}


def test_a_door_that_stands_is_kept_when_its_object_can_not_be_read_any_more() -> None:
    found = stage(model("m"), {**part("m"), "metadata": {"name": "somewhere", "namespace": "a"}})
    before = found.hosts()

    def raises(_: JsonObject) -> JsonObject:
        raise RuntimeError("no idea")

    source = found.engine.backends.sources[MODEL]
    found.engine.backends.sources[MODEL] = type(source)(
        resource=source.resource, parts=source.parts, label=source.label, read=raises
    )
    found.patch(MODEL, "a", "m", {"metadata": {"labels": {"a": "b"}}})
    found.settle()
    assert found.told(MODEL)["reason"] == "SourceError"
    assert found.hosts() == before


def test_a_source_is_no_backend() -> None:
    assert not {"ome", "kserve"} & set(Backends().by_name)


def test_only_the_sources_that_are_named_are_served() -> None:
    assert list(Backends().sources) == ["InferenceService.ome.io"]
    assert list(Backends(sources=["kserve"]).sources) == ["InferenceService.serving.kserve.io"]
    assert installed_sources() == ("ome", "kserve", "kserve_llm", "service")


def test_a_source_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(NoSource, match=r"no source nobody is installed; there are: ome, kserve"):
        Backends(sources=["nobody"])


def test_two_sources_of_one_kind_are_refused() -> None:
    with pytest.raises(ValueError, match=r"source more is of Model\.models\.example"):
        Backends({**installed(), "models": Models(), "more": Models()}, sources=["models", "more"])


def test_rights_follow_from_the_sources() -> None:
    rules = cluster_rules(Backends({**installed(), "models": Models()}, sources=["models"]))
    found = {
        resource: set(rule["verbs"])
        for rule in rules
        for resource in rule["resources"]
        if rule["apiGroups"] == ["models.example"]
    }
    assert found == {"models": {"get", "list", "watch"}, "models/status": {"patch"}, "models/finalizers": {"update"}}
    assert not any(rule["apiGroups"] == ["ome.io"] for rule in rules)
