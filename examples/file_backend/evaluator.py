"""How requests travel by a file of routes: what the conformance kit judges by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit

from doorward import JsonObject
from doorward.testing import Answer, Evaluator, split


class FileEvaluator(Evaluator):
    def __init__(self) -> None:
        os.environ["DOORWARD_ROUTES_FILE"] = str(Path(mkdtemp()) / "routes.json")

    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        host, path = split(url)
        for obj in objects:
            if obj["kind"] != "Routes" or host not in obj["spec"]["hosts"]:
                continue
            for route in obj["spec"]["routes"]:
                if f"{path}/".startswith(route["prefix"].rstrip("/") + "/"):
                    return Answer((urlsplit(route["to"]).hostname or "").partition(".")[0], path)
        return None
