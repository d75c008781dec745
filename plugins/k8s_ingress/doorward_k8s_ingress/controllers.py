"""What is known of ingress controllers; the data and its sources are in ``controllers.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files

import msgspec
from doorward.model.annotations import Form, forms
from doorward.model.reference import JsonObject

__all__ = ["GUARDED", "ISSUERS", "ISSUERS_ASKING", "ON_SERVICES", "PREFIXES", "Controller", "of_class"]

_DATA: JsonObject = tomllib.loads(files(__package__).joinpath("controllers.toml").read_text("utf-8"))
_FORMS = forms(_DATA["forms"])


class Controller(msgspec.Struct, frozen=True, kw_only=True):
    """One ingress controller, with whole annotation keys.  An unknown one has no keys at all."""

    name: str
    passed: Mapping[str, Form] = {}
    lifted: tuple[tuple[str, str], ...] = ()
    timeouts: tuple[str, ...] = ()
    timeout: str = "{}"
    unlimited: str = ""
    paths: re.Pattern[str] | None = None
    """What ``Prefix`` paths may look like; None: anything."""
    by_annotation: bool = False
    """Whether an Ingress names its class by the annotation of old alone."""
    backends: frozenset[str] = frozenset()
    """The types of Services that it can lead to; empty: all of them."""
    groups: str = ""
    """Annotation of a Service that makes it fit, whatever its type (but ExternalName)."""
    speaks: Mapping[str, Mapping[str, str]] = {}
    """Annotations by which it speaks a protocol to all Services of an Ingress, by protocol."""
    speaking: str = ""
    """Annotation that lists the Services to which it speaks gRPC."""
    by_service: str = ""
    """What on a Service makes it speak HTTP/2, in words for people; empty where an Ingress can, or nothing is known."""
    reads: frozenset[str] = frozenset()
    """Values of ``appProtocol`` by which it speaks HTTP/2 by itself."""
    upgrading: str = ""
    """Annotation that lists the paths at which WebSockets are let through; empty where they are anyway, or never."""
    headers: tuple[tuple[str, str], ...] = ()
    """Annotations that set headers, with ``{name}`` and ``{namespace}`` for those of the service."""
    redirect: tuple[tuple[str, str], ...] = ()
    """Annotations that redirect from plain HTTP where there is TLS; none where it does so by itself."""
    gateway: Mapping[str, str] = {}
    """Labels of the pods of the Istio gateway that serves it."""
    secrets: str = ""
    """The namespace in which it reads the Secrets of TLS; empty: that of the Ingress."""

    def defaults(self, seconds: int | None) -> dict[str, str]:
        """Annotations that lift the controller's own limits; an answer may take ``seconds``, or as long as it likes."""
        limit = self.timeout.format(seconds) if seconds else self.unlimited
        return {**dict(self.lifted), **dict.fromkeys(self.timeouts, limit)}


def _controller(data: JsonObject) -> Controller:
    prefix = data["prefixes"][0] if data["prefixes"] else ""
    return Controller(
        name=data["name"],
        passed={prefix + key: _FORMS[form] for key, form in data["passed"].items()},
        lifted=tuple((prefix + key, value) for key, value in data.get("lifted", {}).items()),
        timeouts=tuple(prefix + key for key in data.get("timeouts", ())),
        timeout=data.get("timeout", "{}"),
        unlimited=data.get("unlimited", ""),
        paths=re.compile(data["paths"]) if "paths" in data else None,
        by_annotation=data.get("class_by") == "annotation",
        backends=frozenset(data.get("backends", ())),
        groups=data.get("groups", ""),
        speaks={
            protocol: {prefix + key: value for key, value in keys.items()}
            for protocol, keys in data.get("speaks", {}).items()
        },
        speaking=prefix + data["speaking"] if "speaking" in data else "",
        by_service=data.get("by_service", ""),
        reads=frozenset(data.get("reads", ())),
        upgrading=prefix + data["upgrading"] if "upgrading" in data else "",
        headers=tuple((prefix + key, value) for key, value in data.get("headers", {}).items()),
        redirect=tuple(data.get("redirect", {}).items()),
        gateway=data.get("gateway", {}),
        secrets=data.get("secrets", ""),
    )


_KNOWN = tuple((data["controllers"], data["classes"], _controller(data)) for data in _DATA["controller"])
_UNKNOWN = Controller(name="")

ISSUERS: Mapping[str, Form] = {key: _FORMS[form] for key, form in _DATA["issuers"]["passed"].items()}
"""Keys by which cert-manager issues a certificate for an Ingress."""
ISSUERS_ASKING: tuple[str, ...] = tuple(_DATA["issuers"]["asking"])
"""Those of them that ask for one."""

_OF_CONTROLLERS = [prefix for data in _DATA["controller"] for prefix in data["prefixes"]]
ON_SERVICES: Mapping[str, str] = {
    data["prefixes"][0] + key: data["name"] for data in _DATA["controller"] for key in data.get("on_services", ())
}
"""Beginnings of keys that a controller, whose name is the value, reads on Services alone."""
PREFIXES: tuple[str, ...] = (*_OF_CONTROLLERS, *_DATA["issuers"]["prefixes"], *_DATA["others"]["prefixes"])
"""Of keys that somebody who reads Ingresses understands."""
GUARDED: tuple[str, ...] = (*_OF_CONTROLLERS, *_DATA["others"]["guarded"])
"""Of keys that could move traffic, or have certificates issued, and that no controller writes by itself."""


@lru_cache(maxsize=256)
def of_class(name: str, controller: str | None) -> Controller:
    """The controller of a class: by its IngressClass's ``spec.controller``, by its name where there is none (None)."""
    for patterns, classes, known in _KNOWN:
        if name in classes if controller is None else any(fnmatchcase(controller, pattern) for pattern in patterns):
            return known
    return _UNKNOWN
