"""Backends that are wrong on purpose, each in one way, and the promise that it breaks."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import count
from time import sleep
from typing import Any

from doorward.hooks import Read, Watch, hookimpl
from doorward.model.door import Claim, Door, Rendering, Standing
from doorward.model.reference import JsonObject, Ref, Resource

from tests.conformance.greeting import GREETING, WRITTEN, Greeting

WRONG: dict[type[Greeting], tuple[str, str]] = {}
"""By backend: the rule that it breaks, and a word of what the author is told."""


def breaks(rule: str, word: str) -> Any:
    def register(backend: type[Greeting]) -> type[Greeting]:
        WRONG[backend] = rule, word
        return backend

    return register


@breaks("deterministic", "asked again")
class Nondeterministic(Greeting):
    def routes(self, door: Door) -> list[Any]:
        return [*super().routes(door), {"prefix": f"/{random.random()}", "service": door.targets[0].service}]


@breaks("deterministic", "keeps state")
class KeepsState(Greeting):
    def __init__(self) -> None:
        self.last = ""

    def hosts(self, door: Door) -> list[str]:
        previous, self.last = self.last, door.name
        return [*super().hosts(door), *([f"after-{previous}.example.com"] if previous not in ("", door.name) else [])]


@breaks("routes", "reaches nobody")
class DropsAHost(Greeting):
    def hosts(self, door: Door) -> list[str]:
        return super().hosts(door)[:2]


@breaks("routes", "reaches nobody")
class ForgetsWhatDrains(Greeting):
    def hosts(self, door: Door) -> list[str]:
        return list(door.hosts)


@breaks("routes", "should reach")
class ForgetsTheDecoder(Greeting):
    def routes(self, door: Door) -> list[Any]:
        return [route for route in super().routes(door) if route["prefix"] != "/v1/decoder"]


@breaks("routes", "should reach")
class TakesTheWrongComponent(Greeting):
    def routes(self, door: Door) -> list[Any]:
        return [{"prefix": route.prefix, "service": door.targets[0].service} for route in door.routes]


@breaks("nobody else's hosts", "isn't this door's")
class ServesWhatIsNotAsked(Greeting):
    def hosts(self, door: Door) -> list[str]:
        return [*super().hosts(door), "other.example.org"]


@breaks("claims", "doesn't ask for")
class ClaimsTooMuch(Greeting):
    @hookimpl
    def watches(self) -> Sequence[Watch]:
        return (Watch(resource=GREETING, verbs=WRITTEN, owned="spec"),)

    @hookimpl
    def claims(self, manifest: JsonObject) -> Sequence[Claim] | None:
        if manifest["kind"] != "Greeting":
            return None
        return [Claim(host) for host in (*manifest["spec"]["hosts"], "example.com")]


@breaks("claims", "don't claim")
class ClaimsNothing(Greeting):
    @hookimpl
    def watches(self) -> Sequence[Watch]:
        return (Watch(resource=GREETING, verbs=WRITTEN, owned="spec"),)


@breaks("narrowing", "still serves")
class NarrowsNothing(ClaimsTooMuch):
    @hookimpl
    def claims(self, manifest: JsonObject) -> Sequence[Claim] | None:
        return [Claim(host) for host in manifest["spec"]["hosts"]] if manifest["kind"] == "Greeting" else None

    @hookimpl
    def narrow(self, manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
        return {} if manifest["kind"] == "Greeting" else None


@breaks("pure", "changes the door")
class MutatesTheDoor(Greeting):
    def hosts(self, door: Door) -> list[str]:
        door.annotations["greeted"] = "yes"  # type: ignore[index]
        return super().hosts(door)


@breaks("pure", "share parts")
class SharesParts(Greeting):
    shared: list[Any] = [{"prefix": "/", "service": ""}]

    def greeting(self, door: Door) -> JsonObject:
        made = super().greeting(door)
        made["spec"]["more"] = self.shared
        return made


@breaks("loads", "without verbs patch")
class NeedsARight(Greeting):
    @hookimpl
    def watches(self) -> Sequence[Watch]:
        verbs = ("list", "watch", "create", "delete")
        return (Watch(resource=GREETING, verbs=verbs, owned="spec", hosts=("hosts",)),)


@breaks("manifests", "doesn't name as written")
class WritesAnotherKind(Greeting):
    def greeting(self, door: Door) -> JsonObject:
        return {**super().greeting(door), "kind": "Farewell"}


@breaks("reads what it watches", "doesn't name")
class ReadsUnwatched(Greeting):
    @hookimpl
    def render(self, door: Door, read: Read) -> Rendering | None:
        read(Ref("Mood.hello.example.com", door.namespace, "today"))
        return super().render(door, read)


@breaks("speed", "takes")
class Slow(Greeting):
    def hosts(self, door: Door) -> list[str]:
        sleep(0.02)
        return super().hosts(door)


@breaks("answers", "RuntimeError")
class RaisesForOneName(Greeting):
    def name(self, door: Door) -> str:
        if door.name == "default":
            raise RuntimeError("no such greeting")
        return door.name


@breaks("answers", "returned")
class AnswersWithRubbish(Greeting):
    @hookimpl
    def render(self, door: Door, read: Read) -> Any:
        return "hello" if door.backend == "greeting" else None


@breaks("names", "two services")
class OneNameForAll(Greeting):
    def name(self, door: Door) -> str:
        return "greeting"


@breaks("manifests", "no server takes")
class NamesTooLong(Greeting):
    def name(self, door: Door) -> str:
        return f"{door.name}.{'.'.join(door.all_hosts)}.{'x' * 240}"


@breaks("names", "m-n-c.example.com is rendered for two services")
class JoinsServiceAndHost(Greeting):
    def name(self, door: Door) -> str:
        return f"{door.name}-{door.all_hosts[-1]}"[:253]


@breaks("manifests", "no server takes")
class CutsNoHost(Greeting):
    def name(self, door: Door) -> str:
        return f"{door.all_hosts[0]}-{door.hhhhh}"


@breaks("refuses in words", "is to open")
class RefusesWhatItSaysItOpens(Greeting):
    @hookimpl
    def render(self, door: Door, read: Read) -> Rendering | None:
        refused = door.backend == "greeting" and door.mode == "MultiNode"
        return Rendering(refused="too many nodes") if refused else super().render(door, read)


@breaks("guards", "open to everybody")
class SaysThatItGuards(Greeting):
    @hookimpl
    def render(self, door: Door, read: Read) -> Rendering | None:
        made = super().render(door, read)
        return Rendering(objects=made.objects, path=False, guarded=True) if made else None


@breaks("tenants' values", "unchecked")
class PassesAnnotations(Greeting):
    def greeting(self, door: Door) -> JsonObject:
        made = super().greeting(door)
        made["metadata"]["annotations"] = dict(door.annotations)
        return made


@breaks("path doors", "reaches nobody")
class SaysThatItOpensPaths(Greeting):
    @hookimpl
    def render(self, door: Door, read: Read) -> Rendering | None:
        made = super().render(door, read)
        return Rendering(objects=made.objects) if made and door.path else made


@breaks("acceptance", "before the controller has answered")
class DoesNotWait(Greeting):
    @hookimpl
    def status(self, door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
        return Standing()


@breaks("opens", "Pending")
class WaitsForEver(Greeting):
    @hookimpl
    def status(self, door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
        return Standing(state="pending", message="not yet")


@breaks("drift", "isn't put right")
class OwnsTooLittle(Greeting):
    @hookimpl
    def watches(self) -> Sequence[Watch]:
        return (Watch(resource=GREETING, verbs=WRITTEN, owned="fields", fields=("hosts",), hosts=("hosts",)),)


class Counts(Greeting):
    """Its objects bear a number that grows: it never comes to rest."""

    def __init__(self) -> None:
        self.numbers = count()

    def routes(self, door: Door) -> list[Any]:
        return [*super().routes(door), {"prefix": f"/n{next(self.numbers)}", "service": door.targets[0].service}]


WRONG[Counts] = "deterministic", "asked again"

OTHER = Resource("Farewell.hello.example.com", "farewells")
