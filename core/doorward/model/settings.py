"""The cluster's settings: the keys of OME's ConfigMap that matter to a front door, and doorward's own.

The checks are those that keep a bad edit from moving doors: a value that fails one raises pydantic's ValidationError,
whose errors carry ``reason`` and ``remedy`` in their context.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from doorward.model import template
from doorward.model.hosts import domain_problem
from doorward.model.quoting import quoted

__all__ = ["DEFAULTS", "Settings"]

HOST_FIELDS = frozenset({"Name", "Namespace", "IngressDomain", "Annotations", "Labels"})
"""What a domain template may use."""
NAME_FIELDS = frozenset({"Name", "Namespace"})
"""What the templates of paths and of names may use."""

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_GATEWAY = rf"{_LABEL}/{_SUBDOMAIN}"
_QUALIFIED = rf"({_SUBDOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
_BACKEND = r"[A-Za-z0-9_]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9_])?"
_PATTERN = r"[-a-z0-9*?]+"
_AUTH_SERVICE = rf"{_LABEL}/{_LABEL}:[1-9][0-9]{{0,4}}"
_HEADER = r"[A-Za-z][-A-Za-z0-9]{0,63}"
_PLAIN_PATH = r"/[-A-Za-z0-9._~/]{0,255}"
_TAKEN_HEADERS = (
    r"authorization|connection|content-.*|cookie|host|te|trailer|transfer-encoding|upgrade|proxy-.*|www-authenticate|"
    r"x-api-key|x-real-ip|x-forwarded-.*|ome-isvc-.*"
)
_LONGEST = 253 + 1 + 63
_LOCAL_GATEWAY_SERVICE = "knative-local-gateway.istio-system.svc.cluster.local"
LONGEST_TIMEOUT = (2**31 - 1) // 1000
"""Seconds: proxies hold a timeout as milliseconds in 32 bits."""


def refusal(reason: str, remedy: str) -> PydanticCustomError:
    """The error of a check: what is wrong, and what to do about it."""
    context: dict[str, Any] = {"reason": reason, "remedy": remedy}
    return PydanticCustomError("refused", "{reason}; {remedy}", context)


def _matches(pattern: str, what: str, remedy: str, *, optional: bool = False) -> tuple[AfterValidator, Any]:
    """A check that text has the form ``pattern`` (and the schema says so); ``optional``: empty means none."""
    pattern = f"({pattern})?" if optional else pattern

    def check(value: str) -> str:
        if len(value) > _LONGEST or not re.fullmatch(pattern, value):
            raise refusal(f"{quoted(value)} is no {what}", remedy)
        return value

    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^{pattern}$"})


def _domain(value: str) -> str:
    if problem := domain_problem(value):
        raise refusal(f"{quoted(value)} {problem}", "write a lower-case domain such as models.example.com")
    return value


def _template(fields: frozenset[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        try:
            template.compile(value, fields)
        except template.TemplateError as error:
            known = ", ".join(f".{name}" for name in sorted(fields))
            raise refusal(f"the template {quoted(value)} doesn't compile: {error}", f"use text and {known}") from None
        return value

    return check


def _paths(value: tuple[str, ...]) -> tuple[str, ...]:
    for path in value:
        if not re.fullmatch(_PLAIN_PATH, path) or "//" in path or "/." in path:
            raise refusal(f"{quoted(path)} is no plain path", "write one such as /health")
    return value


def _header(value: str) -> str:
    if re.fullmatch(_TAKEN_HEADERS, value.lower()):
        raise refusal(f"{quoted(value)} has a meaning of its own", "write another one, such as doorward-client")
    return value


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _tuples(value: object) -> object:
    return {key: _tuple(each) for key, each in value.items()} if isinstance(value, dict) else value


Domain = Annotated[str, AfterValidator(_domain)]
HostTemplate = Annotated[str, AfterValidator(_template(HOST_FIELDS))]
NameTemplate = Annotated[str, AfterValidator(_template(NAME_FIELDS))]
Gateway = Annotated[str, *_matches(_GATEWAY, "Gateway", "write NAMESPACE/NAME")]
GatewayOrNone = Annotated[str, *_matches(_GATEWAY, "Gateway", "write NAMESPACE/NAME", optional=True)]
PolicyOrNone = Annotated[str, *_matches(_GATEWAY, "AuthorizationPolicy", "write NAMESPACE/NAME", optional=True)]
AuthService = Annotated[str, *_matches(_AUTH_SERVICE, "Service", "write NAMESPACE/NAME:PORT", optional=True)]
ClassName = Annotated[str, *_matches(_SUBDOMAIN, "name of a class", "write the name of an IngressClass, such as nginx")]
BackendName = Annotated[
    str, *_matches(_BACKEND, "name of a backend", "write the name of one that is installed, such as istio")
]
Key = Annotated[
    str, *_matches(_QUALIFIED, "annotation key", "write a whole key, such as nginx.ingress.kubernetes.io/limit-rps")
]
ConditionType = Annotated[
    str, *_matches(_QUALIFIED, "condition type", "write a qualified name such as doorward.io/DoorReady")
]
NamespacePattern = Annotated[
    str, *_matches(_PATTERN, "namespace pattern", "write a namespace, with * and ? for what may differ")
]


def _alias(name: str) -> str:
    """OME's spelling of a field."""
    first, *others = name.split("_")
    camel = "".join((first, *map(str.capitalize, others)))
    return camel.replace("GatewayApi", "GatewayAPI").replace("HttpRoute", "HTTPRoute")


class Settings(BaseModel):
    """All settings in force; the defaults are those of an empty ConfigMap.

    Field names are OME's in snake case (key ``ingress``), ``default_deployment_mode`` (key ``deploy``), and
    doorward's own (key ``doorward``), the last group below.  What checks them is built when it is first used, and what
    each says is read where it is asked for (:mod:`doorward.settings.described`): most commands need neither.
    """

    model_config = ConfigDict(
        frozen=True,
        alias_generator=_alias,
        populate_by_name=True,
        extra="ignore",
        allow_inf_nan=False,
        defer_build=True,
    )

    ingress_domain: Domain = "example.com"
    """Base domain of the hosts."""
    domain_template: HostTemplate = "{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}"
    """Go template of a service's host, over .Name, .Namespace, .IngressDomain, .Annotations and .Labels."""
    url_scheme: Literal["http", "https"] = "http"
    """Scheme of the URLs."""
    ingress_class_name: ClassName = "istio"
    """Class of the Ingress."""
    additional_ingress_domains: Annotated[tuple[str, ...], BeforeValidator(_tuple)] = ()
    """Further domains under which each service has a host; one that is invalid is left out with a warning."""
    path_template: NameTemplate = ""
    """Go template of a path door's prefix, over .Name and .Namespace; empty: none."""
    disable_ingress_creation: bool = False
    """No outside door through ingress."""
    disable_istio_virtual_host: bool = False
    """No VirtualService."""
    enable_gateway_api: bool = False
    """HTTPRoute in place of Ingress; needs omeIngressGateway."""
    ingress_gateway: Gateway = "knative-serving/knative-ingress-gateway"
    """Istio Gateway for requests from outside, NAMESPACE/NAME."""
    local_gateway: Gateway = "knative-serving/knative-local-gateway"
    """Istio Gateway inside the cluster, NAMESPACE/NAME."""
    local_gateway_service: Domain = _LOCAL_GATEWAY_SERVICE
    """Target of the in-cluster Service of a Serverless door."""
    knative_local_gateway_service: Annotated[Domain, Field(validate_default=True)] = ""
    """Destination of the VirtualService of a Serverless door; empty: localGatewayService, as in KServe."""
    ome_ingress_gateway: Annotated[GatewayOrNone, Field(validate_default=True)] = ""
    """Gateway that HTTPRoutes attach to, NAMESPACE/NAME."""
    disable_http_route_timeout: bool = False
    """No timeouts in any HTTPRoute."""
    ingress_service: str = ""
    """Kept for OME's sake; unused."""

    default_deployment_mode: Literal["Serverless", "RawDeployment"] = "Serverless"
    """Mode of a service that doesn't name one."""

    door_service: NameTemplate = "{{.Name}}"
    """Go template of the in-cluster Service's name, over .Name and .Namespace."""
    cluster_domain: Domain = "cluster.local"
    """DNS domain of the cluster."""
    request_timeout_seconds: int | None = Field(default=None, gt=0, le=LONGEST_TIMEOUT)
    """Seconds that one request may take where its component names no timeout; absent: as long as it likes."""
    default_backend: dict[Literal["Serverless", "RawDeployment", "MultiNode"], BackendName] = {}
    """Mode to the backend that opens doors of services which name neither a backend nor a class."""
    grpc: bool = False
    """Whether gRPC requests go to the gRPC port of a component that has one beside its port for HTTP."""
    beside: Annotated[tuple[str, ...], BeforeValidator(_tuple)] = ()
    """Whose controllers open no doors any more, so that doorward may open those of their kinds, such as kserve."""
    adopt: bool = False
    """Whether to take over what OME's built-in ingress made."""
    tls_secret_template: NameTemplate = ""
    """Go template of the name of the Secret that Ingresses with scheme https use; empty: none."""
    pass_annotations: Annotated[tuple[Key, ...], BeforeValidator(_tuple)] = ()
    """Further annotation keys that pass from a service to its ingress objects."""
    readiness: Literal["conditions", "workload", "none"] = "conditions"
    """How a component is known to be ready."""
    overlap_seconds: float = Field(default=10.0, ge=0)
    """Seconds for which old and new stand side by side during a change."""
    condition_type: ConditionType = "IngressReady"
    """The condition in which a service's door is reported."""
    most_hosts: int = Field(default=64, ge=0)
    """How many additional hosts a service may have."""
    namespace_domains: Annotated[dict[NamespacePattern, tuple[Domain, ...]], BeforeValidator(_tuples)] = {}
    """Namespace pattern to the domains that services of such namespaces may use; empty: every domain."""
    pass_cloud_annotations: Annotated[dict[NamespacePattern, tuple[Key, ...]], BeforeValidator(_tuples)] = {}
    """Namespace pattern to further annotation keys that pass from such services to their load balancers."""
    auth: Literal["none", "api-key", "basic"] = "none"
    """Who may come in where a service doesn't say: everybody, or clients with a key or password; needs authService."""
    auth_required: bool = False
    """Whether no service may be open to everybody: one that asks for none is closed; needs authService."""
    auth_secret_template: NameTemplate = ""
    """Go template of the name of the Secret with the clients, over .Name and .Namespace; empty: a service names it."""
    auth_service: Annotated[AuthService, Field(validate_default=True)] = ""
    """Service of the authorization service, NAMESPACE/NAME:PORT; empty: there is none, and no door can be guarded."""
    auth_policy: PolicyOrNone = ""
    """AuthorizationPolicy that has an Istio gateway ask the authorization service, NAMESPACE/NAME; empty: none does."""
    auth_exempt: Annotated[tuple[str, ...], BeforeValidator(_tuple), AfterValidator(_paths)] = ()
    """Paths of guarded doors that are open to everybody, each to the letter."""
    client_header: Annotated[
        str, *_matches(_HEADER, "name of a header", "write one such as doorward-client"), AfterValidator(_header)
    ] = "doorward-client"
    """Header that tells a component which client called."""

    @field_validator("knative_local_gateway_service", mode="before")
    @classmethod
    def _as_the_local_one(cls, value: object, info: ValidationInfo) -> object:
        return value or info.data.get("local_gateway_service", _LOCAL_GATEWAY_SERVICE)

    @field_validator("ome_ingress_gateway")
    @classmethod
    def _has_a_gateway(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("enable_gateway_api"):
            raise refusal("missing, and enableGatewayAPI needs it", "write the Gateway's NAMESPACE/NAME")
        return value

    @field_validator("auth_service")
    @classmethod
    def _has_a_service(cls, value: str, info: ValidationInfo) -> str:
        if not value and (info.data.get("auth", "none") != "none" or info.data.get("auth_required")):
            raise refusal("missing, and a guard needs it", "write the authorization service's NAMESPACE/NAME:PORT")
        return value


DEFAULTS: Settings = Settings.model_construct(knative_local_gateway_service=_LOCAL_GATEWAY_SERVICE)
"""The settings of an empty ConfigMap, which need no check."""

INGRESS_FIELDS = tuple(Settings.model_fields)[: tuple(Settings.model_fields).index("default_deployment_mode")]
"""The fields of key ``ingress``, and of the overlay on it."""
DEPLOY_FIELDS = ("default_deployment_mode",)
"""The fields of key ``deploy``."""
DOORWARD_FIELDS = tuple(Settings.model_fields)[len(INGRESS_FIELDS) + 1 :]
"""The fields of key ``doorward``, beside ``ingress``, the overlay."""


def spelling(field: str) -> str:
    """The field's name as it is written in the ConfigMap."""
    return _alias(field)
