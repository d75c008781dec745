"""The chart, rendered by helm; and what is made of its default.

``python -m tests.deploy.rendering`` writes ``deploy/doorward.yaml`` and ``deploy/page.yaml`` anew, and the copies that
``doorward install`` works with.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

import yaml
from doorward.model.reference import JsonObject

from tests.deploy import tools

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart"
INSTALL = ROOT / "daemon" / "doorward_daemon" / "install"
DEFAULT = ROOT / "deploy" / "doorward.yaml"
PACKAGED = INSTALL / "doorward.yaml"
PAGE = ROOT / "deploy" / "page.yaml"
PACKAGED_PAGE = INSTALL / "page.yaml"
HEAD = """\
# doorward in a cluster: beside OME, one process that leads and one that stands by, with no more rights than they need.
# It is what deploy/chart renders for release doorward in namespace ome: python -m tests.deploy.rendering writes it.
#
#   1. Build the image (docs/installing.md), and write its name below, in place of doorward:VERSION.
#   2. kubectl apply -f deploy/doorward.yaml
#
# Doors that ask for keys or passwords need deploy/authz.yaml, too.
#
# With a backend of somebody else's: doorward plugin rights NAME | kubectl apply -f -
"""
PAGE_HEAD = """\
# The page for people, elsewhere than on loopback: whom doorward may ask who somebody is, and what they may see.  The
# chart has it with page.enabled, and doorward install with --page: python -m tests.deploy.rendering writes this file.
#
#   1. kubectl apply -f deploy/page.yaml
#   2. Add --ui to the args of deploy/doorward.yaml.
#   3. kubectl --namespace ome port-forward deployment/doorward 8080, and open http://localhost:8080/ui
#
# The page asks for a token, such as: kubectl create token NAME
"""
NAME, NAMESPACE = "doorward", "ome"


class Refused(Exception):
    """helm doesn't render the chart with these values; the message is helm's."""


class Chart:
    """The chart and a helm to render it."""

    def __init__(self, helm: Path) -> None:
        self.helm = helm

    def run(self, *arguments: str) -> str:
        """What helm prints.  Raises Refused."""
        done = subprocess.run([str(self.helm), *arguments], capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            raise Refused(done.stderr + done.stdout)
        return done.stdout

    def text(self, values: JsonObject | None = None, *more: str, name: str = NAME, namespace: str = NAMESPACE) -> str:
        """All objects, as helm prints them; ``more``: further arguments of helm's.  Raises Refused."""
        with NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(values or {}, file)
            file.flush()
            return self.run("template", name, str(CHART), "--namespace", namespace, "--values", file.name, *more)

    def objects(
        self, values: JsonObject | None = None, *, name: str = NAME, namespace: str = NAMESPACE
    ) -> list[JsonObject]:
        """All objects.  Raises Refused."""
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        documents = yaml.load_all(self.text(values, name=name, namespace=namespace), loader)
        return [document for document in documents if document]

    def default(self) -> str:
        """The text of ``deploy/doorward.yaml``."""
        return HEAD + _tidy(self.text())

    def page(self) -> str:
        """The text of ``deploy/page.yaml``."""
        return PAGE_HEAD + _tidy(self.text({"page": {"enabled": True}}, "--show-only", "templates/page.yaml"))


def _tidy(rendered: str) -> str:
    rendered = re.sub(r"^# Source: .*\n", "", rendered, flags=re.MULTILINE)
    return re.sub(r"\s*\n---\n", "\n---\n", "\n" + rendered).strip() + "\n"


def main() -> None:
    chart = Chart(tools.helm(lambda message: print(message, file=sys.stderr)))
    for text, files in {chart.default(): (DEFAULT, PACKAGED), chart.page(): (PAGE, PACKAGED_PAGE)}.items():
        for file in files:
            file.write_text(text)


if __name__ == "__main__":
    main()
