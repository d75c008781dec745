"""docs/doors.md, Deployment mode: which deployment mode a service is in, told by what opens its door."""

from __future__ import annotations

import pytest
from doorward.model.reference import JsonObject

from tests.engine.scenes import Scene, opened, service
from tests.engine.stage import settings

MODE, OMES = "ome.io/deployment-mode", "ome.io/deploymentMode"
SERVERLESS = {"VirtualService/m", "Service/m"}
RAW = {"Ingress/m", "Service/m"}


def stands(annotations: dict[str, str] | None = None, spec: JsonObject | None = None, default: str = "") -> set[str]:
    config = settings(deploy=f'{{"defaultDeploymentMode": "{default}"}}') if default else settings()
    scene = Scene(config, *service(annotations=annotations, spec=spec or {"engine": {}}))
    assert scene.verdict() == ("True", "")
    return scene.ours()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("Serverless", SERVERLESS), ("RawDeployment", RAW), ("MultiNode", RAW), ("MultiNodeRayVLLM", RAW)],
)
@pytest.mark.parametrize("key", [MODE, OMES])
def test_an_annotation_names_the_mode(key: str, value: str, expected: set[str]) -> None:
    default = "RawDeployment" if value == "Serverless" else "Serverless"
    assert stands({key: value}, default=default) == expected


def test_the_pages_spelling_beats_the_codes() -> None:
    assert stands({MODE: "RawDeployment", OMES: "Serverless"}) == RAW


def test_the_service_beats_its_engine() -> None:
    assert stands({OMES: "RawDeployment"}, {"engine": {"annotations": {MODE: "Serverless"}}}) == RAW


@pytest.mark.parametrize("key", [MODE, OMES])
def test_the_engines_annotation_counts_where_the_service_has_none(key: str) -> None:
    assert stands(spec={"engine": {"annotations": {key: "RawDeployment"}}}) == RAW


@pytest.mark.parametrize("part", ["leader", "worker"])
@pytest.mark.parametrize("component", ["engine", "decoder"])
def test_a_component_of_several_nodes_makes_it_multi_node(component: str, part: str) -> None:
    spec: JsonObject = {"engine": {"minReplicas": 0}, component: {part: {}}}
    scene = Scene(*service("m", "engine", "decoder", spec=spec | {"engine": spec["engine"]}))
    assert scene.ours() == RAW


def test_an_annotation_beats_the_components() -> None:
    assert stands({MODE: "Serverless"}, {"engine": {"leader": {}, "worker": {}}}) == SERVERLESS


def test_an_engine_that_scales_to_zero_is_serverless_whatever_the_default() -> None:
    assert stands(spec={"engine": {"minReplicas": 0}}, default="RawDeployment") == SERVERLESS
    assert stands(spec={"engine": {"minReplicas": 1}}, default="RawDeployment") == RAW


def test_the_default_is_serverless_until_the_settings_say_otherwise() -> None:
    assert stands() == SERVERLESS
    assert stands(default="RawDeployment") == RAW


@pytest.mark.parametrize("value", ["Raw", "serverless", "rawdeployment", "VirtualDeployment"])
@pytest.mark.parametrize("where", ["service", "engine"])
def test_a_mode_that_doesnt_exist_is_refused_with_the_choices(where: str, value: str) -> None:
    spec = {"engine": {"annotations": {MODE: value}}} if where == "engine" else {"engine": {}}
    scene = Scene(*service(annotations={MODE: value} if where == "service" else None, spec=spec))
    assert scene.verdict() == ("False", "InvalidDeploymentMode")
    for word in (MODE, value, "Serverless", "RawDeployment", "MultiNode", "MultiNodeRayVLLM"):
        assert word in scene.message()
    assert scene.ours() == set()


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_annotation_says_nothing(empty: str) -> None:
    assert stands({MODE: empty, OMES: "RawDeployment"}) == RAW


def test_a_mode_is_followed_live() -> None:
    scene = opened()
    scene.edit(annotations={MODE: "Serverless"})
    scene.advance(11)
    assert scene.ours() == SERVERLESS
