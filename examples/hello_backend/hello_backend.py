"""A doorward backend for an imaginary gateway that takes its routes from objects of kind HelloRoute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doorward import JsonObject, Ref, Resource
from doorward.hooks import Door, Read, Rendering, Settings, Standing, Watch, hookimpl, manifest

HELLO_ROUTE = Resource("HelloRoute.hello.example.com", "helloroutes")
WRITTEN = ("list", "watch", "create", "patch", "delete")


@hookimpl
def watches() -> Sequence[Watch]:
    return (Watch(resource=HELLO_ROUTE, verbs=WRITTEN, owned="spec", hosts=("hosts",)),)


@hookimpl
def select(door: Door, settings: Settings) -> str | None:
    return "hello" if door.ingress_class == "hello" else None


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    if door.backend != "hello":
        return None
    if door.serverless:
        return Rendering(refused="Hello doesn't know Knative; use RawDeployment")
    if not door.all_hosts:
        return Rendering(path=False)
    routes = []
    for route in door.routes:
        target = door.target(route.component)
        routes.append({"prefix": route.prefix, "service": target.service, "port": target.port})
    spec = {"hosts": list(door.all_hosts), "routes": routes}
    return Rendering(objects=(manifest(HELLO_ROUTE.api_version(), HELLO_ROUTE.name, door.name, spec),), path=False)


@hookimpl
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
    if any(route.get("status", {}).get("greeted") for route in observed.values()):
        return Standing()
    return Standing(state="pending", message="the gateway hasn't taken the route yet")
