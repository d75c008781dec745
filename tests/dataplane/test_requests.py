"""Every request of OME's page, through real proxies: where it arrives, and with which path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import cache

import pytest

from tests.dataplane.conftest import Places, Planes
from tests.dataplane.models import Models, models_in, place_in
from tests.dataplane.plane import DataPlane
from tests.dataplane.requests import Answer
from tests.dataplane.ways import ROWS, WAYS, Way, every_proxy, every_way, ways_of
from tests.e2e.doors import RAW, VISIBILITY
from tests.e2e.place import Place, apart

PATHS = (
    "/",
    "/health",
    "/v1/completions",
    "/v1/chat/completions",
    "/v1/models/llama-3-70b-instruct",
    "/v1/router",
    "/v1/router/",
    "/v1/router/route",
    "/v1/routers",
    "/v1/decoder",
    "/v1/decoder/",
    "/v1/decoder/decode?format=text&x=%2F",
    "/v1/decoder/health",
    "/v1/decoders",
    "/v1/decoders/decoder",
    "/v1/decoder-x/y",
    "/v1/x/decoder/y",
    "/V1/decoder/x",
)
ADDITIONAL = ("backup.example.org", "alt.example.net")


@pytest.fixture(scope="module", name="places")
def _places(planes: Planes) -> Iterator[Places]:
    """One service for each way and each row, all of whose doors are open and known to the proxy."""
    with ExitStack() as stack:

        @cache
        def in_plane(proxy: str) -> Place:
            plane = planes(proxy)
            made = stack.enter_context(place_in(plane, plane.proxy.ingress, doorward="overlapSeconds: 1"))
            apart(_populate(plane, made, ways_of(proxy)))
            return made

        yield in_plane


async def _populate(plane: DataPlane, made: Place, ways: Mapping[str, Way]) -> None:
    async with models_in(plane, made) as models:
        for way, wanted in ways.items():
            annotations = {
                **wanted.annotations,
                "ome.io/ingress-additional-domains": ", ".join(ADDITIONAL),
                "ome.io/ingress-path-template": "/models/{{.Namespace}}/{{.Name}}",
            }
            for row, components in ROWS.items():
                await models.add(f"{way}-{row}", annotations, components=components, knative=wanted.serverless)
        for way, wanted in ways.items():
            for row in ROWS:
                await models.stands(f"{way}-{row}")
                for host in hosts(models, f"{way}-{row}"):
                    await models.client.until_answered(host, "/", "/v1/router", "/v1/decoder", port=wanted.port)


def hosts(models: Models, name: str) -> list[str]:
    return [f"{name}.{models.namespace}.{domain}" for domain in ("example.com", *ADDITIONAL)]


def table(components: tuple[str, ...], path: str) -> str:
    """The component that the page leads a path to."""
    path = path.partition("?")[0]
    entry = "router" if "router" in components else "engine"
    for prefix, component in (("/v1/router", "router"), ("/v1/decoder", "decoder")):
        if component in components and (path + "/").startswith(prefix + "/"):
            return component
    return entry


every_row = pytest.mark.parametrize("row", ROWS)


def check(models: Models, answer: Answer, name: str, row: str, path: str) -> None:
    assert models.reached(answer) == f"{name}-{table(ROWS[row], path)}", path
    assert answer.path == path


@every_way
@every_row
async def test_a_host_leads_each_path_to_its_component(models: Models, way: str, row: str) -> None:
    name, wanted = f"{way}-{row}", WAYS[way]
    for host in hosts(models, name):
        for path in PATHS:
            answer = await models.client.ask(host, path, port=wanted.port)
            check(models, answer, name, row, path)
            assert answer.body["port"] == (8012 if wanted.serverless else 8080)
            if wanted.sets_headers or wanted.serverless:
                assert answer.body["headers"]["ome-isvc-name"] == name
                assert answer.body["headers"]["ome-isvc-namespace"] == models.namespace


@every_way
async def test_a_host_with_a_port_is_the_same_host(models: Models, way: str) -> None:
    name = f"{way}-erd"
    for port in (WAYS[way].port, 80, 8443):
        for path in ("/v1/models", "/v1/decoder/x"):
            answer = await models.client.ask(f"{hosts(models, name)[0]}:{port}", path, port=WAYS[way].port)
            check(models, answer, name, "erd", path)


@pytest.mark.parametrize("way", [way for way, wanted in WAYS.items() if wanted.path_door])
@every_row
async def test_a_path_door_takes_its_prefix_off(models: Models, way: str, row: str) -> None:
    name, port = f"{way}-{row}", WAYS[way].port
    prefix = f"/models/{models.namespace}/{name}"
    await models.client.until_answered("example.com", prefix, port=port)
    for path in PATHS:
        check(models, await models.client.ask("example.com", prefix + path, port=port), name, row, path)
    for path, seen in (("", "/"), ("?x=1", "/?x=1")):
        answer = await models.client.ask("example.com", prefix + path, port=port)
        assert (models.reached(answer), answer.path) == (f"{name}-{table(ROWS[row], '/')}", seen)


@every_way
@every_row
async def test_the_in_cluster_name_leads_by_path_where_it_can(models: Models, way: str, row: str) -> None:
    """A plain Service can't see paths: all goes to the entry."""
    name, wanted = f"{way}-{row}", WAYS[way]
    components = ROWS[row] if wanted.serverless else ROWS[row][:2] if "router" in ROWS[row] else ("engine",)
    for form in ("", ".svc", ".svc.cluster.local", ".svc.cluster.local:80"):
        answers = await models.inside(f"{name}.{models.namespace}{form}", *PATHS)
        for path, answer in zip(PATHS, answers, strict=True):
            assert models.reached(answer) == f"{name}-{table(components, path)}", path
            assert answer.path == path


@every_proxy
async def test_all_that_opens_one_door_opens_no_other(models: Models, proxy: str) -> None:
    """What isn't a service's own is answered with the proxy's 404, and a host at no other backend's port either."""
    ways, inside = ways_of(proxy), ["inside"]
    await models.add("inside", {**RAW}, labels={VISIBILITY: "cluster-local"})
    if models.plane.proxy.knative:
        inside.append("inside-knative")
        await models.add("inside-knative", knative=True, labels={VISIBILITY: "cluster-local"})
    await models.stands(*inside)
    await models.barrier()
    namespace = models.namespace
    for name in inside:
        await models.known_inside(f"{name}.{namespace}.svc.cluster.local", "/v1/models")
    for way, wanted in ways.items():
        nobodys = {
            "example.com": ("/", "/models", f"/models/{namespace}", f"/models/{namespace}/{way}-er-x/v1", "/v1/models"),
            f"unknown.{namespace}.example.com": ("/", "/v1/models"),
            f"x.{way}-e.{namespace}.example.com": ("/",),
            f"{way}-e.{namespace}.example.comm": ("/",),
            f"{way}-e.{namespace}.example.org": ("/",),
            f"{way}-e.other.example.com": ("/",),
            f"{way}-e.{namespace}": ("/",),
            f"{way}-e.{namespace}.svc.cluster.local": ("/", "/v1/decoder/x"),
            f"inside.{namespace}.example.com": ("/",),
            f"inside.{namespace}.svc.cluster.local": ("/",),
            f"inside-knative.{namespace}.example.com": ("/",),
            f"inside-knative.{namespace}.svc.cluster.local": ("/",),
        }
        for host, paths in nobodys.items():
            for path in paths:
                answer = await models.client.ask(host, path, port=wanted.port)
                assert models.reached(answer) == "404", f"{host}{path} at {wanted.port}"
        for port in {each.port for each in ways.values()} - {wanted.port}:
            answer = await models.client.ask(hosts(models, f"{way}-e")[0], "/", port=port)
            assert models.reached(answer) == "404", f"{way} at {port}"
    for name in inside:
        (answer,) = await models.inside(f"{name}.{namespace}.svc.cluster.local", "/v1/models")
        assert models.reached(answer) == f"{name}-engine"


@every_way
async def test_what_a_client_says_of_the_service_is_not_passed_on(models: Models, way: str) -> None:
    """Headers that the backend sets replace those that came; an Ingress can't set any."""
    name, wanted = f"{way}-e", WAYS[way]
    forged = {"OMe-Isvc-Name": "forged", "ome-isvc-namespace": "forged"}
    answer = await models.client.ask(hosts(models, name)[0], "/", port=wanted.port, headers=forged)
    told = {answer.body["headers"][key] for key in ("ome-isvc-name", "ome-isvc-namespace")}
    assert told == ({name, models.namespace} if wanted.sets_headers or wanted.serverless else {"forged"})


LIMIT = "x-envoy-expected-rq-timeout-ms"
"""By this header Envoy tells who answers how long that may take, if anything limits it."""


@every_way
async def test_an_answer_may_take_as_long_as_it_likes(models: Models, way: str) -> None:
    answer = await models.client.ask(hosts(models, f"{way}-e")[0], "/", port=WAYS[way].port)
    assert LIMIT not in answer.body["headers"]


@pytest.mark.parametrize("way", ["raw-virtualservice", "httproute", "contour-ingress", "contour-httproute"])
async def test_an_answer_may_take_as_long_as_its_component_says(models: Models, way: str) -> None:
    name, wanted = f"{way}-limited", WAYS[way]
    await models.add(name, wanted.annotations, spec={"engine": {"minReplicas": 1, "timeoutSeconds": 7}})
    await models.stands(name)
    await models.client.until_answered(hosts(models, name)[0], "/", port=wanted.port)
    answer = await models.client.ask(hosts(models, name)[0], "/", port=wanted.port)
    assert answer.body["headers"][LIMIT] == "7000"
