"""What goes over the wire, and what comes back when things go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import JSON_PATCH, ApiError
from doorward.model.reference import SERVICE, JsonObject, Resource

from tests.kube.conftest import Connect, Server, refuses, says, silent, streams
from tests.patience import PATIENCE

SERVICES = Resource(SERVICE, "services")
ROUTES = Resource("HTTPRoute.gateway.networking.k8s.io", "httproutes")
OBJECT: JsonObject = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "team"}}


async def test_a_list_asks_for_a_page_and_gives_each_item_its_kind(server: Server, cluster: KubeCluster) -> None:
    server.will(
        says({"metadata": {"resourceVersion": "7", "continue": "rest"}, "items": [{"metadata": {"name": "a"}}]})
    )
    page = await cluster.list(ROUTES, "team", label_selector="a=b,c", field_selector="x=y", limit=2)
    assert page.items == [
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "a"}}
    ]
    assert (page.resource_version, page.continue_token) == ("7", "rest")
    await cluster.list(ROUTES, continue_token="rest")
    first, second = server.requests
    assert first.path == "/apis/gateway.networking.k8s.io/v1/namespaces/team/httproutes"
    assert first.query == {"labelSelector": "a=b,c", "fieldSelector": "x=y", "limit": "2"}
    assert second.path == "/apis/gateway.networking.k8s.io/v1/httproutes"
    assert second.query == {"continue": "rest"}


async def test_an_empty_list_may_have_null_items(server: Server, cluster: KubeCluster) -> None:
    server.will(says({"metadata": {"resourceVersion": "7"}, "items": None}))
    assert (await cluster.list(SERVICES)).items == []


async def test_writes_carry_field_manager_and_dry_run(server: Server, cluster: KubeCluster) -> None:
    server.will(says(OBJECT))
    await cluster.create(SERVICES, "team", OBJECT, field_manager="doorward", dry_run=True)
    await cluster.replace(SERVICES, "team", "a", OBJECT, subresource="status", field_manager="doorward")
    created, replaced = server.requests
    assert (created.method, created.path) == ("POST", "/api/v1/namespaces/team/services")
    assert created.query == {"fieldManager": "doorward", "dryRun": "All"}
    assert created.body == OBJECT
    assert (replaced.method, replaced.path) == ("PUT", "/api/v1/namespaces/team/services/a/status")
    assert replaced.query == {"fieldManager": "doorward"}


async def test_patches_say_of_which_type_they_are(server: Server, cluster: KubeCluster) -> None:
    server.will(says(OBJECT))
    await cluster.patch(SERVICES, "team", "a", {"spec": None})
    await cluster.patch(SERVICES, "team", "a", [{"op": "remove", "path": "/spec"}], type=JSON_PATCH)
    merge, operations = server.requests
    assert (merge.headers["Content-Type"], merge.body) == ("application/merge-patch+json", {"spec": None})
    assert operations.headers["Content-Type"] == "application/json-patch+json"
    assert operations.body == [{"op": "remove", "path": "/spec"}]


async def test_a_deletion_carries_its_preconditions(server: Server, cluster: KubeCluster) -> None:
    server.will(says({"kind": "Status", "status": "Success"}))
    assert await cluster.delete(SERVICES, "team", "a", uid="u", resource_version="9") is None
    assert server.requests[0].method == "DELETE"
    assert server.requests[0].body == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u", "resourceVersion": "9"},
    }


async def test_a_deletion_gives_the_object_only_where_it_stays(server: Server, cluster: KubeCluster) -> None:
    staying = {**OBJECT, "metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    server.will(says(staying), says(OBJECT))
    assert await cluster.delete(SERVICES, "team", "a") == staying
    assert await cluster.delete(SERVICES, "team", "a") is None


async def test_a_server_may_live_below_a_path(server: Server, connect: Connect) -> None:
    server.will(says(OBJECT))
    await connect(server.url + "/k8s/clusters/c-1/").get(SERVICES, "team", "a")
    assert server.requests[0].path == "/k8s/clusters/c-1/api/v1/namespaces/team/services/a"


async def test_names_cannot_leave_their_place_in_the_path(server: Server, cluster: KubeCluster) -> None:
    server.will(says(OBJECT))
    await cluster.get(SERVICES, "team", "a?watch=true#x")
    assert server.requests[0].path == "/api/v1/namespaces/team/services/a?watch=true#x"
    assert server.requests[0].query == {}


async def test_a_refusal_says_when_to_come_back(server: Server, cluster: KubeCluster) -> None:
    server.will(refuses(429, "TooManyRequests", "slow down", Retry_After="3"))
    with pytest.raises(ApiError, match="slow down") as caught:
        await cluster.get(SERVICES, "team", "a")
    assert (caught.value.status, caught.value.reason, caught.value.retry_after) == (429, "TooManyRequests", 3)
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_a_server_error_is_told_with_its_code(server: Server, cluster: KubeCluster, code: int) -> None:
    server.will(says("upstream is away", code))
    with pytest.raises(ApiError, match="upstream is away") as caught:
        await cluster.create(SERVICES, "team", OBJECT)
    assert caught.value.status == code
    assert len(server.requests) == 1


async def test_a_redirect_is_not_followed(server: Server, cluster: KubeCluster) -> None:
    server.will(says("elsewhere", 302, Location="/elsewhere"))
    with pytest.raises(ApiError) as caught:
        await cluster.get(SERVICES, "team", "a")
    assert caught.value.status == 302
    assert len(server.requests) == 1


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(3600)
    raise AssertionError


Call = Callable[[KubeCluster], Awaitable[object]]


@pytest.mark.parametrize(
    "call",
    [
        lambda cluster: cluster.get(SERVICES, "team", "a"),
        lambda cluster: cluster.patch(SERVICES, "team", "a", {}),
        lambda cluster: cluster.create(SERVICES, "team", OBJECT),
    ],
    ids=["get", "patch", "create"],
)
async def test_no_answer_in_time_is_no_answer(server: Server, connect: Connect, call: Call) -> None:
    server.will(never)
    with pytest.raises(ApiError) as caught:
        await call(connect(server.url, timeout=0.1))
    assert (caught.value.status, caught.value.reason) == (0, "Timeout")


async def test_a_connection_that_drops_is_no_answer(server: Server, cluster: KubeCluster) -> None:
    server.will(streams(b'{"kind":', drop=True))
    with pytest.raises(ApiError) as caught:
        await cluster.patch(SERVICES, "team", "a", {})
    assert caught.value.status == 0


async def test_nobody_listening_is_no_answer(connect: Connect) -> None:
    with pytest.raises(ApiError) as caught:
        await connect("http://127.0.0.1:1").get(SERVICES, "team", "a")
    assert caught.value.status == 0


async def test_a_page_to_log_in_at_is_no_answer(server: Server, cluster: KubeCluster) -> None:
    server.will(says("<html>log in</html>"))
    with pytest.raises(ApiError) as caught:
        await cluster.get(SERVICES, "team", "a")
    assert caught.value.status == 0


async def test_requests_at_a_time_are_bounded_and_watches_do_not_count(server: Server, cluster: KubeCluster) -> None:
    at_once, peak, full = 0, 0, asyncio.Event()
    release = asyncio.Event()

    async def hold(request: web.Request) -> web.StreamResponse:
        nonlocal at_once, peak
        if "watch" in request.query:
            return await silent(request)
        at_once += 1
        peak = max(peak, at_once)
        if at_once == 32:
            full.set()
        await release.wait()
        at_once -= 1
        return web.json_response(OBJECT)

    server.will(hold)
    waiting = [asyncio.create_task(cluster.get(SERVICES, "team", f"a{number}")) for number in range(50)]
    async with asyncio.timeout(PATIENCE):
        await full.wait()
        watches = [cluster.watch(SERVICES, resource_version="1") for _ in range(40)]
        await asyncio.gather(*(anext(watch) for watch in watches))
        await asyncio.gather(*(watch.aclose() for watch in watches))
        release.set()
        await asyncio.gather(*waiting)
    assert peak == 32


async def test_after_close_nothing_is_asked(server: Server, cluster: KubeCluster) -> None:
    server.will(says(OBJECT))
    await cluster.get(SERVICES, "team", "a")
    await cluster.close()
    with pytest.raises(ApiError) as caught:
        await cluster.get(SERVICES, "team", "a")
    assert caught.value.status == 0
    assert len(server.requests) == 1


def groups(*versions: str) -> JsonObject:
    return {"kind": "APIGroupList", "groups": [{"versions": [{"groupVersion": version} for version in versions]}]}


def resources(**kinds: str) -> JsonObject:
    return {"kind": "APIResourceList", "resources": [{"name": name, "kind": kind} for name, kind in kinds.items()]}


ISTIO = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))


async def test_the_newest_version_that_is_served_is_used(server: Server, cluster: KubeCluster) -> None:
    server.will(
        says("404 page not found", 404),
        says(groups("networking.istio.io/v1beta1")),
        says(resources(virtualservices="VirtualService")),
    )
    assert await cluster.served(ISTIO) == "v1beta1"
    assert [asked.path for asked in server.requests] == [
        "/apis/networking.istio.io/v1",
        "/apis",
        "/apis/networking.istio.io/v1beta1",
    ]


async def test_a_kind_that_its_group_lacks_is_not_served(server: Server, cluster: KubeCluster) -> None:
    server.will(says(resources(gateways="Gateway")))
    assert await cluster.served(ISTIO) is None


async def test_another_kind_of_the_same_plural_is_not_it(server: Server, cluster: KubeCluster) -> None:
    server.will(says(resources(virtualservices="SomethingElse")))
    assert await cluster.served(ISTIO) is None


@pytest.mark.parametrize(
    "answers",
    [
        [refuses(503, "ServiceUnavailable")],
        [refuses(403, "Forbidden")],
        [says("404 page not found", 404), refuses(503, "ServiceUnavailable")],
        [says("404 page not found", 404), says("404 page not found", 404)],
        [says("404 page not found", 404), says({"kind": "Surprise"})],
        [says({"kind": "Surprise"})],
    ],
)
async def test_discovery_that_is_not_healthy_never_looks_like_an_absence(
    server: Server, cluster: KubeCluster, answers: list[Callable[[web.Request], Awaitable[web.StreamResponse]]]
) -> None:
    server.will(*answers)
    with pytest.raises(ApiError):
        await cluster.served(ISTIO)


async def test_discovery_is_remembered_until_a_404(server: Server, cluster: KubeCluster) -> None:
    server.will(says(resources(virtualservices="VirtualService")), refuses(404, "NotFound"), says(resources()))
    assert await cluster.served(ISTIO) == "v1"
    assert await cluster.served(ISTIO) == "v1"
    assert len(server.requests) == 1
    with pytest.raises(ApiError):
        await cluster.list(ISTIO)
    assert await cluster.served(ISTIO) is None


async def test_a_kind_that_appears_in_a_known_group_is_found_at_once(server: Server, cluster: KubeCluster) -> None:
    gateways = Resource("Gateway.networking.istio.io", "gateways")
    server.will(
        says(resources(virtualservices="VirtualService")),
        says(resources(virtualservices="VirtualService", gateways="Gateway")),
    )
    await cluster.served(ISTIO)
    assert await cluster.served(gateways) == "v1"


async def test_a_version_that_is_listed_but_answers_404_is_not_an_absence(server: Server, cluster: KubeCluster) -> None:
    routes = groups("networking.istio.io/v1", "gateway.networking.k8s.io/v1")
    server.will(says("404 page not found", 404), says(routes))
    with pytest.raises(ApiError, match="but doesn't serve it") as caught:
        await cluster.served(ROUTES)
    assert caught.value.status == 503
