"""What a backend makes of a door, looked at without a cluster: the promises of its pure hooks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from time import perf_counter
from typing import Any

import msgspec
import orjson
from hypothesis import strategies as st

from doorward.backends import BackendError
from doorward.cluster.embedded.discovery import kinds
from doorward.model.door import Claim, Door, Guard, PathDoor
from doorward.model.hosts import segment_prefix
from doorward.model.merge import merge
from doorward.model.reference import CORE_RESOURCES, JsonObject, Resource, kind_of
from doorward.testing.conformance.breach import Breach, told
from doorward.testing.conformance.doors import LONGEST_HOST, PATHS, expected
from doorward.testing.conformance.rule import Rules, with_hosts
from doorward.testing.conformance.subject import Subject, owned

RULES = Rules()
SLOW = 0.005
"""Seconds that rendering one door may take, at the best of many times; the built-in backends take a hundredth."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_WRITES = ("create", "patch", "delete")
_READS = ("list", "watch")


@RULES.rule("loads")
def loads(subject: Subject) -> None:
    """It is found by its entry point, and describes the kinds that it needs as doorward takes them.

    What it writes is read and written, so that the rights that follow from `watches` are enough.
    """
    defined = kinds(subject.evaluator.definitions)
    for watch in subject.backends.described(subject.name):
        if watch.resource.kind in defined:
            _as_defined(watch.resource, defined[watch.resource.kind].resource)
        needed = (*_READS, *(() if watch.owned == "nothing" or watch.external else _WRITES))
        missing = [] if watch.external else [verb for verb in needed if verb not in watch.verbs]
        if missing:
            kind = watch.resource.kind
            raise Breach(f"`watches` names {kind} without verbs {', '.join(missing)}: doorward wouldn't be allowed to")


def _as_defined(resource: Resource, served: Resource) -> None:
    """Raises Breach where a definition serves a kind otherwise than `watches` says."""
    if not set(resource.versions).intersection(served.versions):
        versions, others = ", ".join(resource.versions), ", ".join(served.versions)
        raise Breach(f"`watches` names {resource.kind} in version {versions}, and its definition serves {others}")
    if resource.plural != served.plural:
        raise Breach(f"`watches` names {resource.kind} as {resource.plural}, and its definition as {served.plural}")
    if resource.namespaced != served.namespaced:
        raise Breach(f"`watches` and the definition of {resource.kind} differ in whether it belongs to namespaces")


@RULES.rule("answers")
def answers(subject: Subject) -> None:
    """It has an answer for every door, and raises for none."""
    subject.for_doors(lambda door: void(subject.render(door)))


@RULES.rule("manifests")
def manifests(subject: Subject) -> None:
    """What it renders are manifests of kinds that `watches` names as written, with names that a server takes.

    A host may be as long as DNS allows, so that a name with a host in it has to be cut.
    """
    written = subject.kinds

    def check(door: Door) -> None:
        for obj in subject.manifests(door):
            if not isinstance(obj.get("metadata"), dict) or not {"apiVersion", "kind", "spec"} <= obj.keys():
                raise Breach(f"it renders something that is no manifest: {str(obj)[:200]}", door)
            kind, name = kind_of(obj), obj["metadata"].get("name", "")
            if kind not in written:
                raise Breach(f"it renders a {kind}, which `watches` doesn't name as written", door)
            if not _NAME.fullmatch(name) or (kind == "Service" and len(name) > 63):
                raise Breach(f"no server takes the name {name!r} of a {kind}", door)
            try:
                orjson.dumps(obj)
            except TypeError as error:
                raise Breach(f"{kind} {name} can't be written as JSON: {error}", door) from error

    subject.for_doors(check)
    check(subject.door("m", LONGEST_HOST))


@RULES.rule("names")
def names(subject: Subject) -> None:
    """Objects of two services never have one name.

    Joined by `-`, service `m` with host `n-c.example.com` and service `m-n` with host `c.example.com` are one.
    """

    def check(one: Door, other: Door) -> None:
        if one.name == other.name:
            return
        other = msgspec.structs.replace(other, namespace=one.namespace)
        both = {(kind_of(o), o["metadata"]["name"]) for o in subject.manifests(one)}
        both &= {(kind_of(o), o["metadata"]["name"]) for o in subject.manifests(other)}
        if both:
            kind, name = sorted(both)[0]
            raise Breach(f"{kind} {name} is rendered for two services of one namespace", [one, other])

    subject.for_all(check, subject.doors(), subject.doors())
    check(subject.door("m", "m.a.example.com", "n-c.example.com"), subject.door("m-n", "c.example.com"))


@RULES.rule("pure")
def pure(subject: Subject) -> None:
    """`render` leaves the door that it is given as it is, and gives objects that share no part with anything."""

    def check(door: Door) -> None:
        before = msgspec.json.encode(told(door))
        first = subject.manifests(door)
        if msgspec.json.encode(told(door)) != before:
            raise Breach("`render` changes the door that it is given", door)
        again = subject.manifests(door)
        seen: set[int] = set(_parts((door.labels, door.annotations)))
        for obj in (*first, *again):
            parts = _parts(obj)
            if seen.intersection(parts) or len(parts) != len(set(parts)):
                raise Breach("objects that it renders share parts: a change of one would change the other", door)
            seen.update(parts)

    subject.for_doors(check)


@RULES.rule("deterministic")
def deterministic(subject: Subject) -> None:
    """The same door gives the same objects: at once, after other doors, and in another process."""

    def check(door: Door, other: Door) -> None:
        alone = [_text(subject.manifests(door)) for _ in range(3)]
        if alone[1] != alone[2]:
            raise Breach("`render` gives other objects when it is asked again", door)
        subject.manifests(other)
        if alone[0] != alone[1] or _text(subject.manifests(door)) != alone[1]:
            raise Breach("`render` gives other objects after it was asked about another door: it keeps state", door)

    subject.for_all(check, subject.doors(), subject.doors())
    _the_same_in_other_processes(subject)


def _the_same_in_other_processes(subject: Subject) -> None:
    """The order of a set of strings differs from process to process: only another one shows it.

    A plugin that isn't a module can't be found there.
    """
    plugin = subject.backends.manager.get_plugin(subject.name)
    module = getattr(plugin, "__name__", "")
    if sys.modules.get(module) is not plugin:
        return
    sample: list[Door] = []
    subject.for_all(sample.append, subject.doors(), examples=20)
    ones, others = (_rendered_elsewhere(subject, module, sample, seed) for seed in ("1", "2"))
    for door, one, other in zip(sample, ones, others, strict=True):
        if one != other:
            what = "`render` gives other objects in another process: look for a set, a hash, a random number, a clock"
            raise Breach(what, door)


_ELSEWHERE = """
import importlib, sys, msgspec, orjson
from doorward.model.door import Door
from doorward.settings.configuration import parse
given = orjson.loads(sys.stdin.buffer.read())
plugin, settings = importlib.import_module(given["module"]), parse({"ingress": given["config"]}).settings
for each in given["doors"]:
    door = msgspec.structs.replace(msgspec.convert(each, Door), settings=settings)
    print(msgspec.json.encode(plugin.render(door, lambda ref: None)).decode())
"""


def _rendered_elsewhere(subject: Subject, module: str, sample: list[Door], seed: str) -> list[bytes]:
    given = {
        "module": module,
        "config": orjson.dumps(subject.evaluator.config).decode(),
        "doors": [told(door) for door in sample],
    }
    environ = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _ELSEWHERE]
    done = subprocess.run(command, input=orjson.dumps(given), env=environ, capture_output=True, check=False)
    if done.returncode:
        raise Breach(f"`render` fails in a process of its own: {done.stderr.decode()[-500:]}")
    return done.stdout.splitlines()


@RULES.rule("refuses in words")
def refusals(subject: Subject) -> None:
    """It opens the modes that its evaluator names, and says of the others why it doesn't."""

    def check(door: Door) -> None:
        rendering = subject.render(door)
        if rendering and rendering.refused:
            raise Breach(f"it refuses a door of mode {door.mode}, which it is to open: {rendering.refused}", door)
        if rendering is None and door.backend == subject.name:
            raise Breach("it has nothing to say about a door that it is to open: `render` gives None", door)

    subject.for_doors(check)


@RULES.rule("reads what it watches")
def reads(subject: Subject) -> None:
    """`render` reads no kind that `watches` doesn't name."""

    def check(door: Door) -> None:
        subject.render(door)
        known = {watch.resource.kind for watch in subject.backends.described(subject.name)}
        strange = subject.read - known - {resource.kind for resource in CORE_RESOURCES}
        if strange:
            kind = sorted(strange)[0]
            raise Breach(f"`render` reads a {kind}, which `watches` doesn't name: it wouldn't be there", door)

    subject.read.clear()
    subject.for_all(check, subject.doors(), examples=20)


@RULES.rule("routes", applies=with_hosts)
def routes(subject: Subject) -> None:
    """Each host of a door answers by the table of routes, those that drain too."""

    def check(door: Door) -> None:
        objects = subject.standing(door)
        for host in door.all_hosts:
            for path in PATHS:
                reaches(subject, door, objects, f"{door.scheme}://{host}{path}", expected(door, path), path)

    subject.for_doors(check)


@RULES.rule("path doors", applies=with_hosts)
def path_doors(subject: Subject) -> None:
    """A door below a path answers by the same table, without its prefix; who opens none says `path=False`."""

    def check(door: Door) -> None:
        rendering = subject.render(door)
        if door.path is None or rendering is None:
            return
        objects = subject.standing(door)
        base = _base(door.path)
        if not rendering.path:
            reaches_nobody(subject, door, objects, base + "/health")
            return
        for path in PATHS:
            reaches(subject, door, objects, base + path, expected(door, path), path)
            reaches_nobody(subject, door, objects, f"{base}x{path}")
        reaches_nobody(subject, door, objects, f"http://{door.path.host}/")

    subject.for_doors(check)


@RULES.rule("nobody else's hosts", applies=with_hosts)
def strangers(subject: Subject) -> None:
    """A host that isn't the door's never reaches it."""

    def check(door: Door) -> None:
        objects = subject.standing(door)
        host = f"{door.name}.{door.namespace}.example.com"
        for other in (f"x{host}", f"x.{host}", host.replace(".", "-", 1), "other.example.org", f"{host}.evil.test"):
            reaches_nobody(subject, door, objects, f"http://{other}/")

    subject.for_doors(check)


@RULES.rule("closed doors", applies=with_hosts)
def closed(subject: Subject) -> None:
    """A door that is closed lets nobody in from outside."""

    def check(door: Door) -> None:
        if door.exposure == "outside":
            return
        objects = subject.standing(door)
        for domain in ("example.com", "your-cluster.com", "ml.corp.test"):
            reaches_nobody(subject, door, objects, f"http://{door.name}.{door.namespace}.{domain}/")

    subject.for_doors(check)


@RULES.rule("claims", applies=with_hosts)
def claims(subject: Subject) -> None:
    """What its objects claim is what they serve: each host of the door, its path, and nothing more."""

    def check(door: Door) -> None:
        rendering = subject.render(door)
        if door.backend != subject.name or rendering is None:
            return
        claimed = {(claim.host, claim.prefix) for obj in rendering.objects for claim in claims_of(subject, door, obj)}
        asked = {(host, "/") for host in door.all_hosts}
        if door.path and rendering.path:
            asked.add((door.path.host, door.path.prefix))
        if more := {each for each in claimed if not any(_holds(one, each) for one in asked)}:
            raise Breach(f"its objects claim {_where(more)}, which the door doesn't ask for", door)
        if less := asked - claimed:
            raise Breach(f"its objects don't claim {_where(less)}: anybody could take it", door)

    subject.for_doors(check)


@RULES.rule("narrowing", applies=with_hosts)
def narrowing(subject: Subject) -> None:
    """An object that loses hosts serves the others as before, and those that it lost no more."""

    def check(door: Door, kept: list[bool]) -> None:
        objects = subject.standing(door)
        hosts = [*door.all_hosts, *([door.path.host] if door.path else [])]
        keep = {host for host, stays in zip(hosts, kept, strict=False) if stays}
        left = [one for obj in objects if (one := _narrowed(subject, door, obj, keep))]
        for host in door.all_hosts:
            url = f"{door.scheme}://{host}/v1/decoder/x"
            now, before = subject.route(left, url), subject.route(objects, url)
            if host in keep and now != before and now is not None:
                raise Breach(f"narrowed to {sorted(keep)}, {host} leads to {now}, not to {before}", door)
            if host not in keep and now is not None:
                raise Breach(f"narrowed to {sorted(keep)}, it still serves {host}", door)
        if door.path and door.path.host not in keep and subject.route(left, _base(door.path)):
            raise Breach(f"narrowed to {sorted(keep)}, it still serves {door.path.host}{door.path.prefix}", door)

    subject.for_all(check, subject.doors(), st.lists(st.booleans(), min_size=5, max_size=5))


@RULES.rule("guards", applies=with_hosts)
def guards(subject: Subject) -> None:
    """Where it says that a door is guarded, nobody comes in without a key."""

    def check(door: Door) -> None:
        if door.exposure != "outside":
            return
        settings = door.settings.model_copy(update={"auth_service": "doorward/doorward:9443"})
        door = msgspec.structs.replace(door, guard=Guard("api-key", "clients"), settings=settings)
        rendering = subject.render(door)
        if rendering is None or not rendering.guarded or rendering.refused:
            return
        objects = subject.standing(door)
        for host in door.all_hosts:
            url = f"{door.scheme}://{host}/"
            if subject.route(objects, url) and not subject.is_guarded(objects, url):
                raise Breach(f"it says that the door is guarded, and {url} is open to everybody", door)

    subject.for_doors(check)


@RULES.rule("tenants' values")
def hostile(subject: Subject) -> None:
    """What a tenant writes into annotations doesn't turn up in its objects unless it was checked."""
    evil = "1m;\n} location / { proxy_pass http://evil.test; }"
    keys = st.sampled_from(
        (
            "example.com/anything",
            f"{subject.name}.example.com/config",
            "nginx.ingress.kubernetes.io/proxy-body-size",
            "traefik.ingress.kubernetes.io/router.priority",
            "cert-manager.io/cluster-issuer",
            "haproxy.org/timeout-server",
        )
    )

    def check(door: Door, key: str) -> None:
        attacked = msgspec.structs.replace(door, annotations={**door.annotations, key: evil})
        for obj in subject.manifests(attacked):
            if evil in _strings(obj):
                what = f"annotation {key} of the service reaches {obj['kind']} {obj['metadata']['name']} unchecked"
                raise Breach(what, attacked)

    subject.for_all(check, subject.doors(), keys)


@RULES.rule("speed")
def speed(subject: Subject) -> None:
    """One door is rendered in a moment: the engine waits for it."""
    sample: list[Door] = []
    subject.for_all(sample.append, subject.doors(), examples=5)
    for door in sample:
        best = min(_seconds(subject, door) for _ in range(7))
        if best > SLOW:
            raise Breach(f"rendering one door takes {1000 * best:.0f} ms, where {1000 * SLOW:.0f} are much", door)


# -- looking at objects


def reaches(subject: Subject, door: Door, objects: list[JsonObject], url: str, service: str, path: str) -> None:
    """Raises Breach where a request goes elsewhere."""
    answer = subject.route(objects, url)
    if answer is None:
        raise Breach(f"{url} reaches nobody; it should reach {service}", door)
    if answer.service and answer.service != service:
        raise Breach(f"{url} reaches {answer.service}; it should reach {service}", door)
    if answer.service and answer.path != path:
        raise Breach(f"{url} arrives as {answer.path}; it should arrive as {path}", door)


def reaches_nobody(subject: Subject, door: Door, objects: list[JsonObject], url: str) -> None:
    if answer := subject.route(objects, url):
        raise Breach(f"{url} reaches {answer.service or 'somebody'}; it isn't this door's", door)


def claims_of(subject: Subject, door: Door, obj: JsonObject) -> Iterable[Claim]:
    try:
        return subject.backends.claims(kind_of(obj), owned(obj, door))
    except BackendError as error:
        raise Breach(f"hook {error.hook} failed: {error}", door) from error


def _narrowed(subject: Subject, door: Door, obj: JsonObject, keep: set[str]) -> JsonObject | None:
    """What is left of an object; one that claims nothing stays."""
    kind = kind_of(obj)
    if kind not in subject.backends.claiming:
        return obj
    try:
        claimed = [claim.host for claim in subject.backends.claims(kind, obj)]
        spec = subject.backends.narrow(kind, obj, tuple(host for host in claimed if host in keep))
    except BackendError as error:
        raise Breach(f"hook {error.hook} failed: {error}", door) from error
    return None if spec is None else {**obj, "spec": merge(obj["spec"], spec)}


def _holds(claim: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether all that the other takes lies below a claim, which covers it."""
    return claim[0] == other[0] and segment_prefix(claim[1], other[1])


def void(_: object) -> None:
    """A check that is passed by not raising."""


def _base(path: PathDoor) -> str:
    return f"http://{path.host}{path.prefix}"


def _where(claims: Iterable[tuple[str, str]]) -> str:
    return ", ".join(sorted(host + prefix.rstrip("/") for host, prefix in claims))


def _text(objects: Iterable[JsonObject]) -> bytes:
    return msgspec.json.encode(list(objects))


def _parts(value: Any) -> list[int]:
    own = [id(value)] if isinstance(value, dict | list) and value else []
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return own + [part for child in below for part in _parts(child)]


def _strings(value: Any) -> str:
    return "\0".join(_leaves(value))


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in _leaves(each)]
    if isinstance(value, list):
        return [text for each in value for text in _leaves(each)]
    return [value] if isinstance(value, str) else []


def _seconds(subject: Subject, door: Door) -> float:
    start = perf_counter()
    subject.render(door)
    return perf_counter() - start
