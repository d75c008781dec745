"""The page that tells of questions is followed: commands run before a cluster in memory, and their answers read."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
import yaml
from doorward.cluster.embedded import EmbeddedCluster
from doorward.model.reference import JsonObject, kind_of
from doorward_daemon.asking import getting
from doorward_daemon.commands import app
from typer.testing import CliRunner

from tests.cli.asking import reached
from tests.cli.lived import BEGAN, SERVICE, Lived
from tests.docs import ROOT, blocks
from tests.engine.stage import component_service, inference_service

PAGE = ROOT / "docs" / "asking.md"
READY = [{"type": f"{part}Ready", "status": "True"} for part in ("Engine", "Router", "Decoder")]
TRIED = {"get", "explain", "diff", "log", "replay", "plugins"}


class World(Lived):
    """The services of the page, some days old."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "journal")
        llama = yaml.safe_load((ROOT / "examples" / "llama.yaml").read_text())
        self.configure('{"ingressDomain": "models.example.org"}')
        for component in ("engine", "router", "decoder"):
            self.create(component_service("llama", component, "chat"))
        self.apply({**llama, "status": {"conditions": READY}})
        self.create(component_service("qwen", "engine", "chat"))
        qwen = inference_service("qwen", "chat", ready=("engine",), annotations={"ome.io/ingress-domain": "No_Good"})
        self.apply(qwen)
        self.advance(7200)
        body = {"metadata": {"annotations": {"ome.io/ingress-additional-domains": "example.net"}}}
        self.patch(SERVICE, "chat", "llama", body, field_manager="kubectl-annotate")
        self.rest()
        self.keep_records()

    def apply(self, obj: JsonObject) -> None:
        resource, place = self.resource(kind_of(obj)), (obj["metadata"]["namespace"], obj["metadata"]["name"])
        self.store.create(resource, place[0], obj, field_manager="kubectl-client-side-apply")
        self.store.patch(resource, *place, {"status": obj["status"]}, subresource="status", field_manager="ome")
        self.rest()


def test_every_command_answers_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, printed, tried = World(tmp_path), "", set()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "pigeons.py").write_text((ROOT / "tests" / "cli" / "pigeons.py").read_text())
    cluster = EmbeddedCluster(world.store)
    with reached(cluster, "chat"), patch.object(getting.time, "time", lambda: BEGAN + 3 * 86400):
        for block in blocks(PAGE):
            if block.language == "sh" and block.note != "elsewhere":
                printed = ""
                for command in block.text.splitlines():
                    program, *arguments = command.split()
                    assert program == "doorward", command
                    result = CliRunner().invoke(app, arguments, env={"POD_NAMESPACE": None})
                    assert result.exit_code == (1 if block.note == "fails" else 0), result.output
                    printed += result.output
                    tried.add(arguments[0])
            elif block.note == "prints":
                look_for(block.text, printed)
            elif block.language != "sh":
                (tmp_path / block.note).write_text(block.text)
    assert tried == TRIED


def look_for(text: str, printed: str) -> None:
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    for line in text.splitlines():
        wanted = " ".join(line.split())
        if wanted != "…":
            assert wanted in lines, f"{line!r} isn't printed (any more):\n{printed}"
            del lines[: lines.index(wanted) + 1]
