"""Questions to the authorization service: whoever comes in, comes in by a door that every proxy would lead to."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote

from doorward_daemon.authz.decision import Answer, Trial
from doorward_daemon.authz.question import read

from tests.authz.asking import Known, secret
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

KEYS = {"alices-key": ("a", "m"), "bobs-key": ("b", "n")}
SHARED = "example.com"
PREFIXES = {"/models/m": ("a", "m"), "/models/n": ("b", "n"), "/models/open": ("c", "open")}
HOSTS = {"m.example.com": ("a", "m"), "n.example.com": ("b", "n"), "open.example.com": ("c", "open")}

PATHS = ("/models", "/m", "/n", "/open", "/models/m", "/models/n", "/models/open", "/v1", "/", "?x=1", "%6d", "%6e",
         "M", "/..", "/.", "//", "%2e%2e", "%2f", "%5c", "%252e", ";x", "..;", "health", "/health", "x")  # fmt: skip
WHERE = (SHARED, "m.example.com", "n.example.com", "open.example.com", "EXAMPLE.com", ".", ":80", "@", "evil.test", ",")
FORMS = ("/host/", "/door/", "/host", "/")
DIALECTS = ("envoy", "nginx", "traefik")
DOORS = ("/a/m", "/b/n", "/c/open", "/a", "//", "/a/m/b/n")
SHOWN = ("alices-key", "bobs-key", "Bearer alices-key", "Bearer bobs-key", "bearer  bobs-key", "Basic ", "Bearer ", "x")


def make(choices: Choices) -> Any:
    path = choices.text(PATHS, 5)
    host = choices.text(WHERE, 2)
    target = choices.pick(FORMS) + choices.pick(DIALECTS) + (choices.pick(DOORS) if choices.once_in(2) else "") + path
    headers = {
        "host": [host],
        "x-original-url": [f"http://{choices.text(WHERE, 2)}{choices.text(PATHS, 5)}"],
        "x-forwarded-host": [choices.text(WHERE, 2)],
        "x-forwarded-uri": [choices.text(PATHS, 5)],
        "authorization": choices.repeated(lambda: choices.text(SHOWN, 2), 2),
        "x-api-key": choices.repeated(lambda: choices.text(SHOWN, 2), 2),
    }
    if choices.once_in(8):
        headers["authorization"] = ["Basic " + base64.b64encode(choices.text(SHOWN, 4).encode()).decode()]
    return {"target": target, "headers": headers}


@cache
def town() -> Known:
    known = Known()
    known.exempt = ("/health",)
    known.door("a", "m", "api-key", f"{SHARED}/models/m", "m.example.com/", keys=secret(alice="alices-key"))
    known.door("b", "n", "api-key", f"{SHARED}/models/n", "n.example.com/", keys=secret(bob="bobs-key"))
    known.door("c", "open", None, f"{SHARED}/models/open", "open.example.com/")
    return known


def check(value: Any) -> None:
    headers = value["headers"]
    question = read(value["target"], lambda name: headers.get(name, ()))
    if question is None:
        return
    answer = town().decide(question)
    assert isinstance(answer, Answer | Trial)
    if isinstance(answer, Trial) or answer.status != 200:
        return
    shows = {owner for key, owner in KEYS.items() if any(key in each for name in ("authorization", "x-api-key")
             for each in headers.get(name, ()))}  # fmt: skip
    if question.door:
        assert question.door in shows or question.door == ("c", "open") or answer.why == "exempt"
        return
    if question.host != SHARED:
        owner = HOSTS.get(question.host)
        assert owner
        assert owner in shows or owner == ("c", "open") or answer.why == "exempt"
        return
    led_to = {door for path in readings(question.path) if (door := behind(path))}
    assert len(led_to) == 1, "a path by which proxies lead to different doors, or to none"
    (door,) = led_to
    assert door in shows or door == ("c", "open") or answer.why == "exempt"


def behind(path: str) -> tuple[str, str] | None:
    return next((door for prefix, door in PREFIXES.items() if path == prefix or path.startswith(prefix + "/")), None)


def readings(path: str) -> Iterator[str]:
    """The ways in which proxies, and servers behind them, read a path."""
    yield path
    for decoded in (path, unquote(path), unquote(unquote(path))):
        for text in (decoded, decoded.replace("\\", "/")):
            for cut in (text, re.sub(r";[^/]*", "", text), text.partition("#")[0], text.partition("?")[0]):
                yield merged(cut)
                yield resolved(cut)
                yield resolved(merged(cut))


def merged(path: str) -> str:
    return re.sub(r"/+", "/", path)


def resolved(path: str) -> str:
    out: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del out[-1:]
        elif segment != ".":
            out.append(segment)
    return "/" + "/".join(out)


TARGET = Target(
    name="authorization",
    make=make,
    check=check,
    share=25,
)
