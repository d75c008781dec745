"""A doorward backend for something that isn't Kubernetes: the records of a DNS zone, which lead to one gateway."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from doorward import JsonObject, Ref, Resource
from doorward.hooks import Action, ApiError, Door, Read, Rendering, Settings, Watch, hookimpl, manifest, merge

RECORDS = Resource("Records.dns.example.com", "records")
GATEWAY = "gateway.example.net"


class Zone:
    """Stands for the client of a DNS provider: objects as they were written, and a serial."""

    def __init__(self) -> None:
        self.serial = 0
        self.objects: dict[Ref, JsonObject] = {}

    async def read(self, ref: Ref) -> JsonObject | None:
        return self.objects.get(ref)

    async def read_all(self) -> list[JsonObject]:
        return list(self.objects.values())

    async def write(self, ref: Ref, obj: JsonObject | None) -> None:
        self.serial += 1
        if obj is None:
            del self.objects[ref]
        else:
            self.objects[ref] = merge(obj, {"metadata": {"resourceVersion": str(self.serial)}})


ZONE = Zone()


@hookimpl
def watches() -> Sequence[Watch]:
    return (Watch(resource=RECORDS, owned="spec", hosts=("hosts",), external=True),)


@hookimpl
def select(door: Door, settings: Settings) -> str | None:
    return "dns" if door.ingress_class == "dns" else None


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    if door.backend != "dns":
        return None
    if not door.all_hosts:
        return Rendering(path=False)
    spec = {"hosts": list(door.all_hosts), "target": GATEWAY}
    return Rendering(objects=(manifest(RECORDS.api_version(), RECORDS.name, door.name, spec),), path=False)


@hookimpl
async def observe(kind: str) -> Sequence[JsonObject]:
    return await ZONE.read_all()


@hookimpl
async def apply(action: Action) -> JsonObject | None:
    ref, body = action.ref, action.body
    stands = await ZONE.read(ref)
    if action.verb == "create":
        if stands:
            raise ApiError(409, "AlreadyExists", f"{ref} is there already")
        await ZONE.write(ref, merge(body, {"metadata": {"uid": str(uuid4())}}))
    elif action.verb in ("patch", "delete"):
        if stands is None:
            raise ApiError(404, "NotFound", f"{ref} isn't there")
        met = stands["metadata"]["uid"], stands["metadata"]["resourceVersion"]
        if met != (action.uid, action.resource_version):
            raise ApiError(409, "Conflict", f"{ref} has changed")
        await ZONE.write(ref, merge(stands, body) if action.verb == "patch" else None)
    return await ZONE.read(ref)
