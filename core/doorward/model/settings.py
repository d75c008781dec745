"""The cluster's settings: the keys of OME's ConfigMap that matter to a front door, and doorward's own."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Settings(BaseModel):
    """All settings in force; the defaults are those of an empty ConfigMap.

    Field names are OME's in snake case (key ``ingress``), ``default_deployment_mode`` (key ``deploy``), and
    doorward's own (key ``doorward``), the last group below.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    ingress_domain: str = "example.com"
    domain_template: str = "{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}"
    url_scheme: Literal["http", "https"] = "http"
    ingress_class_name: str = "istio"
    additional_ingress_domains: tuple[str, ...] = ()
    path_template: str = ""
    disable_ingress_creation: bool = False
    disable_istio_virtual_host: bool = False
    enable_gateway_api: bool = False
    ingress_gateway: str = "knative-serving/knative-ingress-gateway"
    local_gateway: str = "knative-serving/knative-local-gateway"
    local_gateway_service: str = "knative-local-gateway.istio-system.svc.cluster.local"
    knative_local_gateway_service: str = "knative-local-gateway.istio-system.svc.cluster.local"
    ome_ingress_gateway: str = ""
    ingress_service: str = ""

    default_deployment_mode: Literal["Serverless", "RawDeployment"] = "Serverless"

    door_service: str = "{{.Name}}"
    cluster_domain: str = "cluster.local"
    request_timeout_seconds: int | None = None
    adopt: bool = False
    tls_secret_template: str = ""
    pass_annotations: tuple[str, ...] = ()
    readiness: Literal["conditions", "workload", "none"] = "conditions"
    overlap_seconds: float = 10.0
    condition_type: str = "IngressReady"
    namespace_domains: dict[str, tuple[str, ...]] = {}
