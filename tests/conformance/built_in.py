"""How requests travel by the objects of the backends that come with doorward, for the conformance kit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from doorward.model.reference import JsonObject
from doorward.testing.conformance import Answer, Evaluator, accepted, standard

CRDS = Path(__file__).parent.parent / "crds"


def definitions(*folders: str) -> list[JsonObject]:
    """The CustomResourceDefinitions of these APIs, as their projects publish them."""
    files = [file for folder in folders for file in sorted((CRDS / folder).glob("*.yaml"))]
    return [doc for file in files for doc in yaml.load_all(file.read_text(), yaml.CSafeLoader) if doc]


class Standard(Evaluator):
    """Ingresses, HTTPRoutes and VirtualServices, by the rules of their APIs."""

    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        return standard(objects, url)


class Istio(Standard):
    modes = ("Serverless", "RawDeployment", "MultiNode")
    definitions = definitions("istio")


class Ingress(Standard):
    modes = ("Serverless", "RawDeployment", "MultiNode")
    door = {"ingress_class": "nginx"}
    annotations = {"ome.io/ingress-class": "nginx"}
    surroundings = (
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": "nginx"},
            "spec": {"controller": "k8s.io/ingress-nginx"},
        },
    )

    def is_guarded(self, objects: Sequence[JsonObject], url: str) -> bool:
        ingresses = [obj for obj in objects if obj["kind"] == "Ingress"]
        return all("nginx.ingress.kubernetes.io/auth-url" in obj["metadata"]["annotations"] for obj in ingresses)


class GatewayAPI(Standard):
    definitions = definitions("gateway-api")
    config = {"omeIngressGateway": "ingress/ome"}

    def status(self, obj: JsonObject) -> JsonObject | None:
        return accepted(obj) if obj["kind"] == "HTTPRoute" else None


class LoadBalancer(Evaluator):
    modes = ("Serverless", "RawDeployment", "MultiNode")
    hosts = False
    annotations = {"ome.io/disable-ingress": "true", "ome.io/service-type": "LoadBalancer"}
    door: dict[str, Any] = {"service_type": "LoadBalancer", "hosts": (), "draining_hosts": (), "path": None}

    def status(self, obj: JsonObject) -> JsonObject | None:
        balanced = obj["spec"].get("type") == "LoadBalancer"
        return {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}} if balanced else None


class ClusterLocal(Evaluator):
    """It only puts the in-cluster Service beside doors; a service without an outside door shows it."""

    modes = ("Serverless", "RawDeployment", "MultiNode")
    hosts = False
    annotations = {"ome.io/ingress-disable-creation": "true"}
