"""Services: what the server fills in and allocates, and what becomes of it when the type changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from doorward.cluster.protocol import Cluster
from doorward.model.reference import JsonObject, Resource

Refused = Callable[..., AbstractContextManager[None]]

SERVICE = Resource("Service", "services")


def service(name: str = "it", **spec: object) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}, **spec},
    }


def allocated(spec: JsonObject) -> JsonObject:
    """The spec with a stand-in for what the server picked."""
    address = spec.get("clusterIP", "")
    if address and address != "None":
        assert address.startswith("10.")
        assert spec["clusterIPs"] == [address]
        spec = spec | {"clusterIP": "IP", "clusterIPs": ["IP"]}
    ports = []
    for port in spec.get("ports", ()):
        if "nodePort" in port:
            assert 30000 <= port["nodePort"] <= 32767
            port = port | {"nodePort": "PORT"}
        ports.append(port)
    return spec | {"ports": ports} if ports else spec


PORT = {"port": 80, "protocol": "TCP", "targetPort": 80}
BASE: JsonObject = {"ports": [PORT], "selector": {"a": "b"}, "sessionAffinity": "None"}
INSIDE: JsonObject = BASE | {
    "type": "ClusterIP",
    "clusterIP": "IP",
    "clusterIPs": ["IP"],
    "ipFamilies": ["IPv4"],
    "ipFamilyPolicy": "SingleStack",
    "internalTrafficPolicy": "Cluster",
}
NODE_PORT: JsonObject = INSIDE | {
    "type": "NodePort",
    "ports": [PORT | {"nodePort": "PORT"}],
    "externalTrafficPolicy": "Cluster",
}
BALANCER: JsonObject = NODE_PORT | {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": True}
EXTERNAL: JsonObject = BASE | {"type": "ExternalName", "externalName": "x.example.com"}


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({}, INSIDE),
        ({"type": "NodePort"}, NODE_PORT),
        ({"type": "LoadBalancer"}, BALANCER),
        ({"type": "LoadBalancer", "loadBalancerIP": "1.2.3.4"}, BALANCER | {"loadBalancerIP": "1.2.3.4"}),
        ({"type": "ExternalName", "externalName": "x.example.com"}, EXTERNAL),
        ({"clusterIP": "None"}, INSIDE | {"clusterIP": "None", "clusterIPs": ["None"]}),
        (
            {"sessionAffinity": "ClientIP"},
            INSIDE | {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}},
        ),
        (
            {
                "ports": [
                    {"port": 80, "name": "http", "targetPort": "web"},
                    {"port": 53, "name": "dns", "protocol": "UDP"},
                ]
            },
            INSIDE
            | {
                "ports": [
                    {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "web"},
                    {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                ]
            },
        ),
    ],
)
async def test_defaults_of_a_new_service(
    cluster: Cluster, namespace: str, given: JsonObject, becomes: JsonObject
) -> None:
    made = await cluster.create(SERVICE, namespace, service(**given))
    assert allocated(made["spec"]) == becomes
    assert made["status"] == {"loadBalancer": {}}


async def test_a_headless_service_without_a_selector_is_dual_stack(cluster: Cluster, namespace: str) -> None:
    body = service(clusterIP="None")
    del body["spec"]["selector"]
    spec = (await cluster.create(SERVICE, namespace, body))["spec"]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4", "IPv6"], "RequireDualStack")


async def test_the_type_changes_in_place(cluster: Cluster, namespace: str) -> None:
    """ClusterIP, ExternalName, ClusterIP, LoadBalancer, NodePort, ClusterIP, with merge patches of what differs."""
    made = await cluster.create(SERVICE, namespace, service())
    steps: list[tuple[JsonObject, JsonObject]] = [
        ({"type": "ExternalName", "externalName": "x.example.com"}, EXTERNAL),
        ({"type": "ClusterIP", "externalName": None}, INSIDE),
        ({"type": "LoadBalancer"}, BALANCER),
        ({"type": "NodePort"}, NODE_PORT),
        ({"type": "ClusterIP"}, INSIDE),
    ]
    for change, becomes in steps:
        changed = await cluster.patch(SERVICE, namespace, "it", {"spec": change})
        assert allocated(changed["spec"]) == becomes, change
        assert changed["metadata"]["uid"] == made["metadata"]["uid"]


async def test_an_address_is_kept_between_types_that_have_one(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(SERVICE, namespace, service())
    for kind in ("LoadBalancer", "NodePort", "ClusterIP"):
        changed = await cluster.patch(SERVICE, namespace, "it", {"spec": {"type": kind}})
        assert changed["spec"]["clusterIP"] == made["spec"]["clusterIP"]


async def test_an_external_name_outlives_a_type_that_has_no_use_for_it(cluster: Cluster, namespace: str) -> None:
    await cluster.create(SERVICE, namespace, service(type="ExternalName", externalName="x.example.com"))
    changed = await cluster.patch(SERVICE, namespace, "it", {"spec": {"type": "ClusterIP"}})
    assert allocated(changed["spec"]) == INSIDE | {"externalName": "x.example.com"}


async def test_a_load_balancer_address_outlives_its_type_too(cluster: Cluster, namespace: str) -> None:
    await cluster.create(SERVICE, namespace, service(type="LoadBalancer", loadBalancerIP="1.2.3.4"))
    changed = await cluster.patch(SERVICE, namespace, "it", {"spec": {"type": "ClusterIP"}})
    assert allocated(changed["spec"]) == INSIDE | {"loadBalancerIP": "1.2.3.4"}


@pytest.mark.parametrize(
    ("before", "after", "becomes"),
    [
        ({}, {}, INSIDE),
        ({}, {"type": "LoadBalancer"}, BALANCER),
        ({"type": "LoadBalancer"}, {}, INSIDE),
        ({}, {"type": "ExternalName", "externalName": "x.example.com"}, EXTERNAL),
        ({"type": "ExternalName", "externalName": "x.example.com"}, {}, INSIDE),
        ({"clusterIP": "None"}, {"type": "ExternalName", "externalName": "x.example.com"}, EXTERNAL),
    ],
)
async def test_a_put_that_leaves_out_what_was_allocated_keeps_it(
    cluster: Cluster, namespace: str, before: JsonObject, after: JsonObject, becomes: JsonObject
) -> None:
    made = await cluster.create(SERVICE, namespace, service(**before))
    put = await cluster.replace(SERVICE, namespace, "it", service(**after))
    assert allocated(put["spec"]) == becomes
    if "clusterIP" in made["spec"] and "clusterIP" in put["spec"]:
        assert put["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    if before == after:
        assert put == made


async def test_node_ports_are_kept_by_port_name(cluster: Cluster, namespace: str) -> None:
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    made = await cluster.create(SERVICE, namespace, service(type="NodePort", ports=ports))
    numbers = {port["name"]: port["nodePort"] for port in made["spec"]["ports"]}
    assert len(set(numbers.values())) == 2
    put = await cluster.replace(SERVICE, namespace, "it", service(type="NodePort", ports=[{"name": "b", "port": 8081}]))
    assert put["spec"]["ports"][0]["nodePort"] == numbers["b"]


async def test_a_node_port_is_held_by_one_service(cluster: Cluster, namespace: str, refused: Refused) -> None:
    made = await cluster.create(SERVICE, namespace, service(type="NodePort"))
    number = made["spec"]["ports"][0]["nodePort"]
    asked = service("other", type="NodePort", ports=[{"port": 80, "nodePort": number}])
    with refused(
        422, "Invalid", f"spec.ports[0].nodePort: Invalid value: {number}: provided port is already allocated"
    ):
        await cluster.create(SERVICE, namespace, asked)
    await cluster.delete(SERVICE, namespace, "it")
    assert (await cluster.create(SERVICE, namespace, asked))["spec"]["ports"][0]["nodePort"] == number


async def test_an_address_cannot_be_changed(cluster: Cluster, namespace: str, refused: Refused) -> None:
    await cluster.create(SERVICE, namespace, service())
    with refused(422, "Invalid", 'spec.clusterIPs[0]: Invalid value: ["10.96.0.250"]: may not change once set'):
        await cluster.patch(SERVICE, namespace, "it", {"spec": {"clusterIP": "10.96.0.250"}})


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"ports": []}, "spec.ports: Required value"),
        (
            {"ports": [{"port": 80}, {"port": 81}]},
            "[spec.ports[0].name: Required value, spec.ports[1].name: Required value]",
        ),
        ({"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]}, 'spec.ports[1].name: Duplicate value: "a"'),
        ({"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]}, "spec.ports[1]: Duplicate value"),
        (
            {"ports": [{"port": 70000}]},
            "spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        ({"type": "ExternalName"}, "spec.externalName: Required value"),
        ({"type": "ExternalName", "externalName": "No_"}, 'spec.externalName: Invalid value: "No_"'),
        (
            {"type": "Other"},
            'spec.type: Unsupported value: "Other": supported values: "ClusterIP", "ExternalName"',
        ),
        (
            {"type": "LoadBalancer", "clusterIP": "None"},
            "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services",
        ),
        (
            {"externalTrafficPolicy": "Local"},
            'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        ),
        (
            {"allocateLoadBalancerNodePorts": False},
            "spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]},
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
    ],
)
async def test_what_a_service_may_not_be(
    cluster: Cluster, namespace: str, refused: Refused, spec: JsonObject, words: str
) -> None:
    with refused(422, "Invalid", words):
        await cluster.create(SERVICE, namespace, service(**spec))


@pytest.mark.parametrize(("name", "words"), [("a.b", "must not contain dots"), ("A", "RFC 1123 label")])
async def test_what_a_service_may_not_be_called(
    cluster: Cluster, namespace: str, refused: Refused, name: str, words: str
) -> None:
    with refused(422, "Invalid", f'Service "{name}" is invalid: metadata.name: Invalid value: "{name}": '):
        await cluster.create(SERVICE, namespace, service(name))
    with refused(422, "Invalid", words):
        await cluster.create(SERVICE, namespace, service(name))


async def test_only_a_load_balancer_has_an_address_outside(cluster: Cluster, namespace: str, refused: Refused) -> None:
    await cluster.create(SERVICE, namespace, service())
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}
    words = "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"
    with refused(422, "Invalid", words):
        await cluster.patch(SERVICE, namespace, "it", status, subresource="status")
    await cluster.patch(SERVICE, namespace, "it", {"spec": {"type": "LoadBalancer"}})
    given = await cluster.patch(SERVICE, namespace, "it", status, subresource="status")
    assert given["status"]["loadBalancer"]["ingress"] == [{"ip": "1.2.3.4", "ipMode": "VIP"}]
    taken = await cluster.patch(SERVICE, namespace, "it", {"spec": {"type": "ClusterIP"}})
    assert taken["status"] == {"loadBalancer": {}}
