"""Ingresses and other built-in kinds that front doors meet: what the server takes, and what it adds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from doorward.cluster.protocol import Cluster
from doorward.model.reference import JsonObject, Resource

Refused = Callable[..., AbstractContextManager[None]]

ENDPOINT_SLICE = Resource("EndpointSlice.discovery.k8s.io", "endpointslices")
EVENT = Resource("Event", "events")
INGRESS = Resource("Ingress.networking.k8s.io", "ingresses")
LEASE = Resource("Lease.coordination.k8s.io", "leases")


def path(**fields: object) -> JsonObject:
    backend = {"service": {"name": "x", "port": {"number": 80}}}
    return {"path": "/", "pathType": "Prefix", "backend": backend, **fields}


def ingress(*paths: JsonObject, host: str = "a.example.com", **spec: object) -> JsonObject:
    rules = [{"host": host, "http": {"paths": list(paths) or [path()]}}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "it"},
        "spec": {"ingressClassName": "nginx", "rules": rules, **spec},
    }


async def test_an_ingress_is_kept_as_it_was_written(cluster: Cluster, namespace: str) -> None:
    body = ingress(
        path(),
        path(path="/v1/x", pathType="Exact"),
        path(path="/(a|b)(/|$)(.*)", pathType="ImplementationSpecific"),
        path(path="/named", backend={"service": {"name": "x", "port": {"name": "http"}}}),
        tls=[{"hosts": ["a.example.com"], "secretName": "cert"}],
        defaultBackend={"service": {"name": "x", "port": {"number": 80}}},
    )
    made = await cluster.create(INGRESS, namespace, body)
    assert made["spec"] == body["spec"]
    assert made["status"] == {"loadBalancer": {}}
    assert made["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            ingress(path(pathType=None)),
            "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified",
        ),
        (
            ingress(path(pathType="Other")),
            'spec.rules[0].http.paths[0].pathType: Unsupported value: "Other": supported values: "Exact", "Impl',
        ),
        (ingress(path(path="x")), 'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path'),
        (ingress(path(path=None)), 'spec.rules[0].http.paths[0].path: Invalid value: "": must be an absolute path'),
        (ingress(path(path="/a//b")), "must not contain '//'"),
        (ingress(path(path="/a/../b")), "must not contain '/../'"),
        (
            ingress(path(path="a(.*)", pathType="ImplementationSpecific")),
            'Invalid value: "a(.*)": must be an absolute path',
        ),
        (ingress(path(backend={})), "spec.rules[0].http.paths[0].backend: "),
        (ingress(path(backend={"service": {"name": "x"}})), "port name or number is required"),
        (
            ingress(path(backend={"service": {"name": "a.b", "port": {"number": 80}}})),
            'backend.service.name: Invalid value: "a.b": must not contain dots',
        ),
        (ingress(host="No_"), 'spec.rules[0].host: Invalid value: "No_": a lowercase RFC 1123 subdomain must'),
        (ingress(host="1.2.3.4"), "must be a DNS name, not an IP address"),
        (ingress(rules=None), "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"),
        (ingress(ingressClassName="No_"), 'spec.ingressClassName: Invalid value: "No_"'),
        (ingress(tls=[{"secretName": "No_"}]), 'spec.tls[0].secretName: Invalid value: "No_"'),
    ],
)
async def test_what_an_ingress_may_not_be(
    cluster: Cluster, namespace: str, refused: Refused, body: JsonObject, words: str
) -> None:
    with refused(422, "Invalid", words):
        await cluster.create(INGRESS, namespace, body)


async def test_a_class_and_an_annotation_that_differ_are_refused_at_first(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    body = ingress()
    body["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "other"}
    with refused(422, "Invalid", "must match `ingressClassName` when both are specified"):
        await cluster.create(INGRESS, namespace, body)


async def test_an_update_is_validated_too(cluster: Cluster, namespace: str, refused: Refused) -> None:
    made = await cluster.create(INGRESS, namespace, ingress())
    with refused(422, "Invalid", "either `defaultBackend` or `rules` must be specified"):
        await cluster.patch(INGRESS, namespace, "it", {"spec": {"rules": None}})
    assert await cluster.get(INGRESS, namespace, "it") == made


async def test_an_event_belongs_to_the_namespace_of_what_it_is_about(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    body = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "it"}, "reason": "Reason", "message": "Words"}
    about = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "name": "x", "namespace": namespace}
    made = await cluster.create(EVENT, namespace, body | {"type": "Warning", "involvedObject": about})
    assert made["involvedObject"] == about
    assert (made["reason"], made["message"], made["type"]) == ("Reason", "Words", "Warning")
    with refused(422, "Invalid", "involvedObject.namespace: Invalid value:"):
        body["metadata"] = {"name": "other"}
        await cluster.create(EVENT, namespace, body | {"involvedObject": about | {"namespace": "elsewhere"}})
    named = await cluster.list(EVENT, namespace, field_selector="involvedObject.name=x")
    assert [item["metadata"]["name"] for item in named.items] == ["it"]


async def test_the_times_of_a_lease_have_microseconds(cluster: Cluster, namespace: str, refused: Refused) -> None:
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "it"}}
    with refused(400, "BadRequest", "cannot be handled as a Lease"):
        await cluster.create(LEASE, namespace, body | {"spec": {"renewTime": "2026-01-01T00:00:00Z"}})
    spec = {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}
    made = await cluster.create(LEASE, namespace, body | {"spec": spec})
    assert made["spec"] == spec
    assert "generation" not in made["metadata"]


async def test_an_endpoint_slice_counts_every_change(cluster: Cluster, namespace: str) -> None:
    body = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "it", "labels": {"kubernetes.io/service-name": "x"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.1.1"], "conditions": {"ready": True}}],
        "ports": [{"port": 80}],
    }
    made = await cluster.create(ENDPOINT_SLICE, namespace, body)
    assert made["ports"] == [{"name": "", "port": 80, "protocol": "TCP"}]
    assert made["metadata"]["generation"] == 1
    changed = await cluster.patch(ENDPOINT_SLICE, namespace, "it", {"endpoints": [{"addresses": ["10.1.1.2"]}]})
    assert changed["endpoints"] == [{"addresses": ["10.1.1.2"], "conditions": {}}]
    assert changed["metadata"]["generation"] == 2
