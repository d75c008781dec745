"""What the documentation shows as rendered is what ``doorward render`` prints.

Above such a block stands ``<!-- FILE: KIND/NAME -->``, such as ``<!-- examples/llama.yaml: Ingress/llama -->``; shown
is that object without what every object of doorward's has.  ``python -m tests.docs.rendered`` writes all blocks anew.
"""

from __future__ import annotations

import re
from functools import cache

import yaml
from doorward.model.reference import JsonObject
from doorward_daemon.commands import app
from typer.testing import CliRunner

from tests.docs import PAGES, ROOT

_BLOCK = re.compile(
    r"(<!-- (?P<file>examples/\S+): (?P<object>\S+) -->\n```yaml\n)(?P<text>.*?)(?=^```$)", re.DOTALL | re.M
)


@cache
def objects(file: str) -> dict[str, JsonObject]:
    """What is rendered for a file, components simulated, by ``KIND/NAME``."""
    result = CliRunner().invoke(app, ["render", "--simulate", "-f", str(ROOT / file)], env={"POD_NAMESPACE": None})
    assert result.exit_code == 0, result.output
    return {f"{o['kind']}/{o['metadata']['name']}": o for o in yaml.safe_load(result.stdout)["items"]}


def shown(file: str, name: str) -> str:
    obj = objects(file)[name]
    metadata = obj["metadata"]
    annotations = {k: v for k, v in metadata.get("annotations", {}).items() if not k.startswith("doorward.io/")}
    brief = {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {"name": metadata["name"], **({"annotations": annotations} if annotations else {})},
        "spec": obj["spec"],
    }
    return yaml.safe_dump(brief, sort_keys=False, width=120)


def renewed(text: str) -> str:
    """A page with its rendered blocks as they should be."""
    return _BLOCK.sub(lambda found: found[1] + shown(found["file"], found["object"]), text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(renewed(page.read_text()))
