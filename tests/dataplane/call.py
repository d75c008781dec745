"""A gRPC client: ``python -m tests.dataplane.call ADDRESS HOST`` prints as JSON what it was told.

Run in the tests' network.  It asks again for as long as nobody is there: a proxy takes a moment to hear of a host.
"""

from __future__ import annotations

import json
import sys
import time

import grpc

from tests.patience import PATIENCE

NOBODY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNIMPLEMENTED)
"""What a connection refused, a 503 and a 404 of a proxy are to gRPC."""


def call(address: str, host: str) -> dict[str, object]:
    deadline = time.monotonic() + PATIENCE
    options = [("grpc.default_authority", host), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(address, options) as channel:
        say = channel.unary_unary("/echo/Say")
        while True:
            try:
                said = json.loads(say(b"hello", timeout=PATIENCE))
                break
            except grpc.RpcError as error:
                if error.code() not in NOBODY or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        greeting, *words = channel.stream_stream("/echo/Talk")(iter([b"one", b"two"]), timeout=PATIENCE)
        return {"say": said, "talk": [json.loads(greeting), *(word.decode() for word in words)]}


if __name__ == "__main__":
    print(json.dumps(call(sys.argv[1], sys.argv[2])))
