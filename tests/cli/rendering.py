"""``doorward render``, called in this process."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import yaml
from doorward.model.reference import JsonObject
from doorward_daemon.commands import app
from typer.testing import CliRunner


class Printed(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def items(self) -> list[JsonObject]:
        whole = yaml.safe_load(self.out)
        assert (whole["apiVersion"], whole["kind"]) == ("v1", "List")
        found: list[JsonObject] = whole["items"]
        return found

    def service(self, name: str) -> JsonObject:
        return next(o for o in self.items if o["kind"] == "InferenceService" and o["metadata"]["name"] == name)

    def condition(self, name: str) -> JsonObject:
        conditions = self.service(name).get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == "IngressReady"), {})

    @property
    def ours(self) -> list[str]:
        return [f"{o['kind']}/{o['metadata']['name']}" for o in self.items if o["kind"] != "InferenceService"]


def render(*arguments: str | Path, stdin: str | bytes | None = None, **env: str) -> Printed:
    result = CliRunner().invoke(app, ["render", *map(str, arguments)], input=stdin, env={"POD_NAMESPACE": None, **env})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Printed(result.exit_code, result.stdout, result.stderr)


def from_text(text: str | bytes, *arguments: str, **env: str) -> Printed:
    return render("-f", "-", *arguments, stdin=text, **env)


def service(name: str = "m", spec: str = "{engine: {}}", **annotations: str) -> str:
    """The text of an InferenceService."""
    notes = "".join(f"\n    {key}: {value}" for key, value in annotations.items())
    head = f"apiVersion: ome.io/v1beta1\nkind: InferenceService\nmetadata:\n  name: {name}\n"
    return head + (f"  annotations:{notes}\n" if notes else "") + f"spec: {spec}\n---\n"
