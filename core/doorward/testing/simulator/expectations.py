"""What stands once faults have stopped and everything has come to rest, measured by what the inputs ask for."""

from __future__ import annotations

from doorward.model.reference import CONFIG_MAP, JsonObject
from doorward.settings.configuration import parse
from doorward.state.facts import controller_of
from doorward.testing.simulator import requests
from doorward.testing.simulator.invariants import Invariants, Violation
from doorward.testing.simulator.oracle import Ask, Host, ask, is_left, is_plain
from doorward.testing.simulator.replica import Replica
from doorward.testing.simulator.world import NOBODYS_CLASS, SETTINGS, World, owner


def check(world: World, replica: Replica, invariants: Invariants) -> None:
    """Raises Violation where the cluster isn't what the inputs ask for."""
    settings_are_in_force(world, replica)
    settings = replica.engine.settings
    one_owner_per_host(world, invariants, decided=settings is not None)
    if settings is None:
        return
    asks = {uid: ask(service, settings) for uid, service in world.services().items()}
    for uid, service in world.services().items():
        meta = service["metadata"]
        if "deletionTimestamp" in meta:
            continue
        objects = world.of(uid)
        if is_left(service):
            is_left_alone(service, objects)
        elif asks[uid].state == "closed":
            is_closed(service, objects)
            if asks[uid].refused:
                says_so(service)
        elif asks[uid].state == "open" and not _blocked(world, service):
            is_open(world, service, asks, objects, invariants)
        elif asks[uid].state in ("invalid", "poisoned"):
            says_so(service)
    for obj in world.ours():
        if owner(obj) not in asks:
            raise Violation("convergence", f"{_name(obj)} of a service that is gone still stands")


def settings_are_in_force(world: World, replica: Replica) -> None:
    """Those of the ConfigMap where they are good, else some that were."""
    settings = replica.engine.settings
    if settings is not None and settings not in world.good:
        raise Violation("settings", f"these were never asked for: {settings.model_dump(exclude_defaults=True)}")
    obj = world.entry(CONFIG_MAP, *SETTINGS)
    if obj is None:
        return
    parsed = parse(obj.get("data") or {})
    if parsed.settings is not None and parsed.settings != settings:
        raise Violation("settings", "the ConfigMap isn't in force")


def one_owner_per_host(world: World, invariants: Invariants, *, decided: bool) -> None:
    """``decided``: without settings nothing is, and what a tenant forged stays."""
    seen: list[tuple[Host, JsonObject]] = []
    for obj in world.ours():
        if not decided and world.is_forged(obj):
            continue
        for host in invariants.claims(obj):
            for other, rival in seen:
                if owner(rival) != owner(obj) and requests.overlap(host, other):
                    raise Violation("owner", f"{_name(obj)} and {_name(rival)} both serve {host}")
            seen.append((host, obj))


def is_closed(service: JsonObject, objects: list[JsonObject]) -> None:
    for obj in objects:
        if requests.outside(obj):
            raise Violation("closing", f"{_name(obj)} is open though {_name(service)} is closed")


def is_left_alone(service: JsonObject, objects: list[JsonObject]) -> None:
    """Nothing is left of a door that isn't asked for any more, and nothing tells of one."""
    if objects:
        raise Violation("closing", f"{_name(objects[0])} stands though {_name(service)} asks for no door")
    if told := condition(service):
        raise Violation("convergence", f"{_name(service)} asks for no door, and says {told}")


def is_open(
    world: World, service: JsonObject, asks: dict[str, Ask], objects: list[JsonObject], invariants: Invariants
) -> None:
    uid = service["metadata"]["uid"]
    wanted, name = asks[uid], _name(service)
    granted = []
    for host in wanted.hosts:
        got = requests.reached(objects, *host)
        if got:
            granted.append(host)
            continue
        others = [u for u, a in asks.items() if u != uid and any(requests.overlap(host, h) for h in a.hosts)]
        holders = [o for o in world.ours() if owner(o) != uid and _overlaps(invariants.claims(o), host)]
        if not others and not holders and not _foreign(world, host):
            raise Violation("convergence", f"{name}: {host} isn't served; condition {condition(service)}")
        if others and not holders and not _foreign(world, host) and _all_open(world, asks, others):
            raise Violation("convergence", f"{name}: nobody serves {host}; condition {condition(service)}")
    for wanted_host, prefix in granted:
        for below, component in wanted.routes:
            path = (prefix.rstrip("/") + below.rstrip("/")) or "/"
            got = requests.reached(objects, wanted_host, path)
            expected = service["metadata"]["name"] + ("" if is_plain(service) else f"-{component}")
            if not got or got[0] != expected:
                raise Violation("convergence", f"{name}: {wanted_host}{path} reaches {got}, not {expected}")
            seen = below if prefix != "/" else path
            if got[1].rstrip("/") != seen.rstrip("/"):
                raise Violation("convergence", f"{name}: {wanted_host}{path} arrives as {got[1]}, not {seen}")
    for obj in objects:
        for host in invariants.claims(obj):
            if host not in granted:
                raise Violation("convergence", f"{name}: {_name(obj)} still serves {host}")
    told = condition(service)
    whole = len(granted) == len(wanted.hosts) and not wanted.forbidden
    if is_yielded(service):
        return
    if told.get("status") != ("True" if whole else "False"):
        raise Violation("convergence", f"{name}: granted {granted} of {wanted.hosts}, condition {told}")
    url = (service.get("status") or {}).get("url")
    if whole and wanted.url and url != wanted.url:
        raise Violation("convergence", f"{name}: status.url is {url}, not {wanted.url}")


def says_so(service: JsonObject) -> None:
    """A door that can't be as it is asked for says why."""
    told = condition(service)
    if told.get("status") not in ("False", "Unknown") and not is_yielded(service):
        raise Violation("convergence", f"{_name(service)} is invalid, and says {told}")


def _all_open(world: World, asks: dict[str, Ask], uids: list[str]) -> bool:
    services = world.services()
    return all(asks[u].state == "open" and not _blocked(world, services[u]) for u in uids)


def _blocked(world: World, service: JsonObject) -> bool:
    """Whether somebody else's object has a name that this service may need."""
    meta = service["metadata"]
    names = {meta["name"]}
    for kind, resource in world.resources.items():
        if not resource.namespaced or kind in world.backends.sources or not world.store.serves(kind):
            continue
        for name in names:
            obj = world.entry(kind, meta["namespace"], name)
            if obj is not None and obj["metadata"]["uid"] == meta["uid"]:
                continue
            ours = obj and owner(obj) == meta["uid"] and controller_of(obj["metadata"]) in ("", meta["uid"])
            if obj is not None and not ours:
                return True
    return False


def _overlaps(claims: set[Host], host: Host) -> bool:
    return any(requests.overlap(host, claim) for claim in claims)


def _foreign(world: World, host: Host) -> bool:
    kinds = [kind for kind in world.resources if world.store.serves(kind) and "." in kind]
    objects = (obj for kind in kinds for obj in world.all(kind) if not owner(obj) or world.is_squatters(obj))
    routes = (obj for obj in objects if obj["kind"] in ("Ingress", "HTTPRoute", "VirtualService"))
    strangers = (obj for obj in routes if obj["spec"].get("ingressClassName") != NOBODYS_CLASS)
    return any(host[0] == other for obj in strangers for other in _hosts(obj))


def _hosts(obj: JsonObject) -> list[str]:
    spec = obj["spec"]
    return [*spec.get("hosts", ()), *spec.get("hostnames", ()), *(r.get("host", "") for r in spec.get("rules", ()))]


def condition(service: JsonObject) -> JsonObject:
    conditions = (service.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] == "IngressReady"), {})


def is_yielded(service: JsonObject) -> bool:
    conditions = (service.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "doorward.io/DoorReady" for c in conditions)


def _name(obj: JsonObject) -> str:
    return f"{obj['kind']} {obj['metadata']['namespace']}/{obj['metadata']['name']}"
