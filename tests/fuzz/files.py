"""Files of manifests, as ``doorward render`` takes them: objects in plain JSON, or the line and the reason."""

from __future__ import annotations

from typing import Any

import orjson
import yaml
from doorward_daemon import manifests

from tests.fuzz.choices import Choices
from tests.fuzz.configmaps import SYNTAX
from tests.fuzz.target import Target

KEYS = (
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "annotations",
    "labels",
    "spec",
    "status",
    "items",
    "engine",
)
WORDS = (
    "v1",
    "ome.io/v1beta1",
    "InferenceService",
    "List",
    "Service",
    "m",
    "a",
    "RawDeployment",
    "{}",
    "true",
    "07",
    "",
)
ODD_VALUES = (None, True, 0, -1, 2**70, 1.5, float("nan"), [], {}, [None], "")


def make(choices: Choices) -> Any:
    documents = [document(choices) for _ in range(choices.below(3) + 1)]
    if choices.once_in(4):
        documents = [{"apiVersion": "v1", "kind": "List", "items": documents}]
    text = yaml.safe_dump_all(documents)
    return choices.mutated(text, (*SYNTAX, *WORDS), 5)


def document(choices: Choices) -> Any:
    obj: dict[str, Any] = {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "m", "annotations": {"ome.io/ingress-domain": choices.text(WORDS, 2)}},
        "spec": {"engine": {}},
    }
    for _ in range(choices.below(4)):
        place = choices.pick((obj, obj["metadata"], obj["spec"]))
        if isinstance(place, dict):
            place[choices.pick(KEYS)] = value(choices)
            if not isinstance(obj.get("metadata"), dict) or not isinstance(obj.get("spec"), dict):
                break
    return obj


def value(choices: Choices, depth: int = 3) -> Any:
    form = choices.below(5 if depth else 3)
    if form < 2:
        return choices.text(WORDS, 3)
    if form == 2:
        return choices.pick(ODD_VALUES)
    if form == 3:
        return choices.repeated(lambda: value(choices, depth - 1), 3)
    return {choices.pick(KEYS): value(choices, depth - 1) for _ in range(choices.below(3))}


def check(text: Any) -> None:
    try:
        documents = list(manifests._documents("file.yaml", text))
    except manifests.InputError as error:
        told = str(error)
    else:
        told = ""
    if told:
        assert told.startswith("file.yaml")
        assert len(told) < 3000, "a reason that quotes all of a file"
        return
    for each in documents:
        assert orjson.loads(orjson.dumps(each.object)) == each.object
        assert 1 <= each.line <= len(text) + 1


TARGET = Target(name="files", make=make, check=check, share=7)
