"""A door as Ingresses: one for its hosts, one for its path.

RawDeployment and MultiNode lead to the component Services.  Serverless leads to Service DOOR, and so to Knative's local
gateway, with host and path as they came: the VirtualService that accompanies the door takes them on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from doorward.model.certificates import expired
from doorward.model.door import Door, PathDoor, Rendering, Route, Warning, manifest
from doorward.model.quoting import short
from doorward.model.reference import SERVICE, JsonObject, Ref, Resource

from doorward_k8s_ingress import naming, rewriting, tls
from doorward_k8s_ingress.annotations import carried
from doorward_k8s_ingress.controllers import ISSUERS_ASKING, Controller, of_class
from doorward_k8s_ingress.naming import INGRESS, KIND

INGRESS_CLASS = Resource("IngressClass.networking.k8s.io", "ingressclasses", namespaced=False)

NGINX = "ingress-nginx"


def supports(door: Door) -> str | None:
    """Serverless passes through Service DOOR and the VirtualService: both have to be there."""
    if not door.serverless:
        return None
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
    return None


def needs(door: Door) -> Sequence[Ref]:
    """Its own Ingresses under both of their names, its class, a Service DOOR that is somebody's, and backends.

    Backends only for a class that can't lead to Services of every type.
    """
    refs = [door.ref(KIND, name) for name in naming.main_names(door)]
    if door.path:
        refs += (door.ref(KIND, name) for name in naming.path_names(door, door.path.prefix))
    if door.ingress_class:
        refs.append(_class_ref(door))
    refs += tls.certificates(door, _first_names(door))
    if door.serverless and door.in_cluster == "tied":
        refs.append(door.service_ref)
    elif not door.serverless and of_class(door.ingress_class, None).backends:
        refs += _component_refs(door)
    return refs


def _first_names(door: Door) -> list[str]:
    """The names after which cert-manager's Secrets are called, of a door's Ingresses."""
    path = [naming.path_names(door, door.path.prefix)[0]] if door.path else []
    return [naming.main_names(door)[0], *path]


def _class_ref(door: Door) -> Ref:
    return Ref(INGRESS_CLASS.kind, "", door.ingress_class)


def render(door: Door, needed: Mapping[Ref, JsonObject]) -> Rendering:
    """The Ingresses of a door; nothing where :func:`supports` has a reason against it."""
    if supports(door):
        return Rendering()
    ingress_class = needed.get(_class_ref(door))
    controller = of_class(door.ingress_class, ingress_class["spec"].get("controller", "") if ingress_class else None)
    common, issuers, warnings = carried(door, controller)
    if controller.by_annotation:
        common[naming.CLASS_ANNOTATION] = door.ingress_class
    warnings += _unreachable(door, controller, needed)
    given = tls.given_secret(door)
    objects = []
    if hosts := door.all_hosts:
        candidates = naming.main_names(door)
        name = naming.choose(door, candidates, needed)
        asking = {} if naming.sibling_has(door, candidates, name, ISSUERS_ASKING, needed) else issuers
        secret, no_certificate = tls.secret(
            door, given or tls.issued_secret(door, candidates[0], {**common, **issuers})
        )
        warnings += no_certificate
        objects.append(_ingress(door, controller, name, {**common, **asking}, hosts, secret, _paths(door, needed)))
    opened = True
    if door.path:
        opened, told = _can_open_path(door, door.path, controller)
        warnings += told
    if door.path and opened:
        candidates = naming.path_names(door, door.path.prefix)
        name = naming.choose(door, candidates, needed)
        # Two Ingresses that ask for one Secret would take turns to write it.
        spent = bool(given and objects) or naming.sibling_has(door, candidates, name, ISSUERS_ASKING, needed)
        secret, no_certificate = tls.secret(
            door, given or tls.issued_secret(door, candidates[0], {**common, **issuers})
        )
        if not objects:
            warnings += no_certificate
        hosts = tuple(dict.fromkeys((door.path.host, *door.leaving_path_hosts)))
        own = {**common, **({} if spent else issuers), **({} if door.serverless else rewriting.ANNOTATIONS)}
        objects.append(_ingress(door, controller, name, own, hosts, secret, _path_paths(door, door.path, needed)))
    secrets = {entry["secretName"] for each in objects for entry in each["spec"].get("tls", ())}
    serving = (ref for ref in tls.certificates(door, _first_names(door)) if ref.name in secrets)
    return Rendering(objects=tuple(objects), warnings=(*warnings, *expired(serving, needed)), path=opened)


def _can_open_path(door: Door, path: PathDoor, controller: Controller) -> tuple[bool, tuple[Warning, ...]]:
    if controller.paths and not controller.paths.fullmatch(path.prefix):
        message = f"{controller.name} takes paths of letters, digits, '.', '_', '-' and '/' only: {short(path.prefix)}"
    elif door.serverless:
        return True, ()
    elif controller.name == NGINX:
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


def _unreachable(door: Door, controller: Controller, needed: Mapping[Ref, JsonObject]) -> tuple[Warning, ...]:
    """A warning where the controller can't lead to a Service of the type that one of the backends has."""
    if not controller.backends:
        return ()
    refused = []
    for ref in [door.service_ref] if door.serverless else _component_refs(door):
        type_ = _type(door, needed.get(ref), controller)
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


def _paths(door: Door, needed: Mapping[Ref, JsonObject]) -> list[_Path]:
    if door.serverless:
        return [_Path("/", "Prefix", door.door_service, _door_port(door, needed))]
    return [_Path(route.prefix, "Prefix", *_backend(door, route)) for route in door.routes]


def _path_paths(door: Door, path: PathDoor, needed: Mapping[Ref, JsonObject]) -> list[_Path]:
    if door.serverless:
        return [_Path(path.prefix, "Prefix", door.door_service, _door_port(door, needed))]
    return [
        _Path(rewriting.pattern(path.prefix, route.prefix), "ImplementationSpecific", *_backend(door, route))
        for route in door.routes
    ]


def _backend(door: Door, route: Route) -> tuple[str, int]:
    target = door.target(route.component)
    return target.service, target.port


def _door_port(door: Door, needed: Mapping[Ref, JsonObject]) -> int:
    """80 on our Service DOOR; on one that is tied, its port named ``http``, else its first."""
    ports = needed.get(door.service_ref, {}).get("spec", {}).get("ports") if door.in_cluster == "tied" else None
    if not ports:
        return 80
    return int(next((port for port in ports if port.get("name") == "http"), ports[0])["port"])
