"""Through a real Envoy: who comes in, who doesn't, and nobody while the service is down.

The binary is that of the data plane: where that can't be had, these tests are skipped with the others of its tier.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from doorward_daemon.authz.server import Checks, serving
from yarl import URL

from tests.authz.asking import Known, hashed, secret
from tests.controlplane.server import free_port
from tests.dataplane.binaries import Parts
from tests.patience import PATIENCE

HTTP = "envoy.extensions.filters.network.http_connection_manager"

pytestmark = pytest.mark.dataplane


class Front:
    """An Envoy before an echo, asking the service for each request; by host, and for one door by its name."""

    def __init__(self) -> None:
        self.known = Known()
        self.known.door("a", "m", "api-key", "m.example.com/", "example.com/models/m", keys=secret(alice="alices-key"))
        self.known.door("b", "n", "api-key", "n.example.com/", "example.com/models/n", keys=secret(bob="bobs-key"))
        self.known.door("a", "p", "basic", "p.example.com/", keys=secret(auth=f"carol:{hashed('word')}"))
        self.known.door("a", "open", None, "open.example.com/")
        self.service = AsyncExitStack()
        self.session = aiohttp.ClientSession()
        self.by_host, self.by_name, self.port = free_port(), free_port(), free_port()

    async def ask(
        self, path: str = "/", *, host: str = "m.example.com", port: int = 0, **headers: str
    ) -> tuple[int, dict[str, str], dict[str, str]]:
        """The status, the headers of the answer, and those that reached the component."""
        sent = {"Host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = URL(f"http://127.0.0.1:{port or self.by_host}{path}", encoded=True)
        async with self.session.get(url, headers=sent) as answer:
            arrived = await answer.json() if answer.status == 200 else {}
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, arrived


async def _echo(request: web.BaseRequest) -> web.Response:
    return web.json_response(
        {name.lower(): value for name, value in request.headers.items()} | {":path": request.raw_path}
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    async with AsyncExitStack() as stack:
        front = Front()
        stack.push_async_callback(front.session.close)
        stack.push_async_callback(front.service.aclose)
        runner = web.ServerRunner(web.Server(_echo))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        echo = free_port()
        await web.TCPSite(runner, "127.0.0.1", echo).start()
        await front.service.enter_async_context(
            serving(Checks(front.known, front.known.rings), f"127.0.0.1:{front.port}")
        )
        config = tmp_path_factory.mktemp("envoy") / "envoy.yaml"
        config.write_text(yaml.safe_dump(_config(front, echo)))
        command = (str(parts.envoy), "-c", str(config), "--use-dynamic-base-id", "-l", "error", "--concurrency", "1")
        with (config.parent / "log").open("w") as log:
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        stack.push_async_callback(_ended, process)
        async with asyncio.timeout(PATIENCE):
            while True:
                assert process.returncode is None, (config.parent / "log").read_text()
                try:
                    status, _, _ = await front.ask(host="open.example.com")
                except aiohttp.ClientError:
                    status = 0
                if status == 200:
                    break
                await asyncio.sleep(0.05)
        yield front


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()


def _config(front: Front, echo: int) -> dict[str, Any]:
    listeners = [_listener(front.by_host, "/host/envoy"), _listener(front.by_name, "/door/envoy/a/m")]
    clusters = [_cluster("echo", echo), _cluster("authz", front.port)]
    return {"static_resources": {"listeners": listeners, "clusters": clusters}}


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": assignment}


def _listener(port: int, prefix: str) -> dict[str, Any]:
    ext_authz = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "allowed_headers": {"patterns": [{"exact": "x-api-key"}, {"exact": "authorization"}]},
        "http_service": {
            "server_uri": {"uri": "http://authz", "cluster": "authz", "timeout": "2s"},
            "path_prefix": prefix,
            "authorization_response": {"allowed_upstream_headers": {"patterns": [{"exact": "doorward-client"}]}},
        },
    }
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "echo"}}
    manager = {
        "@type": f"type.googleapis.com/{HTTP}.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {"name": "envoy.filters.http.ext_authz", "typed_config": ext_authz},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}, "filter_chains": [chain]}


in_one_loop = pytest.mark.asyncio(loop_scope="module")


@in_one_loop
@pytest.mark.parametrize("named", [False, True], ids=["by host", "by name"])
async def test_the_right_key_comes_in_and_its_client_is_named(front: Front, named: bool) -> None:
    port = front.by_name if named else front.by_host
    for key in ({"x_api_key": "alices-key"}, {"authorization": "Bearer alices-key"}):
        status, _, arrived = await front.ask("/v1/chat?stream=1", port=port, **key)
        assert (status, arrived["doorward-client"], arrived[":path"]) == (200, "alice", "/v1/chat?stream=1")


@in_one_loop
@pytest.mark.parametrize("named", [False, True], ids=["by host", "by name"])
async def test_no_other_key_does(front: Front, named: bool) -> None:
    port = front.by_name if named else front.by_host
    for key in ({}, {"x_api_key": "x"}, {"x_api_key": "bobs-key"}, {"authorization": "Bearer bobs-key"}):
        status, told, _ = await front.ask(port=port, **key)
        assert (status, told["www-authenticate"]) == (401, 'Bearer realm="doorward"')


@in_one_loop
async def test_a_password_comes_in(front: Front) -> None:
    right = aiohttp.encode_basic_auth("carol", "word")
    status, _, arrived = await front.ask(host="p.example.com", authorization=right)
    assert (status, arrived["doorward-client"]) == (200, "carol")
    wrong = aiohttp.encode_basic_auth("carol", "w0rd")
    status, told, _ = await front.ask(host="p.example.com", authorization=wrong)
    assert (status, told["www-authenticate"].split()[0]) == (401, "Basic")


@in_one_loop
async def test_a_client_can_not_name_itself(front: Front) -> None:
    for name in ("doorward-client", "Doorward-Client"):
        _, _, arrived = await front.ask(x_api_key="alices-key", **{name: "root"})
        assert arrived["doorward-client"] == "alice"
        _, _, arrived = await front.ask(host="open.example.com", **{name: "root"})
        assert arrived["doorward-client"] == ""


@in_one_loop
async def test_headers_and_paths_choose_no_other_door(front: Front) -> None:
    """Bob's key is for another door of the same host, and of another one."""
    forged = {"x_original_url": "http://n.example.com/", "x_forwarded_host": "n.example.com", "x_api_key": "bobs-key"}
    assert (await front.ask(**forged))[0] == 401
    for path in ("/models/n/../m/x", "/models/n/%2e%2e/m/x", "//models/m", "/models/n;/../m"):
        assert (await front.ask(path, host="example.com", x_api_key="bobs-key"))[0] in (401, 403), path
    for path in ("/../../b/n", "/%2e%2e/n", "//b/n", "/?/door/envoy/b/n"):
        assert (await front.ask(path, port=front.by_name, x_api_key="bobs-key"))[0] == 401, path
    for host in ("M.EXAMPLE.COM", "m.example.com:80", "m.example.com."):
        assert (await front.ask(host=host, x_api_key="bobs-key"))[0] == 401
        assert (await front.ask(host=host, x_api_key="alices-key"))[0] == 200


@in_one_loop
async def test_an_edited_secret_is_in_force_with_the_next_request(front: Front) -> None:
    front.known.door("a", "m", "api-key", keys=secret(alice="a-new-key"))
    try:
        assert (await front.ask(x_api_key="alices-key"))[0] == 401
        assert (await front.ask(x_api_key="a-new-key"))[0] == 200
    finally:
        front.known.door("a", "m", "api-key", keys=secret(alice="alices-key"))


@in_one_loop
async def test_while_the_service_is_down_nobody_comes_in(front: Front) -> None:
    await front.service.aclose()
    try:
        for host in ("m.example.com", "open.example.com"):
            status, _, _ = await front.ask(host=host, x_api_key="alices-key")
            assert status == 403
    finally:
        checks = Checks(front.known, front.known.rings)
        await front.service.enter_async_context(serving(checks, f"127.0.0.1:{front.port}"))
    assert (await front.ask(x_api_key="alices-key"))[0] == 200
