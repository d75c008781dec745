"""A collection that a client of somebody else's lists and watches."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from doorward import Collection, Deleted, Observed, Reflector, Resource, Synced
from doorward.model.event import AnyEvent

ROUTE = Resource("HTTPRoute.gateway.networking.k8s.io", "httproutes", ("v1", "v1beta1"))
GROUP = "gateway.networking.k8s.io"


def served(version: str = "v1", *plurals: str) -> dict[str, Any]:
    resources = [{"name": plural, "kind": "HTTPRoute"} for plural in plurals or ("httproutes",)]
    return {"kind": "APIResourceList", "groupVersion": f"{GROUP}/{version}", "resources": resources}


def groups(*versions: str) -> dict[str, Any]:
    return {"kind": "APIGroupList", "groups": [{"name": GROUP, "versions": [{"groupVersion": v} for v in versions]}]}


def route(name: str, version: int, namespace: str = "a") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "uid": name, "resourceVersion": str(version)}}


def listing(*items: dict[str, Any], version: int = 5) -> dict[str, Any]:
    return {"kind": "HTTPRouteList", "metadata": {"resourceVersion": str(version)}, "items": list(items)}


def line(type: str, object: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": type, "object": object}) + b"\n"


class Server:
    """Answers one request after the other, whole or in pieces."""

    def __init__(self, namespace: str = "") -> None:
        self.reflector = Reflector(Collection(ROUTE, namespace))
        self.asked: list[str] = []

    def answer(self, status: int, content: object, *, piece: int = 1 << 20, ends: bool = True) -> list[AnyEvent]:
        asked = self.reflector.request()
        self.asked.append(asked.path + ("?watch" if "watch" in asked.query else ""))
        data = content if isinstance(content, bytes) else orjson.dumps(content)
        pieces = [data[at : at + piece] for at in range(0, len(data), piece)] + ([b""] if ends else [])
        return [event for each in pieces for event in self.reflector.receive(status, each, 1.0)]

    def list(self, *items: dict[str, Any]) -> list[AnyEvent]:
        assert self.answer(200, served()) == []
        return self.answer(200, listing(*items))

    @property
    def since(self) -> str:
        return self.reflector.request().query["resourceVersion"]


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_what_is_there_is_told_and_then_that_it_is_all(piece: int) -> None:
    server = Server()
    assert server.answer(200, served(), piece=piece) == []
    one, all_ = server.answer(200, listing(route("m", 3)), piece=piece)
    assert isinstance(one, Observed)
    assert (one.kind, one.object["apiVersion"], one.ref.name) == (ROUTE.kind, f"{GROUP}/v1", "m")
    assert all_ == Synced(at=1.0, kind=ROUTE.kind, resource_version=5, keys=frozenset({("a", "m")}), version="v1")
    assert server.reflector.pause == 0


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_a_watch_goes_on_where_it_ended(piece: int) -> None:
    server = Server()
    server.list(route("m", 3))
    changes = line("MODIFIED", route("m", 6)) + line("DELETED", route("m", 8)) + line("BOOKMARK", route("", 9))
    changed, gone = server.answer(200, changes, piece=piece)
    assert isinstance(changed, Observed)
    assert isinstance(gone, Deleted)
    assert (gone.ref.name, gone.uid, gone.resource_version) == ("m", "m", 8)
    assert server.since == "9"
    assert server.asked[-1].endswith("httproutes?watch")


def test_a_line_that_was_cut_off_is_watched_for_again() -> None:
    server = Server()
    server.list()
    assert server.answer(200, line("ADDED", route("m", 6))[:-9], ends=False) == []
    assert server.since == "5"


@pytest.mark.parametrize(
    ("status", "content"),
    [(200, line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})), (410, {"kind": "Status"})],
)
def test_what_the_server_has_forgotten_is_listed_again(status: int, content: object) -> None:
    server = Server()
    server.list()
    assert server.answer(status, content) == []
    assert server.reflector.pause > 0
    assert isinstance(server.list()[-1], Synced)


def test_an_older_version_does() -> None:
    server = Server()
    server.answer(404, b"404 page not found")
    server.answer(200, served("v1beta1"))
    (synced,) = server.answer(200, listing())
    assert isinstance(synced, Synced)
    assert synced.version == "v1beta1"
    assert server.asked[-1] == f"/apis/{GROUP}/v1beta1/httproutes"


def test_a_kind_is_absent_where_discovery_as_a_whole_agrees() -> None:
    server = Server()
    server.answer(200, served("v1", "grpcroutes"))
    server.answer(404, b"404 page not found")
    assert server.answer(200, groups(f"{GROUP}/v1")) == [Synced(at=1.0, kind=ROUTE.kind, state="absent")]
    assert server.reflector.pause > 0


@pytest.mark.parametrize("content", [b"404 page not found", groups(f"{GROUP}/v1beta1"), {"kind": "Status"}])
def test_a_404_of_somebody_in_between_is_no_absence(content: object) -> None:
    server = Server()
    server.answer(404, b"404 page not found")
    server.answer(404, b"404 page not found")
    assert server.answer(200 if isinstance(content, dict) else 404, content) == []
    assert server.list() != []


def test_what_may_not_be_listed_is_told() -> None:
    server = Server("a")
    server.answer(200, served())
    (told,) = server.answer(403, {"kind": "Status", "message": "httproutes is forbidden"})
    message = "httproutes is forbidden"
    assert told == Synced(at=1.0, kind=ROUTE.kind, scope="a", state="forbidden", message=message)


def test_pauses_grow_until_something_is_told() -> None:
    server = Server()
    pauses = []
    for _ in range(8):
        server.answer(500, {"kind": "Status"})
        pauses.append(server.reflector.pause)
    assert pauses == sorted(pauses)
    assert pauses[0] <= 1
    assert pauses[-1] == 30
    server.list()
    assert server.reflector.pause == 0


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"kind": "APIResourceList"}', b"{", b""])
def test_what_no_api_server_says_is_asked_again(content: bytes) -> None:
    server = Server()
    assert server.answer(200, content) == []
    assert server.reflector.pause > 0
    assert server.list() != []
