"""KServe's own samples: each gets a door, or a refusal that names the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.rendering import render

SAMPLES = sorted((Path(__file__).parent.parent / "samples" / "kserve").glob("*.yaml"))
UNREADABLE = "did not find expected key"
LABELS = {
    "InferenceService": "serving.kserve.io/inferenceservice",
    "LLMInferenceService": "serving.kserve.io/llminferenceservice",
}
OTHER = ("serving.kserve.io/v1alpha2", "serving.kubeflow.org/v1beta1")


def test_there_are_many() -> None:
    assert len(SAMPLES) >= 90


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.stem for sample in SAMPLES])
def test_a_sample_gets_a_door_or_a_reason(sample: Path) -> None:
    printed = render("-f", sample, "--simulate")
    if printed.code == 2:
        # A few aren't YAML, or are of versions before v1beta1: which is said, with file and line.
        assert f"{sample}, line " in printed.err
        assert UNREADABLE in printed.err or any(version in printed.err for version in OTHER)
        return
    found = [d for d in yaml.safe_load_all(sample.read_text()) if d and d["kind"] in LABELS]
    assert found
    for each in found:
        kind, name = each["kind"], each["metadata"]["name"]
        (service,) = (o for o in printed.items if (o["kind"], o["metadata"]["name"]) == (kind, name))
        conditions = service["status"]["conditions"]
        told = next(c for c in conditions if c["type"] == "doorward.io/DoorReady")
        if told["status"] == "True":
            assert told["message"].startswith("http")
            owned = [o for o in printed.items if (o["metadata"].get("labels") or {}).get(LABELS[kind]) == name]
            assert owned
        else:
            field = {"UnsupportedMode": "ModelMesh", "OpenedByAnother": "spec.router.route"}[told["reason"]]
            assert f"{name}: {told['reason']}" in printed.err
            assert field in printed.err


def test_most_inference_services_get_a_door() -> None:
    samples = [sample for sample in SAMPLES if not sample.name.startswith("llmisvc")]
    codes = [render("-f", sample, "--simulate").code for sample in samples[:30]]
    assert codes.count(0) >= 25
