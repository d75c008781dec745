"""A guard that is an object of its own: it stands before its door leads anywhere, and goes after it."""

from __future__ import annotations

import pytest
from doorward.model.action import Action
from doorward.model.event import Refused
from doorward.model.reference import JsonObject
from doorward.runtime.performing import Outcome

from tests.engine.scenes import HTTP_ROUTE, Scene, accept_route, service
from tests.engine.stage import settings
from tests.engine.test_guards import ASKING, AUTH, KEYS, WITH_SERVICE
from tests.engine.test_guards import CLASS as NGINX

POLICY = "SecurityPolicy.gateway.envoyproxy.io"
CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
GATEWAY = {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}


def scene(*objects: JsonObject, annotations: dict[str, str] | None = None, **ingress: object) -> Scene:
    config = settings({**GATEWAY, **ingress}, doorward=WITH_SERVICE)
    return Scene(config, *(objects or (KEYS,)), *service(raw=True, annotations=annotations))


def leads_on(at: Scene, name: str = "m") -> bool:
    return all(rule.get("backendRefs") for rule in at.get(HTTP_ROUTE, "a", name)["spec"]["rules"])


def answer(
    at: Scene,
    *conditions: tuple[str, str, str],
    name: str = "m",
    gateway: str = "gw/shared",
    controller: str = CONTROLLER,
) -> None:
    """Let a controller answer for a policy."""
    namespace, _, gateway = gateway.partition("/")
    generation = at.get(POLICY, "a", name)["metadata"]["generation"]
    told = [
        {
            "type": type_,
            "status": status,
            "reason": "Told",
            "message": message,
            "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type_, status, message in conditions or [("Accepted", "True", "")]
    ]
    ancestor = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": namespace, "name": gateway}
    ancestors = [{"ancestorRef": ancestor, "controllerName": controller, "conditions": told}]
    at.patch(POLICY, "a", name, {"status": {"ancestors": ancestors}}, subresource="status")
    at.settle()


def writes(at: Scene, kind: str) -> list[str]:
    return [action.verb for action in at.performed if action.ref.kind == kind]


def test_the_guard_is_written_first_and_the_door_leads_nowhere_until_it_is_accepted() -> None:
    at = scene(annotations=ASKING)
    kinds = [a.ref.kind for a in at.performed if a.verb == "create" and a.ref.kind in (POLICY, HTTP_ROUTE)]
    assert kinds == [POLICY, HTTP_ROUTE]
    assert not leads_on(at)
    assert at.verdict() == ("False", "GuardPending")
    answer(at)
    assert leads_on(at)
    accept_route(at, "m", CONTROLLER)
    assert at.verdict() == ("True", "")


def test_the_policy_names_the_door_and_fails_closed() -> None:
    spec = scene(annotations=ASKING).get(POLICY, "a", "m")["spec"]
    assert spec["targetRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "m"}]
    auth = spec["extAuth"]
    assert auth["failOpen"] is False
    assert auth["headersToExtAuth"] == ["x-api-key"]
    assert auth["http"]["path"] == "/door/envoy/a/m"
    assert auth["http"]["headersToBackend"] == ["doorward-client"]
    (backend,) = auth["http"]["backendRefs"]
    assert (backend["namespace"], backend["name"], backend["port"]) == ("ome", "doorward-authz", 9191)


NO_PROOFS: dict[str, dict[str, object]] = {
    "another controller": {"controller": "istio.io/gateway-controller"},
    "one that calls itself alike": {"controller": "gateway.envoyproxy.io.evil/x"},
    "another gateway": {"gateway": "gw/other"},
    "of this name elsewhere": {"gateway": "a/shared"},
}


@pytest.mark.parametrize("said", NO_PROOFS.values(), ids=NO_PROOFS)
def test_nobody_else_s_word_opens_it(said: dict[str, str]) -> None:
    at = scene(annotations=ASKING)
    answer(at, **said)
    assert not leads_on(at)
    assert at.verdict() == ("False", "GuardPending")


@pytest.mark.parametrize(
    "conditions",
    [(("Accepted", "False", "no grant"),), (("Accepted", "True", ""), ("Overridden", "True", "no grant"))],
    ids=["not accepted", "overridden"],
)
def test_a_guard_that_is_refused_shuts_the_door(conditions: tuple[tuple[str, str, str], ...]) -> None:
    at = scene(annotations=ASKING)
    answer(at)
    assert leads_on(at)
    answer(at, *conditions)
    assert not leads_on(at)
    assert at.verdict() == ("False", "AuthUnsupported")
    assert "no grant" in at.message()
    watched = at.since()
    at.advance(60)
    assert watched.writes == []


def test_a_standing_door_is_shut_until_its_new_guard_is_accepted() -> None:
    at = scene()
    accept_route(at, "m", CONTROLLER)
    assert leads_on(at)
    before = at.clock.now
    at.edit(annotations=ASKING)
    assert not leads_on(at)
    assert at.clock.now == before
    first = [a.ref.kind for a in at.performed if a.ref.kind in (POLICY, HTTP_ROUTE)][-2:]
    assert first == [POLICY, HTTP_ROUTE]
    answer(at)
    assert leads_on(at)


def test_taking_the_guard_away_takes_the_overlap() -> None:
    at = scene(annotations=ASKING)
    answer(at)
    accept_route(at, "m", CONTROLLER)
    at.edit(annotations={AUTH: "none"})
    accept_route(at, "m", CONTROLLER)
    assert "SecurityPolicy/m" in at.ours()
    at.rest()
    assert "SecurityPolicy/m" not in at.ours()
    assert leads_on(at)


CLOSING = {
    "switch": {"annotations": {"ome.io/disable-ingress": "true"}},
    "label": {"labels": {"networking.ome.io/visibility": "cluster-local"}},
}


@pytest.mark.parametrize("change", CLOSING.values(), ids=CLOSING)
def test_the_guard_goes_after_its_door(change: dict[str, dict[str, str]]) -> None:
    at = scene(annotations=ASKING)
    answer(at)
    accept_route(at, "m", CONTROLLER)
    at.edit(**change)
    assert "HTTPRoute/m" not in at.ours()
    at.rest()
    assert at.ours() == {"Service/m"}
    deleted = [a.ref.kind for a in at.performed if a.verb == "delete" and a.ref.kind in (POLICY, HTTP_ROUTE)]
    assert deleted == [HTTP_ROUTE, POLICY]


def test_when_the_service_is_deleted_the_guard_is_collected_after_its_route() -> None:
    at = scene(annotations=ASKING)
    answer(at)
    route, policy = at.get(HTTP_ROUTE, "a", "m")["metadata"], at.get(POLICY, "a", "m")["metadata"]
    owners = [(o["kind"], o["uid"], bool(o.get("controller"))) for o in policy["ownerReferences"]]
    assert owners == [
        ("InferenceService", at.service()["metadata"]["uid"], True),
        ("HTTPRoute", route["uid"], False),
    ]
    at.delete("InferenceService.ome.io", "a", "m")
    at.settle()
    assert at.ours() == set()


def refuse(at: Scene, verb: str, kind: str) -> None:
    """Let the server refuse these writes from now on."""
    perform = at.perform

    def refusing(action: Action) -> Outcome:
        if (action.verb, action.ref.kind) == (verb, kind):
            return Refused(at=at.clock(), action=action.id, status=422, message="not that")
        return perform(action)

    at.perform = refusing  # type: ignore[method-assign]


def test_no_door_opens_whose_guard_the_server_refuses() -> None:
    at = scene()
    refuse(at, "create", POLICY)
    for each in service("n", raw=True, annotations=ASKING):
        at.create(each)
    at.rest(60)
    assert "HTTPRoute/n" not in at.ours()
    assert at.verdict("n") == ("False", "WriteRefused")


@pytest.mark.parametrize("change", CLOSING.values(), ids=CLOSING)
def test_a_guard_stays_while_its_door_can_not_be_taken_away(change: dict[str, dict[str, str]]) -> None:
    at = scene(annotations=ASKING)
    answer(at)
    accept_route(at, "m", CONTROLLER)
    refuse(at, "delete", HTTP_ROUTE)
    at.edit(**change)
    at.rest(60)
    assert {"HTTPRoute/m", "SecurityPolicy/m"} <= at.ours()


def test_a_guard_stays_as_long_as_the_door_that_drains() -> None:
    at = scene(NGINX, KEYS, annotations=ASKING)
    answer(at)
    accept_route(at, "m", CONTROLLER)
    refuse(at, "delete", HTTP_ROUTE)
    at.edit(annotations={"doorward.io/backend": "k8s_ingress", "ome.io/ingress-class": "nginx"})
    at.rest(60)
    assert {"Ingress/m", "HTTPRoute/m", "SecurityPolicy/m"} <= at.ours()


def test_every_route_has_a_guard_of_its_own() -> None:
    domains = [f"d{number}.example.org" for number in range(20)]
    at = scene(annotations=ASKING, additionalIngressDomains=domains, pathTemplate="/models/{{.Name}}")
    routes = {o["metadata"]["name"] for o in at.objects() if o["kind"] == "HTTPRoute"}
    policies = {o["metadata"]["name"] for o in at.objects() if o["kind"] == "SecurityPolicy"}
    assert len(routes) == 3
    assert policies == routes
    for name in routes:
        assert not leads_on(at, name)
        answer(at, name=name)
        assert leads_on(at, name)


def test_a_guard_that_somebody_deletes_is_put_up_again() -> None:
    at = scene(annotations=ASKING)
    answer(at)
    at.delete(POLICY, "a", "m")
    at.settle()
    assert "SecurityPolicy/m" in at.ours()
    assert not leads_on(at)
    answer(at)
    assert leads_on(at)


def test_a_guard_whose_name_is_taken_closes_the_door() -> None:
    """A policy of somebody else's would be the one in force."""
    taken = {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "SecurityPolicy",
        "metadata": {"name": "m", "namespace": "a"},
        "spec": {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "x"}]},
    }
    at = scene()
    assert leads_on(at)
    at.create(taken)
    at.edit(annotations=ASKING)
    assert "HTTPRoute/m" not in at.ours()
    assert at.verdict()[0] == "False"
    at.advance(60)
    assert "HTTPRoute/m" not in at.ours()


def test_without_envoy_gateway_a_standing_door_is_closed() -> None:
    at = Scene(settings(GATEWAY, doorward=WITH_SERVICE), KEYS, *service(raw=True), absent=[POLICY])
    assert leads_on(at)
    at.edit(annotations=ASKING)
    assert "HTTPRoute/m" not in at.ours()
    assert at.verdict() == ("False", "KindNotServed")


def test_a_gateway_that_has_not_answered_gets_nothing_through() -> None:
    """Both serve the door while the old one is leaving."""
    at = scene(annotations=ASKING)
    answer(at)
    accept_route(at, "m", CONTROLLER)
    at.configure({**GATEWAY, "omeIngressGateway": "gw/other"}, doorward=WITH_SERVICE)
    parents = [p["name"] for p in at.get(HTTP_ROUTE, "a", "m")["spec"]["parentRefs"]]
    assert "other" in parents
    assert not leads_on(at)
    answer(at, gateway="gw/other")
    assert not leads_on(at)


def test_a_path_door_whose_own_guard_is_not_accepted_is_not_ready() -> None:
    at = scene(annotations=ASKING, pathTemplate="/models/{{.Name}}")
    (path,) = {o["metadata"]["name"] for o in at.objects() if o["kind"] == "HTTPRoute"} - {"m"}
    answer(at)
    accept_route(at, "m", CONTROLLER)
    accept_route(at, path, CONTROLLER)
    assert leads_on(at)
    assert not leads_on(at, path)
    assert at.verdict() == ("False", "GuardPending")
    answer(at, name=path)
    accept_route(at, path, CONTROLLER)
    assert leads_on(at, path)
    assert at.verdict() == ("True", "")
