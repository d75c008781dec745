"""A backend that takes every RawDeployment door, for those who try it on a journal."""

from doorward.hooks import Door, Rendering, hookimpl, manifest


@hookimpl
def select(door: Door) -> str | None:
    return "pigeons" if door.mode == "RawDeployment" and door.ingress else None


@hookimpl
def render(door: Door) -> Rendering | None:
    if door.backend != "pigeons":
        return None
    rules = [{"host": f"pigeon.{host}"} for host in door.all_hosts]
    return Rendering(objects=(manifest("networking.k8s.io/v1", "Ingress", door.name, {"rules": rules}),))
