"""Every case, and every sample, through ``doorward render``."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import yaml

from tests.cases.playing import Case, check, documents, load
from tests.cli.rendering import render

CASES = load()
SAMPLES = sorted((Path(__file__).parent.parent / "samples").glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_renders_as_it_is_played(case: Case, tmp_path: Path) -> None:
    given = documents(case)
    file = tmp_path / "case.yaml"
    file.write_text(yaml.safe_dump_all(given))
    simulated = case["given"].get("accepted") or "address" in case["given"]
    printed = render("-f", file, *(["--simulate"] if simulated else []))
    service = printed.service(case["given"]["service"]["name"])
    if "address" in case["given"]:
        # Which address a load balancer gets is the simulation's choice.
        address = service["status"]["url"].removeprefix("http://")
        assert address.startswith("203.0.113.")
        case = orjson.loads(orjson.dumps(case).replace(case["given"]["address"].encode(), address.encode()))
    check(case, [*printed.items, *(o for o in given if o["kind"] == "Service")], service)


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.stem for sample in SAMPLES])
def test_a_sample_gets_a_door_or_a_reason(sample: Path) -> None:
    printed = render("-f", sample, "--simulate")
    names = [d["metadata"]["name"] for d in yaml.safe_load_all(sample.read_text()) if d["kind"] == "InferenceService"]
    assert names
    for name in names:
        condition = printed.condition(name)
        if condition["status"] == "True":
            assert printed.service(name)["status"]["url"].startswith("http")
            assert printed.ours
        else:
            assert condition["reason"] in printed.err
            assert name in printed.err
            assert printed.code == 1


def test_many_files_render_together() -> None:
    several = [argument for sample in SAMPLES[:20] for argument in ("-f", sample)]
    printed = render(*several, "--simulate")
    assert len([o for o in printed.items if o["kind"] == "InferenceService"]) >= 20
