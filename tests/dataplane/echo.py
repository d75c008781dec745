"""All pods at once: whoever is asked says at which address, and what arrived.  Run in the tests' network.

Port 8080 is a component's, 8012 that of Knative's queue-proxy; gRPC is spoken on 9000 and the ports after it.

=====================  =========================================================================================
``.../stream``         ``tokens``, each sent only when ``.../stream/next`` was asked for with the same query
a WebSocket            says what arrived, then sends back each message
anything else          JSON: ``address`` and ``port`` of the pod; ``method``, ``path``, ``headers``, ``bytes``
gRPC ``/echo/Say``     the same JSON, for one message
gRPC ``/echo/Talk``    each message of a stream sent back, the JSON first
=====================  =========================================================================================
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import grpc
from aiohttp import WSMsgType, web

HTTP_PORTS = (8080, 8012)
GRPC_PORTS = (9000, 9001, 9002)

_asked_for: dict[str, asyncio.Queue[None]] = defaultdict(asyncio.Queue)


async def answer(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return await _talk(request)
    if request.path.endswith("/stream"):
        return await _stream(request)
    if request.path.endswith("/stream/next"):
        _asked_for[request.query_string].put_nowait(None)
    received = 0
    async for chunk in request.content.iter_any():
        received += len(chunk)
    return web.json_response({**_arrived(request), "bytes": received})


def _arrived(request: web.Request) -> dict[str, Any]:
    assert request.transport is not None
    address, port = request.transport.get_extra_info("sockname")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return {
        "address": address,
        "port": port,
        "method": request.method,
        "path": request.raw_path,
        "headers": headers,
    }


async def _stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(int(request.query["tokens"])):
        await _asked_for[request.query_string].get()
        await response.write(f"data: {number}\n\n".encode())
    del _asked_for[request.query_string]
    return response


async def _talk(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_json(_arrived(request))
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


class _Rpc(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, port: int) -> None:
        self._port = port

    def service(self, call: Any) -> Any:
        arrived = {"port": self._port, "path": call.method, "headers": {k: str(v) for k, v in call.invocation_metadata}}
        greeting = json.dumps(arrived).encode()

        async def say(message: bytes, context: Any) -> bytes:
            return greeting

        async def talk(messages: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            yield greeting
            async for message in messages:
                yield message

        if call.method.endswith("/Talk"):
            return grpc.stream_stream_rpc_method_handler(talk)
        return grpc.unary_unary_rpc_method_handler(say)


async def serve() -> None:
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for port in HTTP_PORTS:
        await web.TCPSite(runner, "0.0.0.0", port).start()
    servers = [grpc.aio.server() for _ in GRPC_PORTS]
    for port, server in zip(GRPC_PORTS, servers, strict=True):
        server.add_generic_rpc_handlers((_Rpc(port),))
        server.add_insecure_port(f"0.0.0.0:{port}")
        await server.start()
    print("serving", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
