"""What models say and are told, through real proxies: streams, large bodies, WebSockets, gRPC."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from secrets import token_hex
from typing import Any

import pytest

from tests.dataplane.models import Models
from tests.dataplane.network import GATEWAY
from tests.dataplane.starting import ROOT
from tests.dataplane.ways import WAYS, every_way
from tests.patience import PATIENCE

LARGE = 20 * 2**20
TOKENS = 5
PORTS = [{"name": "grpc"}, {"name": "http2"}, {"name": "http", "appProtocol": "kubernetes.io/h2c"}]
"""What tells a proxy that a component speaks HTTP/2 without TLS."""


async def opened(models: Models, way: str, **more: Any) -> tuple[str, str]:
    """A service whose door is open and known to the proxy: its name and host."""
    name, wanted = f"{way}-{token_hex(3)}", WAYS[way]
    await models.add(name, wanted.annotations, components=("engine", "decoder"), knative=wanted.serverless, **more)
    await models.stands(name)
    return name, f"{name}.{models.namespace}.example.com"


@every_way
async def test_tokens_arrive_one_by_one(models: Models, way: str) -> None:
    """The model says the next one only when the client has asked for it, having the one before in hand."""
    name, host = await opened(models, way)
    port = WAYS[way].port
    await models.client.until_answered(host, "/", "/v1/decoder/", port=port)
    for prefix, component in (("/v1/chat", "engine"), ("/v1/decoder", "decoder")):
        query = f"?tokens={TOKENS}&of={token_hex(8)}"
        url = models.client.url(f"{prefix}/stream{query}", port)
        async with models.client.session.post(url, headers={"Host": host}, json={"stream": True}) as response:
            for number in range(TOKENS):
                asked = await models.client.ask(host, f"{prefix}/stream/next{query}", port=port, method="POST")
                assert models.reached(asked) == f"{name}-{component}"
                assert await response.content.readuntil(b"\n\n") == f"data: {number}\n\n".encode()
            assert await response.content.read() == b""


@every_way
async def test_large_bodies_arrive_whole(models: Models, way: str) -> None:
    name, host = await opened(models, way)
    port = WAYS[way].port
    await models.client.until_answered(host, "/", "/v1/decoder/", port=port)
    answer = await models.client.ask(host, "/v1/completions", port=port, method="POST", data=bytes(LARGE))
    assert (models.reached(answer), answer.body["bytes"]) == (f"{name}-engine", LARGE)


@every_way
async def test_a_websocket_is_upgraded(models: Models, way: str) -> None:
    name, host = await opened(models, way)
    port = WAYS[way].port
    await models.client.until_answered(host, "/", "/v1/decoder/", port=port)
    for path, component in (("/v1/realtime", "engine"), ("/v1/decoder/realtime", "decoder")):
        url = models.client.url(path, port, scheme="ws")
        async with models.client.session.ws_connect(url, headers={"Host": host}) as socket:
            arrived = await socket.receive_json(timeout=PATIENCE)
            assert models.plane.pods[arrived["address"]] == f"{models.namespace}/{name}-{component}"
            for word in ("one", "two"):
                await socket.send_str(word)
                assert await socket.receive_str(timeout=PATIENCE) == word


@pytest.mark.parametrize(
    ("way", "port"),
    [
        pytest.param(way, port, id=f"{' '.join(port.values())}-{way}")
        for port in PORTS
        for way, wanted in WAYS.items()
        if wanted.reads_port_names or "appProtocol" in port
    ],
)
async def test_grpc_arrives_where_the_port_says_so(models: Models, way: str, port: dict[str, str]) -> None:
    _, host = await opened(models, way, port={**port, "port": 80, "targetPort": 9000})
    answers = await call(models, f"{GATEWAY}:{WAYS[way].port}", host)
    assert answers["say"]["port"] == answers["talk"][0]["port"] == 9000
    assert answers["talk"][1:] == ["one", "two"]
    assert answers["say"]["path"] == "/echo/Say"


async def call(models: Models, address: str, host: str) -> dict[str, Any]:
    """What a gRPC client in the tests' network gets, once the proxy knows the host."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.dataplane.call",
        address,
        host,
        stdout=PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(models.plane.parts.packages)])},
        preexec_fn=models.plane.network.entering(),
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, out
    answers: dict[str, Any] = json.loads(out)
    return answers
