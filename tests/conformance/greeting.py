"""A backend of an imaginary gateway that keeps every promise, to be made wrong one promise at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from doorward.hooks import Read, Watch, hookimpl
from doorward.model.door import Door, Rendering, Standing, manifest
from doorward.model.reference import JsonObject, Ref, Resource
from doorward.model.settings import Settings
from doorward.testing.conformance import Answer, Evaluator, split

GREETING = Resource("Greeting.hello.example.com", "greetings")
WRITTEN = ("list", "watch", "create", "patch", "delete")


class Greeting:
    """Hosts whole, and paths below them."""

    @hookimpl
    def watches(self) -> Sequence[Watch]:
        return (Watch(resource=GREETING, verbs=WRITTEN, owned="spec", hosts=("hosts",)),)

    @hookimpl
    def select(self, door: Door, settings: Settings) -> str | None:
        return "greeting" if door.ingress_class == "greeting" else None

    @hookimpl
    def render(self, door: Door, read: Read) -> Rendering | None:
        if door.backend != "greeting":
            return None
        if not door.all_hosts:
            return Rendering(path=False)
        return Rendering(objects=(self.greeting(door),), path=False)

    @hookimpl
    def status(self, door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
        taken = all(obj.get("status", {}).get("greeted") for obj in observed.values())
        return Standing() if taken else Standing(state="pending", message="the gateway hasn't taken it yet")

    def greeting(self, door: Door) -> JsonObject:
        spec = {"hosts": self.hosts(door), "routes": self.routes(door)}
        return manifest(GREETING.api_version(), GREETING.name, self.name(door), spec)

    def name(self, door: Door) -> str:
        return door.name

    def hosts(self, door: Door) -> list[str]:
        return list(door.all_hosts)

    def routes(self, door: Door) -> list[Any]:
        return [{"prefix": route.prefix, "service": door.target(route.component).service} for route in door.routes]


class GreetingEvaluator(Evaluator):
    annotations = {"ome.io/ingress-class": "greeting"}
    door = {"ingress_class": "greeting"}

    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        host, path = split(url)
        for obj in objects:
            if obj["kind"] == "Greeting" and host in obj["spec"]["hosts"]:
                for route in obj["spec"]["routes"]:
                    if f"{path}/".startswith(route["prefix"].rstrip("/") + "/"):
                        return Answer(route["service"], path)
        return None

    def status(self, obj: JsonObject) -> JsonObject | None:
        return {"greeted": True} if obj["kind"] == "Greeting" else None
