"""What the class of the Gateway can: by the list that its controller keeps, else by what is known of the controller.

Source: gateway.networking.k8s.io/v1 GatewayClassStatus ``supportedFeatures`` (GEP-2162); the names of features are in
kubernetes-sigs/gateway-api, pkg/features/httproute.go.  Setting request headers and redirecting with status 301 belong
to ``HTTPRoute`` itself and have no name of their own.  The controllers and their sources are in ``gateways.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.resources import files

import msgspec
from doorward.hooks import Read
from doorward.model.quoting import short
from doorward.model.reference import JsonObject, Ref

from doorward_gateway_api.kinds import GATEWAY_CLASS

REQUEST_TIMEOUT = "HTTPRouteRequestTimeout"
BACKEND_H2C = "HTTPRouteBackendProtocolH2C"
PATH_REWRITE = "HTTPRoutePathRewrite"
SCHEME_REDIRECT = "HTTPRouteSchemeRedirect"
PORT_REDIRECT = "HTTPRoutePortRedirect"
PERMANENT_REDIRECT = "HTTPRoute308RedirectStatusCode"

_DATA: JsonObject = tomllib.loads(files(__package__).joinpath("gateways.toml").read_text("utf-8"))


class GatewayClass(msgspec.Struct, frozen=True, kw_only=True):
    """A class as far as routes depend on it; the one without a name is of a Gateway that isn't known."""

    name: str = ""
    listed: frozenset[str] | None = None
    """The features that its controller lists; None: it keeps no list."""
    lacks: frozenset[str] = frozenset()
    default: str = ""
    """How long an answer may take where the route says nothing; empty: nothing is known to limit it."""
    remedy: str = ""

    def can(self, feature: str) -> bool:
        """Whether it has a feature; without a list, whether it isn't known to lack it."""
        return feature in self.listed if self.listed is not None else feature not in self.lacks

    def names(self, feature: str) -> bool:
        """Whether its list has a feature, for what older API servers would refuse."""
        return self.listed is not None and feature in self.listed

    def __str__(self) -> str:
        return f"GatewayClass {short(self.name)}"


UNKNOWN = GatewayClass()


def ref_of(gateway: JsonObject) -> Ref:
    return Ref(GATEWAY_CLASS.kind, "", str(gateway["spec"].get("gatewayClassName", "")))


def class_of(gateway: JsonObject | None, read: Read) -> GatewayClass:
    """The class of a Gateway, where both are known."""
    found = read(ref_of(gateway)) if gateway else None
    if found is None:
        return UNKNOWN
    listed = frozenset(_features(found))
    controller = str((found.get("spec") or {}).get("controllerName", ""))
    known: JsonObject = next((each for each in _DATA["gateway"] if _is_of(controller, each)), {})
    return GatewayClass(
        name=found["metadata"]["name"],
        listed=listed or None,
        lacks=frozenset(known.get("lacks", ())),
        default=known.get("default", ""),
        remedy=known.get("remedy", ""),
    )


def _is_of(controller: str, known: JsonObject) -> bool:
    return any(fnmatchcase(controller, pattern) for pattern in known["controllers"])


def _features(found: JsonObject) -> Iterator[str]:
    """The names on the list; before v1.2 of the API its entries were plain text."""
    for each in (found.get("status") or {}).get("supportedFeatures") or ():
        yield str(each.get("name", "")) if isinstance(each, dict) else str(each)
