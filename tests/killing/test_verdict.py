"""What the kill loops would not let pass: a host of two services, and anything that isn't as rendered."""

from __future__ import annotations

import base64
from pathlib import Path

import orjson
import pytest
from doorward.backends import Backends
from doorward_daemon.manifests import Document
from doorward_daemon.rendering import render

from tests.e2e.doors import DOORS
from tests.e2e.world import component_service, condition, settings
from tests.killing.client import Json
from tests.killing.onlooker import Onlooker, hosts_of, key_of
from tests.killing.outcome import differences

NAMESPACE = "team"


def ingress(name: str, owner: str, host: str) -> Json:
    metadata = {"name": name, "namespace": NAMESPACE, "annotations": {"doorward.io/owner": owner}}
    return {"kind": "Ingress", "metadata": metadata, "spec": {"rules": [{"host": host}]}}


def told(revision: int, name: str, obj: Json | None) -> Json:
    """A watch's answer of etcd."""
    pair = {"key": base64.b64encode(f"/registry/ingress/{name}".encode()).decode(), "mod_revision": str(revision)}
    if obj is None:
        return {"events": [{"type": "DELETE", "kv": pair}]}
    return {"events": [{"kv": {**pair, "value": base64.b64encode(orjson.dumps(obj)).decode()}}]}


@pytest.fixture
def onlooker() -> Onlooker:
    return Onlooker(Path("nowhere"))


def test_a_host_in_objects_of_two_services_is_noted_for_as_long_as_it_lasts(onlooker: Onlooker) -> None:
    for event in (told(1, "a", ingress("a", "u1", "x.example.com")), told(2, "b", ingress("b", "u2", "x.example.com"))):
        onlooker._take(event)
    (doubling,) = onlooker.doublings
    assert (doubling.host, doubling.since, doubling.until) == ("x.example.com", 2, 0)
    onlooker._take(told(3, "a", None))
    assert doubling.until == 3


def test_a_host_that_goes_from_one_to_the_other_is_no_doubling(onlooker: Onlooker) -> None:
    events = (
        told(1, "a", ingress("a", "u1", "x.example.com")),
        told(2, "b", ingress("b", "u1", "x.example.com")),  # another object of the same service
        told(3, "b", None),
        told(4, "a", ingress("a", "u1", "y.example.com")),
        told(5, "b", ingress("b", "u2", "x.example.com")),
    )
    for event in events:
        onlooker._take(event)
    assert onlooker.doublings == []


@pytest.fixture
def settled(onlooker: Onlooker) -> Onlooker:
    """A cluster in which one door of each kind stands as rendered."""
    given = [settings(NAMESPACE, {"ingressClassName": "nginx", "omeIngressGateway": "infra/ome"})]
    for door in ("istio", "k8s_ingress", "gateway_api"):
        name = door.replace("_", "-")
        metadata = {"name": name, "namespace": NAMESPACE, "annotations": DOORS[door].annotations, "uid": f"uid-{name}"}
        service = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "metadata": metadata}
        component = component_service(name, "engine")
        component["metadata"]["namespace"] = NAMESPACE
        given += [{**service, "spec": {"engine": {}}, "status": {"conditions": [condition("EngineReady")]}}, component]
    documents = [Document("a test", 1, obj) for obj in given]
    rendered = render(documents, Backends(), settings_namespace=NAMESPACE, simulate=True)
    for obj in (*given, *rendered.objects, *rendered.services):
        onlooker.standing[key_of(obj)] = obj
    return onlooker


def test_what_is_as_rendered_has_no_difference(settled: Onlooker) -> None:
    assert differences(settled, [NAMESPACE]) == []


def test_what_is_missing_stray_or_different_is_found(settled: Onlooker) -> None:
    whole = dict(settled.standing)
    route, entry = whole[f"HTTPRoute/{NAMESPACE}/gateway-api"], whole[f"Ingress/{NAMESPACE}/k8s-ingress"]
    del settled.standing[key_of(route)]
    assert "is missing" in differences(settled, [NAMESPACE])[0]
    settled.standing = {**whole, "stray": ingress("stray", "uid-of-nobody", "x.example.com")}
    assert "nobody asks for it" in differences(settled, [NAMESPACE])[0]
    more = {**entry, "spec": {**entry["spec"], "rules": [*entry["spec"]["rules"], {"host": "more.example.com"}]}}
    settled.standing = {**whole, key_of(entry): more}
    assert "and not" in differences(settled, [NAMESPACE])[0]
    assert "more.example.com" in [*hosts_of(more)]


def test_a_status_that_tells_something_else_is_found(settled: Onlooker) -> None:
    key = f"InferenceService/{NAMESPACE}/istio"
    service = settled.standing[key]
    settled.standing[key] = {**service, "status": {**service["status"], "url": "http://elsewhere.example.com"}}
    assert "elsewhere" in differences(settled, [NAMESPACE])[0]
