"""A doorward backend for a proxy outside of Kubernetes, which reads its routes from a file.

The file, ``$DOORWARD_ROUTES_FILE``, is JSON: a list of objects, each with a ``spec`` of ``hosts`` and ``routes``, of
which the first whose ``prefix`` holds the path (whole segments) has its way.  It is replaced as a whole, so that nobody
ever reads half of it.  People may edit it: what differs is seen within half a minute, and put right.  Since an edit by
hand counts nothing up, objects have no ``resourceVersion``, and go by their ``uid`` alone (``hooks.observe``).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from uuid import uuid4

from doorward import JsonObject, Ref, Resource, ref_of
from doorward.hooks import Action, ApiError, Door, Read, Rendering, Watch, hookimpl, manifest, merge

ROUTES = Resource("Routes.file.example.com", "routes")
WRITING = Lock()


@hookimpl
def watches() -> Sequence[Watch]:
    return (Watch(resource=ROUTES, owned="spec", hosts=("hosts",), external=True),)


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    if door.backend != "file":
        return None
    if door.serverless:
        return Rendering(refused="file doesn't serve mode Serverless; choose ome.io/deployment-mode: RawDeployment")
    if not door.all_hosts:
        return Rendering(path=False)
    routes = []
    for route in door.routes:
        target = door.target(route.component)
        address = f"http://{target.service}.{door.namespace}.svc.{door.settings.cluster_domain}:{target.port}"
        routes.append({"prefix": route.prefix, "to": address, "seconds": target.timeout})
    spec = {"hosts": list(door.all_hosts), "routes": routes}
    return Rendering(objects=(manifest(ROUTES.api_version(), ROUTES.name, door.name, spec),), path=False)


@hookimpl
async def observe(kind: str) -> Sequence[JsonObject]:
    return list((await asyncio.to_thread(_read)).values())


@hookimpl
async def apply(action: Action) -> JsonObject | None:
    return await asyncio.to_thread(_apply, action)


def _apply(action: Action) -> JsonObject | None:
    ref, body = action.ref, action.body
    with WRITING:
        kept = _read()
        stands = kept.get(ref)
        if action.verb == "create":
            if stands:
                raise ApiError(409, "AlreadyExists", f"{ref} is there already")
            kept[ref] = merge(body, {"metadata": {"uid": str(uuid4())}})
        elif action.verb in ("patch", "delete"):
            if stands is None:
                raise ApiError(404, "NotFound", f"{ref} isn't there")
            if stands["metadata"]["uid"] != action.uid:
                raise ApiError(409, "Conflict", f"{ref} is another one by now")
            kept[ref] = merge(merge(stands, body), {"metadata": {"resourceVersion": None}})
            if action.verb == "delete":
                del kept[ref]
        if action.verb != "verify":
            _write(kept)
        return kept.get(ref)


def _file() -> Path:
    return Path(os.environ["DOORWARD_ROUTES_FILE"])


def _read() -> dict[Ref, JsonObject]:
    """Raises where the file can't be read, or isn't JSON: then nobody knows what stands, and nothing is written."""
    text = _file().read_text() if _file().exists() else "[]"
    return {ref_of(obj): obj for obj in json.loads(text)}


def _write(kept: dict[Ref, JsonObject]) -> None:
    new = _file().with_suffix(".new")
    new.write_text(json.dumps(list(kept.values()), indent=1))
    new.replace(_file())
