"""docs/status.md, Status: what is reported on a service, and how it is written beside other writers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from doorward.cluster.embedded import Request
from doorward.cluster.protocol import ApiError
from doorward.model.reference import SERVICE, JsonObject

from tests.engine.scenes import HTTP_ROUTE, SERVICES, Scene, condition, opened, service
from tests.engine.stage import settings
from tests.engine.test_cases import accept, address

GATEWAY_API = {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}
OFF = {"ome.io/disable-ingress": "true"}
BALANCER = {**OFF, "ome.io/service-type": "LoadBalancer"}
DOOR_READY = "doorward.io/DoorReady"


# -- the URLs --------------------------------------------------------------------------------------------------------

URLS: dict[str, tuple[bool, dict[str, str], JsonObject, str, str]] = {
    "raw": (True, {}, {}, "http://m.a.example.com", "http://m.a.svc.cluster.local"),
    "serverless": (False, {}, {}, "http://m.a.example.com", "http://m.a.svc.cluster.local"),
    "https": (True, {}, {"urlScheme": "https"}, "https://m.a.example.com", "http://m.a.svc.cluster.local"),
    "path": (
        False,
        {"ome.io/ingress-path-template": "/m/{{.Name}}"},
        {},
        "http://example.com/m/m",
        "http://m.a.svc.cluster.local",
    ),
    "path that the class can't have": (
        True,
        {"ome.io/ingress-path-template": "/m/{{.Name}}"},
        {"ingressClassName": "traefik"},
        "http://m.a.example.com",
        "http://m.a.svc.cluster.local",
    ),
    "off": (True, OFF, {}, "http://m.a.svc.cluster.local", "http://m.a.svc.cluster.local"),
    "node port": (
        True,
        {**OFF, "ome.io/service-type": "NodePort"},
        {},
        "http://m.a.svc.cluster.local",
        "http://m.a.svc.cluster.local",
    ),
}


@pytest.mark.parametrize(("raw", "annotations", "ingress", "url", "inside"), URLS.values(), ids=URLS)
def test_the_status_tells_where_the_door_is(
    raw: bool, annotations: dict[str, str], ingress: JsonObject, url: str, inside: str
) -> None:
    scene = Scene(settings(ingress), *service(raw=raw, annotations=annotations))
    assert (scene.url(), scene.address()) == (url, inside)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_a_load_balancer_is_pending_until_it_has_its_address(raw: bool) -> None:
    scene = Scene(*service(raw=raw, annotations=BALANCER))
    assert scene.verdict() == ("False", "LoadBalancerPending")
    address(scene, "192.0.2.1")
    scene.settle()
    assert scene.verdict() == ("True", "")
    assert scene.url() == "http://192.0.2.1"
    assert scene.address() == "http://m.a.svc.cluster.local"


def test_a_load_balancer_with_a_host_name_is_told_by_it() -> None:
    scene = Scene(*service(raw=True, annotations=BALANCER))
    body = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.cloud.test"}]}}}
    scene.patch(SERVICE, "a", "m", body, subresource="status")
    scene.settle()
    assert scene.url() == "http://lb.cloud.test"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ([{"ip": "2001:db8::7"}], "http://[2001:db8::7]"),
        ([{"ip": "not an address"}, {"hostname": "lb_.test"}, {"ip": "2001:db8::7"}], "http://[2001:db8::7]"),
        ([{"ip": "fe80::1%eth0", "hostname": "LB-7.cloud.test"}], "http://LB-7.cloud.test"),
    ],
)
def test_the_address_of_a_load_balancer_is_shown_as_a_url(given: list[JsonObject], url: str) -> None:
    scene = Scene(*service(raw=True, annotations=BALANCER))
    body = {"status": {"loadBalancer": {"ingress": given}}}
    scene.patch(SERVICE, "a", "m", body, subresource="status")
    scene.settle()
    assert scene.verdict() == ("True", "")
    assert scene.url() == url


def test_a_load_balancer_beside_an_ingress_holds_nothing_back() -> None:
    scene = opened(annotations={"ome.io/service-type": "LoadBalancer"})
    assert scene.verdict() == ("True", "")
    assert scene.url() == "http://m.a.example.com"


def test_a_node_port_is_told_in_the_message() -> None:
    scene = Scene(*service(raw=True, annotations={**OFF, "ome.io/service-type": "NodePort"}))
    assert scene.verdict()[0] == "True"
    (port,) = scene.get(SERVICE, "a", "m")["spec"]["ports"]
    assert str(port["nodePort"]) in scene.message()


# -- acceptance ------------------------------------------------------------------------------------------------------


def parents(scene: Scene, status: str = "True", *, generation: int = 0, name: str = "shared", type_: str = "") -> None:
    """The Gateway of this name answers for the HTTPRoute."""
    route = scene.get(HTTP_ROUTE, "a", "m")
    conditions = [
        {
            "type": each,
            "status": status if type_ in ("", each) else "True",
            "reason": "NotAllowedByListeners" if status != "True" else each,
            "message": "no listener takes it",
            "observedGeneration": generation or route["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for each in ("Accepted", "ResolvedRefs")
    ]
    parent = {
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "gw", "name": name},
        "controllerName": "example.com/gateway",
        "conditions": conditions,
    }
    scene.patch(HTTP_ROUTE, "a", "m", {"status": {"parents": [parent]}}, subresource="status")
    scene.settle()


def routed() -> Scene:
    return Scene(settings(GATEWAY_API), *service(raw=True))


def test_an_http_route_is_ready_once_its_parent_has_accepted_it() -> None:
    scene = routed()
    assert scene.verdict() == ("False", "RouteNotAccepted")
    parents(scene)
    assert scene.verdict() == ("True", "")
    assert scene.url() == "http://m.a.example.com"


@pytest.mark.parametrize("type_", ["Accepted", "ResolvedRefs"])
def test_a_refusal_is_told_in_the_parents_words(type_: str) -> None:
    scene = routed()
    parents(scene, "False", type_=type_)
    assert scene.verdict() == ("False", "RouteNotAccepted")
    for word in (type_, "NotAllowedByListeners", "no listener takes it"):
        assert word in scene.message()


def test_anothers_acceptance_isnt_ours() -> None:
    scene = routed()
    parents(scene, name="other")
    assert scene.verdict() == ("False", "RouteNotAccepted")


def test_acceptance_of_an_older_generation_doesnt_count() -> None:
    scene = routed()
    parents(scene)
    scene.edit(annotations={"ome.io/ingress-additional-domains": "b.test"})
    assert scene.get(HTTP_ROUTE, "a", "m")["metadata"]["generation"] == 2
    assert scene.verdict() == ("False", "RouteNotAccepted")
    parents(scene, generation=1)
    assert scene.verdict() == ("False", "RouteNotAccepted")
    parents(scene, generation=2)
    assert scene.verdict() == ("True", "")


def test_acceptance_that_is_withdrawn_is_told_and_the_route_stays() -> None:
    scene = routed()
    parents(scene)
    watched = scene.since()
    parents(scene, "False")
    assert scene.verdict() == ("False", "RouteNotAccepted")
    assert watched.writes == ["status InferenceService/m"]


# -- writing ---------------------------------------------------------------------------------------------------------


def test_conditions_of_other_writers_stay_as_they_are() -> None:
    others = [
        condition("Odd", "Unknown", severity="Info", message="theirs", lastTransitionTime="2020-01-01T00:00:00Z"),
        condition("EngineReady"),
        condition("Ready", "False", reason="Whatever"),
    ]
    scene = Scene(*service(raw=True, status={"conditions": others}, ready=False))
    assert scene.service()["status"]["conditions"][:3] == others
    assert len(scene.service()["status"]["conditions"]) == 4


def test_a_condition_that_stands_is_changed_in_its_place() -> None:
    others = [condition("IngressReady", "False", reason="Old"), condition("EngineReady")]
    scene = Scene(*service(raw=True, status={"conditions": others}, ready=False))
    first, second = scene.service()["status"]["conditions"]
    assert (first["type"], first["status"], second) == ("IngressReady", "True", others[1])


def test_two_of_our_condition_become_one() -> None:
    others = [condition("IngressReady"), condition("EngineReady"), condition("IngressReady", "False")]
    scene = Scene(*service(raw=True, status={"conditions": others}, ready=False))
    assert [c["type"] for c in scene.service()["status"]["conditions"]] == ["IngressReady", "EngineReady"]


def test_the_transition_time_moves_only_with_the_status() -> None:
    scene = Scene(*service(raw=True, ready=False))
    scene.clock.now += 60
    scene.report([condition("EngineReady", "False", message="pulling"), scene.condition()])
    assert "pulling" in scene.message()
    assert scene.condition()["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    scene.clock.now += 60
    scene.ready("engine")
    assert scene.verdict() == ("True", "")
    assert scene.condition()["lastTransitionTime"] == "2026-01-01T00:02:00Z"


def test_the_status_is_written_only_where_it_differs_and_with_preconditions() -> None:
    scene = opened()
    (written,) = (action for action in scene.performed if action.verb == "status")
    assert written.body is not None
    assert written.body["metadata"] == {"uid": written.uid, "resourceVersion": written.resource_version}
    assert set(written.body["status"]) == {"conditions", "url", "address", "annotations"}
    watched = scene.since()
    scene.report(components={"engine": {"latestReadyRevision": "x"}})
    scene.edit(labels={"team": "red"})
    assert watched.writes == []
    scene.report(url="http://wrong.test")
    assert scene.url() == "http://m.a.example.com"
    (mended,) = watched.actions
    assert mended.fields == ("status.url",)


def test_a_status_that_somebody_changed_meanwhile_is_read_again() -> None:
    scene = Scene(*service(raw=True), start=False)
    scene.start()
    scene.act()
    scene.deliver()
    (action,) = scene.engine.actions()
    assert action.verb == "status"
    theirs = [condition("EngineReady"), condition("Theirs")]
    scene.patch(SERVICES, "a", "m", {"status": {"conditions": theirs}}, subresource="status")
    scene.receive(scene.perform(action))
    scene.settle()
    assert [c["type"] for c in scene.service()["status"]["conditions"]] == ["EngineReady", "Theirs", "IngressReady"]
    assert scene.verdict() == ("True", "")


def test_a_status_that_is_refused_is_tried_again_with_pauses() -> None:
    scene = Scene(*service(raw=True), start=False)

    def refuse(request: Request) -> None:
        if request.subresource == "status":
            raise ApiError(403, "Forbidden", "not for you")

    scene.store.faults.before.append(refuse)
    scene.start()
    scene.advance(60)
    tries = [action for action in scene.performed if action.verb == "status"]
    assert 3 < len(tries) < 30
    scene.store.faults.before.clear()
    scene.advance(120)
    assert scene.verdict() == ("True", "")


# -- another condition -----------------------------------------------------------------------------------------------


def beside() -> Scene:
    return Scene(settings(doorward=f"conditionType: {DOOR_READY}"), *service(raw=True))


def test_another_condition_leaves_url_and_address_to_their_writer() -> None:
    scene = beside()
    assert (scene.url(), scene.address(), scene.verdict()) == ("", "", ("", ""))
    assert scene.verdict(type_=DOOR_READY) == ("True", "")
    assert scene.message(type_=DOOR_READY) == "http://m.a.example.com"


def test_beside_another_writer_neither_overwrites_the_other() -> None:
    scene = beside()
    watched = scene.since()
    theirs = condition("IngressReady", "True", reason="IngressDisabled")
    for number in range(10):
        told = [c for c in scene.service()["status"]["conditions"] if c["type"] != "IngressReady"]
        scene.report([*told, theirs], url=f"http://m{number}.test", address={"url": "http://m.a.svc"})
    assert watched.writes == []


def test_the_condition_to_write_is_followed_live() -> None:
    scene = beside()
    scene.configure()
    assert scene.verdict() == ("True", "")
    assert scene.verdict(type_=DOOR_READY) == ("", "")
    assert scene.url() == "http://m.a.example.com"


# -- a writer that insists -------------------------------------------------------------------------------------------


def insists(scene: Scene, rounds: int, pause: float = 1.0, **status: object) -> Iterator[int]:
    """Another writer sets its own values after each of ours; gives the writes that we answered with."""
    for _ in range(rounds):
        watched = scene.since()
        scene.patch(SERVICES, "a", "m", {"status": status}, subresource="status")
        scene.settle()
        yield watched.writes.count("status InferenceService/m")
        scene.advance(pause)


def test_a_field_is_left_to_another_writer_after_five_flips_within_a_minute() -> None:
    scene = opened()
    assert list(insists(scene, 8, url="http://theirs.test")) == [1, 1, 1, 1, 1, 0, 0, 0]
    assert scene.url() == "http://theirs.test"
    assert scene.address() == "http://m.a.svc.cluster.local"
    assert scene.verdict() == ("True", "")
    assert scene.verdict(type_=DOOR_READY) == ("True", "")
    assert scene.message(type_=DOOR_READY) == "http://m.a.example.com"
    ((reason, message),) = scene.told()
    assert reason == "StatusContested"
    assert "status.url" in message
    assert "conditionType" in message


def test_the_condition_is_left_to_another_writer_too() -> None:
    scene = opened()
    theirs = [condition("EngineReady"), condition("IngressReady", "False", reason="Theirs")]

    for _ in range(8):
        kept = [c for c in scene.service()["status"]["conditions"] if c["type"] == DOOR_READY]
        scene.report([*theirs, *kept])
        scene.advance(1)
    assert scene.verdict() == ("False", "Theirs")
    assert scene.verdict(type_=DOOR_READY) == ("True", "")
    assert scene.url() == "http://m.a.example.com"
    assert scene.reasons() == ["StatusContested"]


def test_five_flips_over_a_longer_time_are_no_contest() -> None:
    scene = opened()
    assert list(insists(scene, 10, pause=16.0, url="http://theirs.test")) == [1] * 10
    assert scene.told() == []


def test_after_a_change_of_the_service_the_field_is_ours_again() -> None:
    scene = opened()
    list(insists(scene, 6, url="http://theirs.test"))
    scene.patch(SERVICES, "a", "m", {"spec": {"engine": {"minReplicas": 2}}})
    scene.settle()
    assert scene.url() == "http://m.a.example.com"
    assert scene.verdict(type_=DOOR_READY) == ("", "")
    assert list(insists(scene, 2, url="http://theirs.test")) == [1, 1]


def test_a_field_that_was_left_is_left_after_a_restart_with_the_journal() -> None:
    scene = opened()
    list(insists(scene, 6, url="http://theirs.test"))
    assert scene.again().performed == []


def test_a_writer_that_says_what_we_say_is_no_contest() -> None:
    scene = opened()
    watched = scene.since()
    for number in range(10):
        scene.report(url="http://m.a.example.com", components={"engine": {"latestReadyRevision": str(number)}})
    assert watched.writes == []
    assert scene.told() == []


def test_every_condition_has_what_its_schema_asks_for() -> None:
    for scene in (opened(), Scene(*service(raw=True, ready=False)), routed()):
        accept(scene)
        scene.settle()
        told = scene.condition()
        assert set(told) <= {"type", "status", "reason", "message", "lastTransitionTime"}
        assert told["status"] in ("True", "False", "Unknown")
        assert told["lastTransitionTime"].endswith("Z")
