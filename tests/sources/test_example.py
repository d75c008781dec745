"""The source of the documentation opens doors."""

from __future__ import annotations

from doorward.model.reference import JsonObject

from tests.examples import load
from tests.sources.stage import INGRESS, Sources, part

MODEL = "Model.models.example"


def model(**server: object) -> JsonObject:
    return {
        "apiVersion": "models.example/v1",
        "kind": "Model",
        "metadata": {"name": "m", "namespace": "a", "annotations": {"doorward.io/deployment-mode": "RawDeployment"}},
        "spec": {"server": server},
        "status": {"conditions": [{"type": "ServerReady", "status": "True"}]},
    }


def stage(obj: JsonObject) -> Sources:
    server = {**part("m"), "metadata": {"name": "triton", "namespace": "a"}}
    example = load("model_source/model_source.py")
    return Sources(obj, server, sources=("models",), plugins={"models": example})


def test_a_model_gets_a_door_to_its_server() -> None:
    found = stage(model(service="triton"))
    (path,) = found.get(INGRESS, "a", "m")["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"] == "triton"
    assert found.told(MODEL)["status"] == "True"


def test_a_model_that_it_can_not_read_says_so() -> None:
    told = stage(model()).told(MODEL)
    assert (told["reason"], "KeyError" in told["message"]) == ("SourceError", True)
