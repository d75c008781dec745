"""A door as Ingresses: one for its hosts, one for its path.

RawDeployment and MultiNode lead to the component Services.  Serverless leads to Service DOOR, and so to Knative's local
gateway, with host and path as they came: the VirtualService that accompanies the door takes them on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from doorward.hooks import Read
from doorward.model.certificates import expired
from doorward.model.door import Door, PathDoor, Rendering, Route, Warning, manifest
from doorward.model.quoting import short
from doorward.model.reference import SERVICE, JsonObject, Ref, Resource

from doorward_k8s_ingress import guard, naming, rewriting, tls
from doorward_k8s_ingress.annotations import carried
from doorward_k8s_ingress.controllers import ISSUERS_ASKING, Controller, of_class
from doorward_k8s_ingress.naming import INGRESS

INGRESS_CLASS = Resource("IngressClass.networking.k8s.io", "ingressclasses", namespaced=False)


def refused(door: Door) -> str:
    """Why a door can't be opened by Ingresses; empty where it can.

    Serverless passes through Service DOOR and the VirtualService: both have to be there.
    """
    if not door.serverless:
        return ""
    if not door.virtual_services or door.in_cluster == "none":
        return (
            "an Ingress can't reach a Serverless service while VirtualServices are disabled for it (annotation "
            "ome.io/ingress-disable-istio-virtualhost, or setting disableIstioVirtualHost)"
        )
    if door.in_cluster == "conflict":
        return (
            f"an Ingress reaches a Serverless service through Service {door.namespace}/{door.door_service}, and that "
            "one belongs to somebody else; remove it, or choose another name with setting doorService"
        )
    return ""


def _first_names(door: Door) -> list[str]:
    """The names after which cert-manager's Secrets are called, of a door's Ingresses."""
    path = [naming.path_names(door, door.path.prefix)[0]] if door.path else []
    return [naming.main_names(door)[0], *path]


def _class_ref(door: Door) -> Ref:
    return Ref(INGRESS_CLASS.kind, "", door.ingress_class)


def render(door: Door, read: Read) -> Rendering:
    """The Ingresses of a door, or :func:`refused`."""
    if why := refused(door):
        return Rendering(refused=why)
    ingress_class = read(_class_ref(door)) if door.ingress_class else None
    controller = of_class(door.ingress_class, ingress_class["spec"].get("controller", "") if ingress_class else None)
    common, issuers, warnings = carried(door, controller)
    if door.guard:
        if why := guard.problem(door, controller, read, known=ingress_class is not None):
            return Rendering(unguarded=why)
        common = {key: value for key, value in common.items() if not guard.undoes(key)} | guard.asking(door, controller)
    if controller.by_annotation:
        common[naming.CLASS_ANNOTATION] = door.ingress_class
    warnings += _unreachable(door, controller, read)
    given = tls.given_secret(door)
    objects = []
    if hosts := door.all_hosts:
        candidates = naming.main_names(door)
        name = naming.choose(door, candidates, read)
        asking = {} if naming.sibling_has(door, candidates, name, ISSUERS_ASKING, read) else issuers
        secret, no_certificate = tls.secret(
            door, given or tls.issued_secret(door, candidates[0], {**common, **issuers})
        )
        warnings += (*no_certificate, *tls.astray(door, secret, controller))
        objects.append(_ingress(door, controller, name, {**common, **asking}, hosts, secret, _paths(door, read)))
    opened = True
    if door.path:
        opened, told = _can_open_path(door, door.path, controller)
        warnings += told
    if door.path and opened:
        candidates = naming.path_names(door, door.path.prefix)
        name = naming.choose(door, candidates, read)
        # Two Ingresses that ask for one Secret would take turns to write it.
        spent = bool(given and objects) or naming.sibling_has(door, candidates, name, ISSUERS_ASKING, read)
        secret, no_certificate = tls.secret(
            door, given or tls.issued_secret(door, candidates[0], {**common, **issuers})
        )
        if not objects:
            warnings += (*no_certificate, *tls.astray(door, secret, controller))
        own = {**common, **({} if spent else issuers), **({} if door.serverless else rewriting.ANNOTATIONS)}
        objects.append(
            _ingress(door, controller, name, own, door.path_hosts, secret, _path_paths(door, door.path, read))
        )
    secrets = {entry["secretName"] for each in objects for entry in each["spec"].get("tls", ())}
    serving = (ref for ref in tls.certificates(door, _first_names(door), controller) if ref.name in secrets)
    told = (*warnings, *expired(serving, read))
    if objects:
        objects += guard.beside(door, controller)
    return Rendering(objects=tuple(objects), warnings=told, path=opened, guarded=door.guard is not None)


def _can_open_path(door: Door, path: PathDoor, controller: Controller) -> tuple[bool, tuple[Warning, ...]]:
    if controller.paths and not controller.paths.fullmatch(path.prefix):
        message = f"{controller.name} takes paths of letters, digits, '.', '_', '-' and '/' only: {short(path.prefix)}"
    elif door.serverless:
        return True, ()
    elif controller.name == guard.NGINX:
        message = (
            f"{controller.name} now reads every path of host {path.host} as a regular expression, whoever's Ingress it "
            f"is in: a path door in mode {door.mode} needs a rewrite"
        )
        return True, (Warning("RegexHost", message),)
    else:
        message = (
            f"a path door in mode {door.mode} needs a rewrite of {short(path.prefix)}, and ingress-nginx (class nginx) "
            f"alone is known to have one; class {short(door.ingress_class)} serves the hosts only"
        )
    return False, (Warning("PathTemplateUnsupported", message),)


def _component_refs(door: Door) -> list[Ref]:
    return [door.ref(SERVICE, name) for name in dict.fromkeys(door.target(r.component).service for r in door.routes)]


def _component(door: Door, ref: Ref, read: Read) -> JsonObject | None:
    """A Service that the Ingress leads to; Service DOOR only where it is somebody's, since ours is as it is."""
    return read(ref) if not door.serverless or door.in_cluster == "tied" else None


def _unreachable(door: Door, controller: Controller, read: Read) -> tuple[Warning, ...]:
    """A warning where the controller can't lead to a Service of the type that one of the backends has."""
    if not controller.backends:
        return ()
    refused = []
    for ref in [door.service_ref] if door.serverless else _component_refs(door):
        type_ = _type(door, _component(door, ref, read), controller)
        if type_ and type_ not in controller.backends:
            refused.append(f"{ref.name} ({type_})")
    if not refused:
        return ()
    fits = f"type {' or '.join(sorted(controller.backends))}"
    fits += f", or with annotation {controller.groups}" if controller.groups else ""
    message = f"class {door.ingress_class} can't lead to Service {', '.join(refused)}, only to Services of {fits}: " + (
        "choose another class" if door.serverless else "change the Service, or choose another class"
    )
    return (Warning("BackendUnreachable", message),)


def _type(door: Door, service: JsonObject | None, controller: Controller) -> str:
    """The type of a backend; empty for one that isn't known yet, or fits whatever its type."""
    if service is None:
        return "ExternalName" if door.serverless else ""
    type_ = str(service["spec"].get("type", "ClusterIP"))
    grouped = type_ == "ClusterIP" and controller.groups in (service["metadata"].get("annotations") or {})
    return "" if grouped else type_


def _ingress(
    door: Door,
    controller: Controller,
    name: str,
    annotations: dict[str, str],
    hosts: Sequence[str],
    secret: str,
    paths: list[_Path],
) -> JsonObject:
    named = door.ingress_class and not controller.by_annotation
    spec: JsonObject = {"ingressClassName": door.ingress_class} if named else {}
    spec["rules"] = [{"host": host, "http": {"paths": [path.rendered() for path in paths]}} for host in hosts]
    if controller.upgrading:
        annotations = {controller.upgrading: ",".join(path.path for path in paths), **annotations}
    if secret:
        spec["tls"] = [{"hosts": list(hosts), "secretName": secret}]
        annotations = {**annotations, **dict(controller.redirect)}
    return manifest(INGRESS.api_version(), INGRESS.name, name, spec, annotations=annotations)


class _Path(NamedTuple):
    path: str
    type: str
    service: str
    port: int

    def rendered(self) -> JsonObject:
        backend = {"service": {"name": self.service, "port": {"number": self.port}}}
        return {"path": self.path, "pathType": self.type, "backend": backend}


def _paths(door: Door, read: Read) -> list[_Path]:
    if door.serverless:
        return [_Path("/", "Prefix", door.door_service, _door_port(door, read))]
    return [_Path(route.prefix, "Prefix", *_backend(door, route)) for route in door.routes]


def _path_paths(door: Door, path: PathDoor, read: Read) -> list[_Path]:
    if door.serverless:
        return [_Path(path.prefix, "Prefix", door.door_service, _door_port(door, read))]
    return [
        _Path(rewriting.pattern(path.prefix, route.prefix), "ImplementationSpecific", *_backend(door, route))
        for route in door.routes
    ]


def _backend(door: Door, route: Route) -> tuple[str, int]:
    target = door.target(route.component)
    return target.service, target.port


def _door_port(door: Door, read: Read) -> int:
    """80 on our Service DOOR; on one that is tied, its port named ``http``, else its first."""
    ports = (read(door.service_ref) or {}).get("spec", {}).get("ports") if door.in_cluster == "tied" else None
    if not ports:
        return 80
    return int(next((port for port in ports if port.get("name") == "http"), ports[0])["port"])
