"""An action as a request of any client, and its outcome."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from doorward import Action, Applied, Engine, Ref, Refused, Request, Unknown, outcome_of, request_of
from doorward.model.action import Verb

from tests.engine.stage import backends

ROUTE = Ref("HTTPRoute.gateway.networking.k8s.io", "a", "m")
COLLECTION = "/apis/gateway.networking.k8s.io/v1beta1/namespaces/a/httproutes"
OURS = {"fieldManager": "doorward"}
BODY = {"metadata": {"uid": "u", "resourceVersion": "7"}}


def action(verb: Verb, **more: Any) -> Action:
    return Action(id=3, verb=verb, ref=ROUTE, service="s", version="v1beta1", **more)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (action("create", body=BODY), Request(method="POST", path=COLLECTION, query=OURS, body=BODY)),
        (
            action("patch", body=BODY),
            Request(
                method="PATCH",
                path=f"{COLLECTION}/m",
                query=OURS,
                body=BODY,
                content_type="application/merge-patch+json",
            ),
        ),
        (
            action("status", body=BODY),
            Request(
                method="PATCH",
                path=f"{COLLECTION}/m/status",
                query=OURS,
                body=BODY,
                content_type="application/merge-patch+json",
            ),
        ),
        (
            action("delete", uid="u", resource_version="7"),
            Request(
                method="DELETE",
                path=f"{COLLECTION}/m",
                body={
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "propagationPolicy": "Background",
                    "preconditions": {"uid": "u", "resourceVersion": "7"},
                },
            ),
        ),
        (action("verify"), Request(method="GET", path=f"{COLLECTION}/m")),
    ],
    ids=lambda each: each.verb if isinstance(each, Action) else "",
)
def test_an_action_is_one_request(made: Action, expected: Request) -> None:
    assert request_of(Engine(backends()), made) == expected


OBJECT = {"kind": "HTTPRoute", "metadata": {"name": "m"}}
LEAVING = {"kind": "HTTPRoute", "metadata": {"name": "m", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
STATUS = {"kind": "Status", "code": 409, "reason": "AlreadyExists", "message": "it is there"}


@pytest.mark.parametrize(
    ("verb", "status", "answer", "expected"),
    [
        ("create", 201, OBJECT, Applied(at=1.0, action=3, object=OBJECT)),
        ("create", 200, b"<html>", Unknown(at=1.0, action=3, message="the answer to create is not an object")),
        ("create", 409, STATUS, Refused(at=1.0, action=3, status=409, reason="AlreadyExists", message="it is there")),
        ("event", 409, STATUS, Applied(at=1.0, action=3)),
        ("patch", 503, b"overloaded", Refused(at=1.0, action=3, status=503, reason="ServiceUnavailable")),
        ("patch", 0, b"", Unknown(at=1.0, action=3, message="no answer")),
        ("verify", 404, {"kind": "Status", "code": 404, "reason": "NotFound"}, Applied(at=1.0, action=3)),
        ("delete", 200, {"kind": "Status", "status": "Success"}, Applied(at=1.0, action=3)),
        ("delete", 200, OBJECT, Applied(at=1.0, action=3)),
        ("delete", 200, LEAVING, Applied(at=1.0, action=3, object=LEAVING)),
    ],
)
def test_an_answer_is_an_outcome(verb: Verb, status: int, answer: Any, expected: object) -> None:
    assert outcome_of(action(verb), status, answer, at=1.0) == expected
    if isinstance(answer, dict):
        assert outcome_of(action(verb), status, orjson.dumps(answer), at=1.0) == expected


def test_a_pause_that_the_server_asks_for_is_kept() -> None:
    outcome = outcome_of(action("create"), 429, b"", at=1.0, retry_after=4.0)
    assert isinstance(outcome, Refused)
    assert outcome.retry_after == 4.0


OWNED = {"metadata": {"ownerReferences": [{"kind": "InferenceService", "name": "m", "uid": "u"}]}}


@pytest.mark.parametrize(
    ("said", "allow"),
    [
        (
            "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ",
            "allow verb update on the subresource finalizers of InferenceService",
        ),
        ("cannot set an ownerRef on a resource you can't delete: , <nil>", f"allow verb delete on {ROUTE.kind}"),
    ],
)
def test_a_refusal_that_speaks_of_owners_names_the_right_that_is_missing(said: str, allow: str) -> None:
    status = {"kind": "Status", "reason": "Forbidden", "message": said, "code": 403}
    outcome = outcome_of(action("create", body=OWNED), 403, orjson.dumps(status), at=1.0)
    assert isinstance(outcome, Refused)
    assert outcome.message == f"{said}; {allow}"
