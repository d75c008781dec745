"""Traefik's Middleware that asks the authorization service before a request passes; an object of the door's own.

Traefik knows a Middleware by one word, ``NAMESPACE-NAME@kubernetescrd``, in which nothing tells where the namespace
ends: ``b-m`` of namespace ``a`` goes by the same word as ``m`` of ``a-b``, and one of two is lost.  Who could guess a
guard's name could put something of his own in its place.  So it is made of its service's UID, which those who may not
read the service don't know; and as plain as can be, since Traefik makes one hyphen of several, and of a dot.

Source: traefik/traefik, pkg/provider/kubernetes/crd/traefikio/v1alpha1/middleware.go (``ForwardAuth``);
pkg/provider/kubernetes/crd/kubernetes.go (``makeID``) and pkg/provider/configuration.go (``Normalize``), for the word;
pkg/middlewares/auth/forward.go (``X-Forwarded-*`` are set anew; a header of ``authResponseHeaders`` never passes from a
client; an answer other than 2xx is the client's; none is a 500).
"""

from __future__ import annotations

from hashlib import sha256

from doorward.model.auth_service import AuthService
from doorward.model.door import Door, manifest
from doorward.model.reference import JsonObject, Resource

__all__ = ["MIDDLEWARE", "middleware", "name_of", "problem", "word_of"]

MIDDLEWARE = Resource("Middleware.traefik.io", "middlewares", ("v1alpha1",))
_HEADERS = ["Authorization", "X-Api-Key"]
_DIGITS = 16


def name_of(door: Door) -> str:
    """The name of a door's guard."""
    whole = f"{door.namespace}/{door.name}/{door.uid}"
    return f"doorward-{sha256(whole.encode()).hexdigest()[:_DIGITS]}"


def word_of(door: Door) -> str:
    """By what Traefik knows it."""
    return f"{door.namespace}-{name_of(door)}@kubernetescrd"


def problem(door: Door) -> str:
    """Why Traefik would not find a guard; empty where it would."""
    if "--" in door.namespace:
        return f"Traefik finds no Middleware of namespace {door.namespace}, which has two hyphens in a row"
    return ""


def middleware(door: Door) -> JsonObject:
    """The guard of a door.  Its address names the door: whatever a request makes up, no other one's guard is asked."""
    settings = door.settings
    forward = {
        "address": f"{AuthService.of(settings).url}/door/traefik/{door.namespace}/{door.name}",
        "trustForwardHeader": False,
        "authRequestHeaders": _HEADERS,
        "authResponseHeaders": [settings.client_header],
    }
    return manifest(MIDDLEWARE.api_version(), MIDDLEWARE.name, name_of(door), {"forwardAuth": forward})
