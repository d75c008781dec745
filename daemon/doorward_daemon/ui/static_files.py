"""The files that the browser runs, read once: what isn't among them isn't there."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec
from aiohttp import web

from doorward_daemon.ui.packed import Packed, pack

__all__ = ["answer"]

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class File(msgspec.Struct, frozen=True):
    body: bytes
    type: str
    tag: str


@cache
def _packed(name: str) -> Packed:
    return pack(_all()[name].body)


@cache
def _all() -> dict[str, File]:
    return dict(_below(files("doorward_daemon.ui") / "static", ""))


def _below(folder: Traversable, path: str) -> list[tuple[str, File]]:
    found = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _below(each, f"{path}{each.name}/")
        elif type_ := TYPES.get(each.name.rpartition(".")[2]):
            body = each.read_bytes()
            found.append((path + each.name, File(body, type_, f'"{sha256(body).hexdigest()[:20]}"')))
    return found


def answer(name: str, request: web.Request) -> web.Response:
    """One of the files; 304 where the browser has it.  Raises HTTPNotFound."""
    file = _all().get(name)
    if file is None:
        raise web.HTTPNotFound(text="no such file\n")
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == file.tag:
        return web.Response(status=304, headers=headers)
    return _packed(name).answer(request, {**headers, "Content-Type": file.type})
