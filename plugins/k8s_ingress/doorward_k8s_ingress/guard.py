"""A door's guard on an Ingress: its controller asks the authorization service before it lets in.

    ingress-nginx   annotations, part of the object that opens the door: both come, change and go in one write
    Traefik         an annotation that names a Middleware, an object of its own that comes first and goes last; while
                    it isn't there, Traefik serves nothing of the Ingress
    Istio           the AuthorizationPolicy of the mesh's ingress gateway, which is the administrator's
    others          nothing

The address that is asked names the door, so that no other one's guard is ever asked, whatever host and path a request
makes up; Istio's, which is one for all doors, tells the host.

Source: kubernetes/ingress-nginx, internal/ingress/annotations/authreq/main.go (keys), its template nginx.tmpl
(``auth_request``; every header of ``auth-response-headers`` is set anew, so that a client's own never passes; an answer
other than 2xx, 401 and 403, and none at all, is a 500), internal/ingress/controller/config/config.go
(``NoAuthLocations``); traefik/traefik, pkg/provider/kubernetes/ingress/annotations.go (``router.middlewares``) and
pkg/server/middleware/middlewares.go (``BuildMiddlewareChain``: "does not exist"); istio/istio,
pilot/pkg/config/kube/ingress/gateways.go (``getIngressGatewaySelector``); projectcontour/contour,
internal/envoy/v3/listener.go (``FilterExternalAuthz``).
"""

from __future__ import annotations

from doorward.hooks import Read
from doorward.model import authorization_policy, forward_auth
from doorward.model.auth_service import AuthService
from doorward.model.door import Door
from doorward.model.reference import JsonObject

from doorward_k8s_ingress.controllers import Controller

NGINX, TRAEFIK, CONTOUR = "ingress-nginx", "traefik", "contour"
_PREFIX = "nginx.ingress.kubernetes.io/"
_UNDOING = (f"{_PREFIX}auth-", f"{_PREFIX}satisfy", f"{_PREFIX}enable-global-auth")
_SNIPPET = "snippet"
_EXEMPT = "/.well-known"
_MIDDLEWARES = "traefik.ingress.kubernetes.io/router.middlewares"


def asking(door: Door, controller: Controller) -> dict[str, str]:
    """Annotations that put the guard up; nothing for a door that is open to everybody."""
    if door.guard is None or controller.gateway:
        return {}
    if controller.name == TRAEFIK:
        return {_MIDDLEWARES: forward_auth.word_of(door)}
    settings = door.settings
    return {
        f"{_PREFIX}auth-url": f"{AuthService.of(settings).url}/door/nginx/{door.namespace}/{door.name}",
        f"{_PREFIX}auth-response-headers": settings.client_header,
    }


def beside(door: Door, controller: Controller) -> list[JsonObject]:
    """The objects that the guard is made of."""
    return [forward_auth.middleware(door)] if door.guard and controller.name == TRAEFIK else []


def undoes(key: str) -> bool:
    """Whether an annotation that setting passAnnotations lets pass could take the guard away, or feed it."""
    return key.startswith(_UNDOING) or (key.startswith(_PREFIX) and _SNIPPET in key)


def problem(door: Door, controller: Controller, read: Read, *, known: bool) -> str:
    """Why a door's guard can't be put up; empty where it can.  ``known``: its IngressClass tells the controller."""
    if controller.gateway:
        return _policy_problem(door, controller, read)
    if controller.name not in (NGINX, TRAEFIK):
        return _nobody_asks(door, controller)
    if not known:
        return f"there is no IngressClass {door.ingress_class} that tells its controller; create it"
    if controller.name == TRAEFIK:
        return forward_auth.problem(door)
    if door.path and door.path.prefix.startswith(_EXEMPT):
        return f"{NGINX} asks for no key below {_EXEMPT}; choose another path"
    return ""


def _nobody_asks(door: Door, controller: Controller) -> str:
    name = f"{controller.name}, the controller of class" if controller.name else "the unknown controller of class"
    why = f"{name} {door.ingress_class}, isn't one that doorward can have ask for a key"
    if controller.name == CONTOUR:
        why += (
            ": its external authorization is set by the administrator, for all hosts or in an HTTPProxy, never by an "
            "Ingress, and speaks gRPC"
        )
    return f"{why}; {NGINX}, {TRAEFIK} and istio are"


def _policy_problem(door: Door, controller: Controller, read: Read) -> str:
    """Why the gateway that serves Ingresses can't be relied on to ask."""
    named = door.settings.auth_policy
    if not named:
        return f"no AuthorizationPolicy of the gateway of class {door.ingress_class} is known; name it in authPolicy"
    ref = authorization_policy.ref_of(named)
    policy = read(ref)
    if policy is None:
        return f"there is no {ref}, which setting authPolicy names"
    if why := authorization_policy.problem(policy, door.outside_hosts):
        return f"{ref} doesn't guard the gateway of class {door.ingress_class}: {why}"
    if not authorization_policy.selects(policy, controller.gateway):
        labels = ",".join(f"{key}={value}" for key, value in controller.gateway.items())
        return f"{ref} isn't for the pods of the gateway of class {door.ingress_class} ({labels})"
    return ""
