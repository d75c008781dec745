"""How requests travel by IngressRoutes and Middlewares: what the conformance kit judges by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from doorward import JsonObject
from doorward.testing import Answer, Evaluator, split

_MATCHER = re.compile(r"(Host|Path|PathPrefix)\(`([^`]*)`\)")


class Router(NamedTuple):
    """The router that takes a request, and the Middlewares that it passes."""

    rule: str
    service: str
    through: list[JsonObject]


class TraefikEvaluator(Evaluator):
    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        router, path = _router(objects, url), split(url)[1]
        if router is None:
            return None
        for strip in (each["stripPrefix"] for each in router.through if "stripPrefix" in each):
            path = path.removeprefix(next((p for p in strip["prefixes"] if path.startswith(p)), "")) or "/"
        return Answer(router.service, path)

    def is_guarded(self, objects: Sequence[JsonObject], url: str) -> bool:
        router = _router(objects, url)
        return router is not None and "forwardAuth" in router.through[0]


def _router(objects: Sequence[JsonObject], url: str) -> Router | None:
    """The longest rule that matches has its way; a router with a Middleware that isn't there is none."""
    host, path = split(url)
    middlewares = {obj["metadata"]["name"]: obj["spec"] for obj in objects if obj["kind"] == "Middleware"}
    routers = []
    for route in (route for obj in objects if obj["kind"] == "IngressRoute" for route in obj["spec"]["routes"]):
        through = [middlewares.get(each["name"]) for each in route["middlewares"]]
        if _matches(route["match"], host, path) and None not in through:
            routers.append(Router(route["match"], route["services"][0]["name"], [each for each in through if each]))
    return max(routers, key=lambda router: len(router.rule), default=None)


def _matches(rule: str, host: str, path: str) -> bool:
    """``Host(…)``, and where it names paths, one of them."""
    found = [(name, value) for name, value in _MATCHER.findall(rule)]
    paths = [value == path if name == "Path" else path.startswith(value) for name, value in found if name != "Host"]
    return ("Host", host) in found and (any(paths) if paths else True)
