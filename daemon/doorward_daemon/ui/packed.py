"""Answers that are packed once for everybody who asks, and not anew for each."""

from __future__ import annotations

import zlib

import msgspec
from aiohttp import web

__all__ = ["Packed", "pack"]

LEVEL = 6
"""Of what is packed for one version of the list: a higher one takes longer than it saves."""


class Packed(msgspec.Struct, frozen=True):
    """What an answer says, as it is and as gzip."""

    body: bytes
    packed: bytes

    def answer(self, request: web.Request, headers: dict[str, str]) -> web.Response:
        """As gzip, to whom that takes."""
        takes = "gzip" in request.headers.get("Accept-Encoding", "")
        headers = {**headers, "Vary": "Accept-Encoding", **({"Content-Encoding": "gzip"} if takes else {})}
        return web.Response(body=self.packed if takes else self.body, headers=headers)


def pack(body: bytes, level: int = LEVEL) -> Packed:
    packer = zlib.compressobj(level, wbits=zlib.MAX_WBITS | 16)
    return Packed(body, packer.compress(body) + packer.flush())
