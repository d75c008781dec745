"""Make what is installed, and take it away: nothing that somebody else made is changed or deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from doorward.backends import Backends
from doorward.cluster.protocol import ApiError, Cluster
from doorward.model.counting import counted
from doorward.model.reference import CONFIG_MAP, CORE_RESOURCES, JsonObject, Resource
from doorward.state.transform import FIELD_MANAGER as OF_DOORS

from doorward_daemon.install.manifests import INSTALLED_IN, MADE_BY, RESOURCES, manifests

__all__ = ["Foreign", "install", "uninstall"]

NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)
FIELD_MANAGER = "doorward-install"
OURS = "app.kubernetes.io/managed-by=doorward"
"""What chooses the objects of doors."""
FINALIZERS = "external.doorward.io/"

Tell = Callable[[str], None]


class Foreign(Exception):
    """Objects that were to be made stand already, and somebody else made them; the message names them."""


async def install(
    cluster: Cluster, objects: Sequence[JsonObject], namespace: str, tell: Tell, *, dry_run: bool
) -> None:
    """Make the objects, or make those that were installed before what they should be; delete what isn't asked for.

    Raises Foreign, before anything is written, where one is there that wasn't installed; ApiError.
    """
    standing = [await _standing(cluster, obj) for obj in objects]
    if foreign := [why for each in standing if each and (why := _foreign(each, namespace))]:
        raise Foreign(f"nothing was written, since {'; '.join(foreign)}")
    there = await _namespace(cluster, namespace, tell, dry_run=dry_run)
    for obj, before in zip(objects, standing, strict=True):
        await _put(cluster, obj, before, tell, dry_run=dry_run, asked=there)
    asked = {_named(obj) for obj in objects}
    for obj in reversed(_everything(namespace)):
        if _named(obj) not in asked and (before := await _standing(cluster, obj)) and not _foreign(before, namespace):
            await _delete(cluster, before, tell, dry_run=dry_run)


async def uninstall(cluster: Cluster, namespace: str, tell: Tell, *, dry_run: bool) -> None:
    """Delete what was installed, and say what stays, and why.  Raises ApiError."""
    found = 0
    for obj in reversed(_everything(namespace)):
        there = await _standing(cluster, obj)
        if there is None:
            continue
        if why := _foreign(there, namespace):
            tell(f"stays: {why}")
            continue
        found += 1
        await _delete(cluster, there, tell, dry_run=dry_run)
    if not found:
        tell(f"nothing in namespace {namespace} was made by doorward install")
    for line in await _left(cluster, namespace):
        tell(line)


def _everything(namespace: str) -> list[JsonObject]:
    """Whatever may be installed in a namespace."""
    return manifests(namespace=namespace, page=True)


async def _delete(cluster: Cluster, obj: JsonObject, tell: Tell, *, dry_run: bool) -> None:
    metadata = obj["metadata"]
    resource, namespace = RESOURCES[obj["kind"]], metadata.get("namespace", "")
    await cluster.delete(resource, namespace, metadata["name"], uid=metadata["uid"], dry_run=dry_run)
    tell(f"{_named(obj)} {'would be deleted' if dry_run else 'deleted'}")


async def _standing(cluster: Cluster, obj: JsonObject) -> JsonObject | None:
    metadata = obj["metadata"]
    try:
        return await cluster.get(RESOURCES[obj["kind"]], metadata.get("namespace", ""), metadata["name"])
    except ApiError as error:
        if error.status != 404:
            raise
        return None


def _foreign(there: JsonObject, namespace: str) -> str:
    """Why an object isn't this installation's; empty where it is."""
    labels, (key, value) = there["metadata"].get("labels") or {}, MADE_BY
    if labels.get(key) != value:
        return f"{_named(there)} wasn't made by doorward install: go on with what made it (helm, kubectl), or remove it"
    if labels.get(INSTALLED_IN) != namespace:
        other = labels.get(INSTALLED_IN)
        return f"{_named(there)} is that of namespace {other}: doorward uninstall --namespace {other} comes first"
    return ""


def _named(obj: JsonObject) -> str:
    metadata = obj["metadata"]
    return f"{obj['kind']} {'/'.join(filter(None, (metadata.get('namespace'), metadata['name'])))}"


async def _namespace(cluster: Cluster, name: str, tell: Tell, *, dry_run: bool) -> bool:
    """Have the namespace; whether the server knows it, so that it can be asked of what is in it."""
    body: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    try:
        await cluster.create(NAMESPACE, "", body, field_manager=FIELD_MANAGER, dry_run=dry_run)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        return True
    tell(f"Namespace {name} {'would be created' if dry_run else 'created'}")
    return not dry_run


async def _put(
    cluster: Cluster, obj: JsonObject, before: JsonObject | None, tell: Tell, *, dry_run: bool, asked: bool
) -> None:
    resource, metadata = RESOURCES[obj["kind"]], obj["metadata"]
    namespace = metadata.get("namespace", "")
    if before is None:
        if asked or not namespace:
            await cluster.create(resource, namespace, obj, field_manager=FIELD_MANAGER, dry_run=dry_run)
        tell(f"{_named(obj)} {'would be created' if dry_run else 'created'}")
        return
    body = {**before, **obj, "metadata": _merged(before["metadata"], metadata)}
    answer = await cluster.replace(
        resource, namespace, metadata["name"], body, field_manager=FIELD_MANAGER, dry_run=dry_run
    )
    if answer["metadata"].get("generation") == before["metadata"].get("generation") and _same(before, answer):
        tell(f"{_named(obj)} is as it should be")
    else:
        tell(f"{_named(obj)} {'would be updated' if dry_run else 'updated'}")


def _merged(before: JsonObject, wanted: JsonObject) -> JsonObject:
    """What others wrote into an object's metadata stays there."""
    merged = {key: value for key, value in before.items() if key != "managedFields"}
    for key in ("labels", "annotations"):
        if both := {**(before.get(key) or {}), **(wanted.get(key) or {})}:
            merged[key] = both
    return merged


def _same(before: JsonObject, after: JsonObject) -> bool:
    def bare(obj: JsonObject) -> JsonObject:
        metadata = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "resourceVersion")}
        return {**obj, "metadata": metadata, "status": None}

    return bare(before) == bare(after)


async def _left(cluster: Cluster, namespace: str) -> list[str]:
    """What stays, and why: a line each."""
    backends = Backends()
    written = [backends.resources[kind] for kind, watch in backends.watches.items() if watch.owned != "nothing"]
    doors = await _count(cluster, [each for each in written if each.kind not in backends.external], OURS)
    services = [source.resource for source in backends.sources.values()]
    known = [(resource, each) for resource in services for each in await _all(cluster, resource)]
    held = [each for _, each in known if _held(each)]
    reported = [(resource, each) for resource, each in known if _is_reported(each)]
    config_map = next(each for each in CORE_RESOURCES if each.kind == CONFIG_MAP)
    lines = [
        f"doors stay ({doors}), since they serve without doorward; nothing repairs or changes them any more. To close "
        f"all of a kind: kubectl delete KIND --all-namespaces --selector {OURS}"
        if doors
        else "no doors stand"
    ]
    if reported:
        resource, first = reported[0]
        where, kind = first["metadata"], f"{resource.plural}.{resource.group}".rstrip(".")
        lines.append(
            f"what doorward reported stays in the status of {counted(len(reported), 'service')} (a condition, url, "
            "address, the hosts that were written), and nobody keeps it true any more. To take it off one, once its "
            f"door is gone: kubectl --namespace {where['namespace']} edit {kind} {where['name']} --subresource status"
        )
    if held:
        names = ", ".join(sorted(f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in held))
        lines.append(
            f"services that are deleted stay until their finalizers {FINALIZERS}… are taken off, since what their "
            f"backends keep outside of the API server stands: {names}"
        )
    try:
        await cluster.get(config_map, namespace, "inferenceservice-config")
        lines.append(f"ConfigMap {namespace}/inferenceservice-config stays: the settings are yours, and OME reads them")
    except ApiError:
        pass
    lines.append(f"Namespace {namespace} stays, with whatever else is in it, such as the Lease")
    return lines


def _is_reported(service: JsonObject) -> bool:
    """Whether its status has something of doorward's, by its managedFields."""
    fields = service["metadata"].get("managedFields") or ()
    return any((each.get("manager"), each.get("subresource")) == (OF_DOORS, "status") for each in fields)


def _held(service: JsonObject) -> bool:
    return any(str(each).startswith(FINALIZERS) for each in service["metadata"].get("finalizers") or ())


async def _count(cluster: Cluster, resources: Iterable[Resource], selector: str) -> str:
    """How many of each kind there are, such as ``ingresses: 2, services: 3``."""
    counts = {each.plural: len(await _all(cluster, each, selector)) for each in resources}
    return ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items()) if count)


async def _all(cluster: Cluster, resource: Resource, selector: str = "") -> list[JsonObject]:
    """Every object of a kind; none where it isn't served."""
    version = await cluster.served(resource)
    if version is None:
        return []
    return (await cluster.list(resource, version=version, label_selector=selector)).items
