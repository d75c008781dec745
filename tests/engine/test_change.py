"""Make before break: what is new stands, is accepted and has had its overlap before what is old goes."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.engine.doors import (
    DOORS,
    GATEWAY,
    accept_routes,
    answer,
    arrives,
    ask,
    give_addresses,
    opened,
    reaches,
    settle,
    versions,
)
from tests.engine.stage import Stage, settings

PAIRS = list(permutations(DOORS, 2))
HOST = "http://m.a.example.com/v1/models"
ADDRESS = "http://203.0.113.7/"


def outside(door: str) -> str:
    return ADDRESS if door.startswith("loadbalancer") else HOST


class Watchful(Stage):
    """Checks after every single write that somebody gets the request, by the old way or by the new."""

    ways: tuple[str, ...] = ()
    """URLs of which one has to reach the service at any moment."""
    every: tuple[str, ...] = ()
    """URLs of which each has to."""
    inside: str = ""
    """One that has to reach it from inside the cluster."""

    def receive(self, event: object) -> None:
        super().receive(event)  # type: ignore[arg-type]
        if self.ways:
            got = [way for way in self.ways if reaches(self, way)]
            assert got, f"nobody serves any of {self.ways}"
        for way in self.every:
            assert reaches(self, way), f"nobody serves {way}"
        if self.inside:
            assert reaches(self, self.inside, inside=True), f"nobody serves {self.inside}"


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=[f"{a} to {b}" for a, b in PAIRS])
def test_a_switch_never_leaves_neither(old: str, new: str) -> None:
    stage = opened(old)
    stage.__class__ = Watchful
    assert isinstance(stage, Watchful)
    stage.ways = (outside(old), outside(new))
    before = stage.ours()
    ask(stage, new)
    stage.settle()
    assert reaches(stage, outside(old)), "the old goes before the new is accepted"
    stage.advance(60)
    assert reaches(stage, outside(old)) or new not in ("gateway_api", "loadbalancer", "loadbalancer, serverless")
    settle(stage)
    assert reaches(stage, outside(new))
    assert reaches(stage, outside(old)) or old in ("loadbalancer", "loadbalancer, serverless")
    stage.rest()
    settle(stage)
    assert stage.condition()["status"] == "True"
    assert reaches(stage, outside(new)) == "m-engine"
    if outside(old) != outside(new):
        assert reaches(stage, outside(old)) is None, f"{before} became {stage.ours()}"
    fresh = opened(new)
    kinds = sorted(o.split("/")[0] for o in stage.ours())
    assert kinds == sorted(o.split("/")[0] for o in fresh.ours())
    standing = versions(stage)
    stage.start()
    stage.rest()
    assert versions(stage) == standing


def test_the_old_waits_for_the_overlap_after_acceptance() -> None:
    stage = opened("nginx")
    ask(stage, "gateway_api")
    stage.settle()
    stage.advance(300)
    assert {"Ingress/m", "HTTPRoute/m"} <= stage.ours()
    accept_routes(stage)
    stage.settle()
    stage.advance(9)
    assert "Ingress/m" in stage.ours()
    stage.advance(2)
    assert "Ingress/m" not in stage.ours()
    assert "HTTPRoute/m" in stage.ours()


def test_a_service_pending_an_address_keeps_its_old_door() -> None:
    stage = opened("gateway_api")
    ask(stage, "loadbalancer")
    stage.settle()
    stage.advance(300)
    assert "HTTPRoute/m" in stage.ours()
    assert stage.condition()["reason"] == "LoadBalancerPending"
    give_addresses(stage)
    stage.settle()
    stage.advance(11)
    assert "HTTPRoute/m" not in stage.ours()


def test_hosts_of_one_object_overlap() -> None:
    stage = opened("nginx")
    ask(stage, "nginx", **{"ome.io/ingress-domain": "new.example.com"})
    stage.settle()
    new = "http://m.a.new.example.com/"
    assert reaches(stage, new) == reaches(stage, HOST) == "m-engine"
    assert stage.service()["status"]["url"] == "http://m.a.new.example.com"
    stage.advance(11)
    assert reaches(stage, new) == "m-engine"
    assert reaches(stage, HOST) is None


def test_gateways_of_one_virtual_service_overlap() -> None:
    stage = opened("istio")
    data = settings({"ingressGateway": "infra/new", "omeIngressGateway": "infra/ome"})["data"]
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})
    stage.settle()
    gateways = stage.get("VirtualService.networking.istio.io", "a", "m")["spec"]["gateways"]
    assert {"infra/new", "knative-serving/knative-ingress-gateway"} <= set(gateways)
    stage.advance(11)
    gateways = stage.get("VirtualService.networking.istio.io", "a", "m")["spec"]["gateways"]
    assert "infra/new" in gateways
    assert "knative-serving/knative-ingress-gateway" not in gateways


def test_parents_of_one_route_overlap() -> None:
    stage = opened("gateway_api")
    data = settings({"omeIngressGateway": "infra/other"})["data"]
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})
    settle(stage)
    route = stage.get("HTTPRoute.gateway.networking.k8s.io", "a", "m")
    assert {p["name"] for p in route["spec"]["parentRefs"]} == {"ome", "other"}
    stage.advance(11)
    settle(stage)
    route = stage.get("HTTPRoute.gateway.networking.k8s.io", "a", "m")
    assert {p["name"] for p in route["spec"]["parentRefs"]} == {"other"}


def test_hosts_that_fill_several_routes_stay_where_they_are() -> None:
    def domains(*numbers: int) -> dict[str, str]:
        return {"ome.io/ingress-additional-domains": ",".join(f"d{number}.example.com" for number in numbers)}

    stage = opened("gateway_api")
    stage.__class__ = Watchful
    assert isinstance(stage, Watchful)
    served = range(0)
    for then in (range(12, 40), range(2, 40), range(20), range(5, 16), range(5, 17)):
        stage.every = tuple(f"http://m.a.d{number}.example.com/" for number in then if number in served)
        ask(stage, "gateway_api", **domains(*then))
        for _ in range(3):  # each change has to be accepted
            settle(stage)
            stage.advance(60)
        served = then
        assert all(reaches(stage, f"http://m.a.d{number}.example.com/") for number in then)
        routes = [o["spec"]["hostnames"] for o in stage.objects() if o["kind"] == "HTTPRoute"]
        assert sorted(host for hosts in routes for host in hosts) == sorted(
            ["m.a.example.com", *(f"m.a.d{number}.example.com" for number in then)]
        )
        assert len(routes) == -(-(len(then) + 1) // 16)


def test_a_class_change_alternates_between_two_names() -> None:
    stage = opened("nginx")
    ask(stage, "traefik")
    stage.settle()
    both = {o for o in stage.ours() if o.startswith("Ingress")}
    assert len(both) == 2
    stage.advance(11)
    (alternate,) = (o for o in stage.ours() if o.startswith("Ingress"))
    assert alternate.startswith("Ingress/m-alt-")
    stage.start()
    stage.settle()
    assert alternate in stage.ours()
    ask(stage, "nginx")
    stage.settle()
    stage.advance(11)
    assert [o for o in stage.ours() if o.startswith("Ingress")] == ["Ingress/m"]


def test_going_back_during_the_overlap_keeps_what_stood() -> None:
    stage = opened("nginx")
    ask(stage, "traefik")
    stage.settle()
    ask(stage, "nginx")
    stage.settle()
    stage.advance(11)
    assert [o for o in stage.ours() if o.startswith("Ingress")] == ["Ingress/m"]


def test_a_path_door_that_moves_overlaps() -> None:
    stage = opened("istio")
    ask(stage, "istio", **{"ome.io/ingress-path-template": "/old/{{.Name}}"})
    stage.settle()
    stage.advance(11)
    ask(stage, "istio", **{"ome.io/ingress-path-template": "/new/{{.Name}}"})
    stage.settle()
    assert reaches(stage, "http://example.com/old/m/x") == reaches(stage, "http://example.com/new/m/x") == "m-engine"
    stage.advance(11)
    assert reaches(stage, "http://example.com/old/m/x") is None
    assert reaches(stage, "http://example.com/new/m/x") == "m-engine"


def test_a_path_door_leads_through_the_local_gateway_until_its_overlap_is_over() -> None:
    url, path = "http://example.com/p/m/x", {"ome.io/ingress-path-template": "/p/{{.Name}}"}
    stage = opened("nginx, serverless")
    ask(stage, "nginx, serverless", **path, **{"ome.io/ingress-class": "traefik"})
    stage.rest()
    assert arrives(stage, url) == ("m-engine", "/x")
    ask(stage, "traefik", **path)  # which can't remove a prefix by itself
    stage.settle()
    assert stage.condition()["status"] == "True"
    stage.advance(9)
    assert arrives(stage, url) == ("m-engine", "/x")
    stage.advance(2)
    assert reaches(stage, url) is None
    assert stage.get("Service", "a", "m")["spec"]["type"] == "ClusterIP"
    assert "VirtualService/m" in stage.ours(), "clients inside may still know the Service as it was"
    stage.advance(11)
    assert "VirtualService/m" not in stage.ours()
    assert reaches(stage, HOST) == reaches(stage, "http://m.a.svc.cluster.local/", inside=True) == "m-engine"


def test_a_path_door_overlaps_when_its_domain_changes() -> None:
    stage = opened("istio")
    path = {"ome.io/ingress-path-template": "/p/{{.Name}}"}
    ask(stage, "istio", **path)
    stage.settle()
    stage.advance(11)
    ask(stage, "istio", **path, **{"ome.io/ingress-domain": "new.example.com"})
    stage.settle()
    assert reaches(stage, "http://example.com/p/m/x") == reaches(stage, "http://new.example.com/p/m/x") == "m-engine"
    stage.advance(11)
    assert reaches(stage, "http://example.com/p/m/x") is None


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("how", ["cluster-local", "disabled"])
def test_closing_is_immediate_however_unready_the_rest(door: str, how: str) -> None:
    stage = opened(door)
    conditions = [{"type": "EngineReady", "status": "False"}]
    stage.patch("InferenceService.ome.io", "a", "m", {"status": {"conditions": conditions}}, subresource="status")
    if how == "cluster-local":
        labels = {"networking.knative.dev/visibility": "cluster-local"}
        stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"labels": labels}})
    else:
        off = {"ome.io/ingress-disable-creation": "true", "ome.io/service-type": None}
        stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": off}})
    stage.settle()
    assert reaches(stage, HOST) is None
    assert reaches(stage, ADDRESS) is None
    assert reaches(stage, "http://m.a.svc.cluster.local/", inside=True) == "m-engine"
    reason = {"cluster-local": "ClusterLocal", "disabled": "IngressDisabled"}[how]
    assert (stage.condition()["status"], stage.condition()["reason"]) == ("True", reason)


def test_closing_comes_even_when_the_service_is_refused() -> None:
    stage = opened("nginx")
    labels = {"networking.knative.dev/visibility": "cluster-local"}
    change = {"metadata": {"labels": labels}, "spec": {"engine": None}}
    stage.patch("InferenceService.ome.io", "a", "m", change)
    stage.settle()
    assert stage.condition()["reason"] == "EngineRequired"
    assert reaches(stage, HOST) is None


@pytest.mark.parametrize("door", DOORS)
def test_a_restart_in_the_middle_of_a_switch_starts_the_overlap_afresh(door: str) -> None:
    stage = opened(door)
    new = "gateway_api" if door != "gateway_api" else "nginx"
    ask(stage, new)
    settle(stage)
    stage.advance(5)
    again = Stage()
    again.store, again.clock = stage.store, stage.clock
    again.start()
    settle(again)
    again.advance(9)
    if outside(door) == HOST:
        assert reaches(again, HOST)
    old_objects = stage.ours()
    assert again.ours() == old_objects, "removed before a full overlap was seen"
    again.advance(2)
    settle(again)
    again.rest()
    fresh = opened(new)
    assert sorted(o.split("/")[0] for o in again.ours()) == sorted(o.split("/")[0] for o in fresh.ours())


def test_settings_that_change_nothing_write_nothing() -> None:
    stage = opened("nginx")
    before = versions(stage)
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": {"doorward": "overlapSeconds: 10\n"}})
    stage.settle()
    after = versions(stage)
    assert {k: v for k, v in after.items() if "ConfigMap" not in k} == {
        k: v for k, v in before.items() if "ConfigMap" not in k
    }


def test_nothing_answers_and_nothing_is_lost() -> None:
    stage = opened("istio")
    ask(stage, "gateway_api")
    stage.settle()
    stage.rest()
    assert {"VirtualService/m", "HTTPRoute/m"} <= stage.ours()
    assert answer(stage)
    stage.settle()
    stage.rest()
    assert "VirtualService/m" not in stage.ours()


@pytest.mark.parametrize("visibility", [None, "cluster-local"])
def test_the_in_cluster_door_is_reached_by_its_former_name_until_the_new_one_has_had_its_time(
    visibility: str | None,
) -> None:
    stage = opened("istio", parts=("engine", "decoder"))
    label = {"metadata": {"labels": {"networking.knative.dev/visibility": visibility}}}
    stage.patch("InferenceService.ome.io", "a", "m", label)
    settle(stage)
    former, new = ("http://m.a.svc.cluster.local/v1/decoder/x", "http://m-door.a.svc.cluster.local/v1/decoder/x")
    assert reaches(stage, former, inside=True) == "m-decoder"
    data = settings(GATEWAY, doorward='doorService: "{{.Name}}-door"')["data"]
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})
    settle(stage)
    assert reaches(stage, new, inside=True) == "m-decoder"
    assert reaches(stage, former, inside=True) == "m-decoder"
    stage.advance(9)
    assert reaches(stage, former, inside=True) == "m-decoder"
    stage.advance(2)
    settle(stage)
    assert reaches(stage, new, inside=True) == "m-decoder"
    assert reaches(stage, former, inside=True) is None
    assert "Service/m" not in stage.ours()
    before = versions(stage)
    stage.rest()
    assert versions(stage) == before


@pytest.mark.parametrize("closed", ["before", "with it", "refused"])
@pytest.mark.parametrize("mode", ["RawDeployment", "MultiNode"])
def test_a_closing_door_is_reached_inside_through_every_write_of_a_switch(closed: str, mode: str) -> None:
    stage = opened("istio")
    off = {"ome.io/ingress-disable-creation": "true"}
    if closed == "before":
        ask(stage, "istio", **off)
        settle(stage)
    stage.__class__ = Watchful
    assert isinstance(stage, Watchful)
    stage.inside = "http://m.a.svc.cluster.local/v1/models"
    ask(stage, "istio", **off, **{"ome.io/deployment-mode": mode if closed != "refused" else "Nonsense"})
    settle(stage)
    assert reaches(stage, HOST) is None
    assert "VirtualService/m" in stage.ours(), "proxies may not know yet where Service m leads now"
    stage.advance(60)
    settle(stage)
    assert ("VirtualService/m" in stage.ours()) == (closed == "refused")
