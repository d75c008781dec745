"""A door's guard as annotations of its Ingresses: the controller asks the authorization service before it lets in.

The annotations are part of the object that opens the door, so that guard and door come, change and go in one write.
The address names the door, so that no other one's guard is ever asked, whatever host and path a request makes up.

Source: kubernetes/ingress-nginx, internal/ingress/annotations/authreq/main.go (keys), its template nginx.tmpl
(``auth_request``; every header of ``auth-response-headers`` is set anew, so that a client's own never passes; an answer
other than 2xx, 401 and 403, and none at all, is a 500), internal/ingress/controller/config/config.go
(``NoAuthLocations``).
"""

from __future__ import annotations

from doorward.model.door import Door

from doorward_k8s_ingress.controllers import Controller

NGINX = "ingress-nginx"
_PREFIX = "nginx.ingress.kubernetes.io/"
_UNDOING = (f"{_PREFIX}auth-", f"{_PREFIX}satisfy", f"{_PREFIX}enable-global-auth")
_SNIPPET = "snippet"
_EXEMPT = "/.well-known"


def asking(door: Door) -> dict[str, str]:
    """What puts the guard up; nothing for a door that is open to everybody."""
    if door.guard is None:
        return {}
    settings = door.settings
    where, _, port = settings.auth_service.partition(":")
    namespace, _, service = where.partition("/")
    address = f"http://{service}.{namespace}.svc.{settings.cluster_domain}:{port}"
    return {
        f"{_PREFIX}auth-url": f"{address}/door/nginx/{door.namespace}/{door.name}",
        f"{_PREFIX}auth-response-headers": settings.client_header,
    }


def undoes(key: str) -> bool:
    """Whether an annotation that setting passAnnotations lets pass could take the guard away, or feed it."""
    return key.startswith(_UNDOING) or (key.startswith(_PREFIX) and _SNIPPET in key)


def problem(door: Door, controller: Controller, *, known: bool) -> str:
    """Why a door's guard can't be put up; empty where it can.  ``known``: its IngressClass tells the controller."""
    if controller.name != NGINX:
        name = f"{controller.name}, the controller of class" if controller.name else "the unknown controller of class"
        return f"{name} {door.ingress_class}, isn't one that doorward can have ask for a key; {NGINX} is"
    if not known:
        return f"there is no IngressClass {door.ingress_class} that tells its controller; create it"
    if door.path and door.path.prefix.startswith(_EXEMPT):
        return f"{NGINX} asks for no key below {_EXEMPT}; choose another path"
    return ""
