"""CustomResourceDefinitions: the kinds that they bring, and what their schemas do to objects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from secrets import token_hex

import pytest
from doorward.cluster.protocol import ApiError, Cluster
from doorward.model.reference import JsonObject, Resource

Refused = Callable[..., AbstractContextManager[None]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]

DEFINITION = Resource(
    "CustomResourceDefinition.apiextensions.k8s.io", "customresourcedefinitions", ("v1",), namespaced=False
)
HTTP_ROUTE = Resource("HTTPRoute.gateway.networking.k8s.io", "httproutes", ("v1",))
VIRTUAL_SERVICE = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "text": {"type": "string", "default": "given"},
                "nested": {"type": "object", "properties": {"number": {"type": "integer", "default": 3}}},
                "filled": {
                    "type": "object",
                    "default": {},
                    "properties": {"deep": {"type": "string", "default": "too"}},
                },
                "items": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"z": {"type": "string", "default": "zz"}}},
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "either": {"x-kubernetes-int-or-string": True},
                "maps": {"type": "object", "additionalProperties": {"type": "integer"}},
            },
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def definition(thing: Resource) -> JsonObject:
    versions = [
        {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}},
        {"name": "v1beta1", "served": True, "storage": False, "schema": {"openAPIV3Schema": SCHEMA}},
        {"name": "v1alpha1", "served": False, "storage": False, "schema": {"openAPIV3Schema": SCHEMA}},
    ]
    versions[0]["subresources"] = versions[1]["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{thing.plural}.{thing.group}"},
        "spec": {
            "group": thing.group,
            "scope": "Namespaced",
            "names": {"plural": thing.plural, "kind": thing.name},
            "versions": versions,
        },
    }


def body(thing: Resource, spec: JsonObject | None = None) -> JsonObject:
    found: JsonObject = {"apiVersion": thing.api_version("v1"), "kind": thing.name, "metadata": {"name": "it"}}
    return found if spec is None else found | {"spec": spec}


async def is_listed(cluster: Cluster, resource: Resource) -> bool:
    try:
        await cluster.list(resource)
    except ApiError as error:
        if error.status not in (404, 429, 503):
            raise
        return False
    return True


async def is_known_as_absent(cluster: Cluster, resource: Resource) -> bool:
    """False, too, while discovery lists what is no longer served."""
    try:
        return await cluster.served(resource) is None
    except ApiError as error:
        if error.status not in (429, 503):
            raise
        return False


@pytest.fixture
async def thing(cluster: Cluster, until: Until) -> AsyncIterator[Resource]:
    """A kind of the test's own."""
    kind = Resource("Thing.c" + token_hex(4) + ".example.com", "things", ("v2", "v1", "v1beta1"))
    await cluster.create(DEFINITION, "", definition(kind))
    served = Resource(kind.kind, kind.plural, ("v1", "v1beta1"))
    await until(lambda: is_listed(cluster, served))
    yield served
    try:
        await cluster.delete(DEFINITION, "", f"{kind.plural}.{kind.group}")
    except ApiError as error:
        if error.status != 404:
            raise


async def test_a_kind_that_nobody_defined_is_not_served(cluster: Cluster, namespace: str, refused: Refused) -> None:
    nothing = Resource("Nothing.doorward.example.com", "nothings")
    assert await cluster.served(nothing) is None
    with refused(404):
        await cluster.list(nothing, namespace)
    with refused(404):
        await cluster.create(nothing, namespace, body(nothing))


async def test_built_in_kinds_are_served(cluster: Cluster) -> None:
    for resource in (
        Resource("Service", "services"),
        Resource("Ingress.networking.k8s.io", "ingresses"),
        Resource("IngressClass.networking.k8s.io", "ingressclasses", namespaced=False),
        Resource("EndpointSlice.discovery.k8s.io", "endpointslices"),
        Resource("Lease.coordination.k8s.io", "leases"),
        DEFINITION,
    ):
        assert await cluster.served(resource) == "v1"


async def test_the_newest_version_that_both_know_is_served(cluster: Cluster, thing: Resource) -> None:
    for versions, served in (
        (("v2", "v1", "v1beta1"), "v1"),
        (("v1beta1",), "v1beta1"),
        (("v1alpha1",), None),
        (("v2",), None),
    ):
        assert await cluster.served(Resource(thing.kind, thing.plural, versions)) == served


async def test_a_definition_is_established_and_named(cluster: Cluster, thing: Resource, until: Until) -> None:
    async def established() -> bool:
        made = await cluster.get(DEFINITION, "", f"{thing.plural}.{thing.group}")
        conditions = made["status"]["conditions"]
        return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)

    await until(established)
    made = await cluster.get(DEFINITION, "", f"{thing.plural}.{thing.group}")
    assert made["spec"]["names"]["listKind"] == "ThingList"
    assert made["spec"]["names"]["singular"] == "thing"


async def test_objects_go_with_the_definition_of_their_kind(
    cluster: Cluster, namespace: str, thing: Resource, until: Until
) -> None:
    await cluster.create(thing, namespace, body(thing))
    await cluster.delete(DEFINITION, "", f"{thing.plural}.{thing.group}")

    async def gone() -> bool:
        return not await is_listed(cluster, thing) and await is_known_as_absent(cluster, thing)

    await until(gone)
    await cluster.create(DEFINITION, "", definition(thing))
    await until(lambda: is_listed(cluster, thing))
    assert (await cluster.list(thing, namespace)).items == []


async def test_defaults_are_filled_in_where_there_is_something_to_fill(
    cluster: Cluster, namespace: str, thing: Resource
) -> None:
    made = await cluster.create(thing, namespace, body(thing, {"nested": {}, "items": [{}, {"z": None}], "text": None}))
    assert made["spec"] == {
        "text": "given",
        "nested": {"number": 3},
        "filled": {"deep": "too"},
        "items": [{"z": "zz"}, {"z": "zz"}],
    }
    changed = await cluster.patch(thing, namespace, "it", {"spec": {"text": None, "items": None}})
    assert changed["spec"] == {"text": "given", "nested": {"number": 3}, "filled": {"deep": "too"}}


async def test_an_object_without_a_spec_gets_no_defaults_below_it(
    cluster: Cluster, namespace: str, thing: Resource
) -> None:
    assert "spec" not in await cluster.create(thing, namespace, body(thing))


async def test_unknown_fields_are_dropped_unless_they_are_preserved(
    cluster: Cluster, namespace: str, thing: Resource
) -> None:
    spec = {"text": "x", "strange": 1, "nested": {"strange": 1}, "free": {"strange": {"a": 1}}, "maps": {"a": 1}}
    made = await cluster.create(thing, namespace, body(thing, spec) | {"strange": 1})
    assert made["spec"] == {
        "text": "x",
        "nested": {"number": 3},
        "filled": {"deep": "too"},
        "free": {"strange": {"a": 1}},
        "maps": {"a": 1},
    }
    assert "strange" not in made


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"text": 5}, 'spec.text: Invalid value: "integer": spec.text in body must be of type string: "integer"'),
        ({"items": {}}, 'spec.items: Invalid value: "object": spec.items in body must be of type array: "object"'),
        (
            {"nested": {"number": "x"}},
            'spec.nested.number: Invalid value: "string": spec.nested.number in body must be of',
        ),
        ({"maps": {"a": "x"}}, 'spec.maps.a: Invalid value: "string": spec.maps.a in body must be of type integer'),
    ],
)
async def test_types_are_checked(
    cluster: Cluster, namespace: str, thing: Resource, refused: Refused, spec: JsonObject, words: str
) -> None:
    with refused(422, "Invalid", words):
        await cluster.create(thing, namespace, body(thing, spec))


async def test_defaults_of_an_http_route(cluster: Cluster, namespace: str) -> None:
    route = {
        "parentRefs": [{"name": "gate", "namespace": "x"}],
        "hostnames": ["a.example.com"],
        "rules": [{"backendRefs": [{"name": "x", "port": 80}]}],
    }
    made = await cluster.create(HTTP_ROUTE, namespace, body(HTTP_ROUTE, route))
    assert made["spec"] == {
        "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gate", "namespace": "x"}],
        "hostnames": ["a.example.com"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"group": "", "kind": "Service", "name": "x", "port": 80, "weight": 1}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"hostnames": [f"a{number}.example.com" for number in range(17)]},
            "spec.hostnames: Too many: 17: must have at m",
        ),
        (
            {"hostnames": ["A.example.com"]},
            'spec.hostnames[0]: Invalid value: "A.example.com": spec.hostnames[0] in body',
        ),
        (
            {"rules": [{"matches": [{"path": {"type": "Other", "value": "/"}}]}]},
            'spec.rules[0].matches[0].path.type: Unsupported value: "Other": supported values: "Exact", "PathPrefix"',
        ),
        ({"parentRefs": [{"namespace": "x"}]}, "spec.parentRefs[0].name: Required value"),
    ],
)
async def test_an_http_route_is_held_to_its_schema(
    cluster: Cluster, namespace: str, refused: Refused, change: JsonObject, words: str
) -> None:
    with refused(422, "Invalid", words):
        await cluster.create(HTTP_ROUTE, namespace, body(HTTP_ROUTE, {"parentRefs": [{"name": "gate"}], **change}))


async def test_a_virtual_service_is_held_to_its_schema(cluster: Cluster, namespace: str, refused: Refused) -> None:
    match = {"uri": {"prefix": "/a", "exact": "/b"}}
    spec = {"hosts": ["a"], "http": [{"match": [match], "route": [{"destination": {"host": "x"}}]}]}
    with refused(422, "Invalid", '"spec.http[0].match[0].uri" must validate one and only one schema (oneOf)'):
        await cluster.create(VIRTUAL_SERVICE, namespace, body(VIRTUAL_SERVICE, spec))


@pytest.mark.parametrize(
    ("timeout", "words"),
    [
        ("0s", 'spec.http[0].timeout: Invalid value: "0s": must be a valid duration greater than 1ms'),
        (
            "long",
            "spec.http[0].timeout: Invalid value: \"string\": type conversion error from 'string' to 'google.protobuf",
        ),
    ],
)
async def test_a_virtual_service_takes_no_timeout_of_nothing(
    cluster: Cluster, namespace: str, refused: Refused, timeout: str, words: str
) -> None:
    http = {"route": [{"destination": {"host": "x"}}]}
    with refused(422, "Invalid", words):
        spec = {"hosts": ["a"], "http": [http | {"timeout": timeout}]}
        await cluster.create(VIRTUAL_SERVICE, namespace, body(VIRTUAL_SERVICE, spec))
    spec = {"hosts": ["a"], "http": [http | {"timeout": "1h2m3.5s"}]}
    assert (await cluster.create(VIRTUAL_SERVICE, namespace, body(VIRTUAL_SERVICE, spec)))["spec"] == spec


async def test_a_definition_must_be_named_for_what_it_defines(cluster: Cluster, refused: Refused) -> None:
    kind = Resource("Thing.other.example.com", "things", ("v1",))
    wrong = definition(kind)
    wrong["metadata"]["name"] = "wrong.other.example.com"
    with refused(422, "Invalid", 'metadata.name: Invalid value: "wrong.other.example.com": must be spec.names.plural'):
        await cluster.create(DEFINITION, "", wrong)
