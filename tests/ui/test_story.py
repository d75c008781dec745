"""What is told of one door, whatever its objects have become."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.model.reference import Ref
from doorward_daemon.ui.changes import changes
from doorward_daemon.ui.rules import leads

from tests.engine.stage import backends

INGRESS = Ref("Ingress.networking.k8s.io", "a", "m")


def obj(**more: Any) -> dict[str, Any]:
    return {"metadata": {"name": "m", "namespace": "a"}, **more}


@pytest.mark.parametrize(
    "spec",
    [
        {"rules": "text"},
        {"rules": [None, 1, "x", {"http": []}, {"http": {"paths": [None, {"backend": "x"}]}}]},
        {"http": [{"match": [{"uri": "x"}], "route": [None]}]},
        {"rules": [{"matches": [None], "backendRefs": ["x"]}], "hostnames": 7},
        {},
    ],
)
@pytest.mark.parametrize(
    "kind", ["Ingress.networking.k8s.io", "VirtualService.networking.istio.io", "HTTPRoute.gateway.networking.k8s.io"]
)
def test_an_object_that_somebody_broke_is_drawn_as_far_as_it_can_be_read(kind: str, spec: Any) -> None:
    ref = Ref(kind, "a", "m")
    for broken in (obj(spec=spec), obj()):
        found = leads(ref, broken, backends())
        assert found is not None
        assert found.rules


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "/"),
        ("/v1/decoder/", "/v1/decoder"),
        (r"/(?-i:serve/chat/llama\-3/(v1/decoder(?:/.*)?))$", "/serve/chat/llama-3/v1/decoder"),
        (r"/(?-i:serve/chat/llama\-3)(?:/(.*))?$", "/serve/chat/llama-3"),
    ],
)
def test_a_path_is_shown_as_people_write_it(path: str, shown: str) -> None:
    paths = [{"path": path, "backend": {"service": {"name": "m-engine"}}}]
    found = leads(INGRESS, obj(spec={"rules": [{"host": "m.example.com", "http": {"paths": paths}}]}), backends())
    assert found is not None
    assert found.rules[0].path == shown


def test_items_of_lists_are_told_apart_by_what_names_them() -> None:
    before = obj(spec={"rules": [{"host": "a.example.com", "x": 1}, {"host": "b.example.com", "x": 2}]})
    after = obj(spec={"rules": [{"host": "b.example.com", "x": 3}]})
    (change,) = changes({INGRESS: before}, {INGRESS: after})
    told = {field.path: (field.before, field.after) for field in change.fields}
    assert told["spec.rules[b.example.com].x"] == ("2", "3")
    assert told["spec.rules[a.example.com].x"] == ("1", None)


def test_what_differs_is_bounded_however_much_and_however_deep_it_is() -> None:
    deep: Any = "end"
    for _ in range(200):
        deep = {"x": deep}
    many = {f"key-{number}": "v" * 10_000 for number in range(1000)}
    (change,) = changes({}, {INGRESS: obj(spec={"many": many, "deep": deep})})
    assert (len(change.fields), change.more) == (200, 803)
    assert all(len(field.after or "") <= 400 for field in change.fields)
