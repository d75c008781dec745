"""Istiod and its Envoy: how they are started, with their configuration as files in a folder.

The proxy has none of Istio's own filters, so that istiod is told to leave out what needs them; there are no sidecars,
and nothing is encrypted within the cluster.  istiod hands certificates only to a proxy that shows who it is: by a token
of its ServiceAccount, which may list the Secrets of its namespace.

Source: istio/istio, pilot/pkg/features, for the variables; pkg/config/mesh, for the mesh; for certificates
pkg/security/authentication.go (``XDS_AUTH_PLAINTEXT``), pilot/pkg/xds/sds.go (``VerifiedIdentity``) and
pilot/pkg/credentials/kube/secrets.go (``Authorize``); Envoy's documentation of its bootstrap.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from doorward.cluster.kube import KubeCluster
from doorward.model.reference import Resource

from tests.controlplane.definitions import default_files
from tests.controlplane.server import free_port
from tests.dataplane.binaries import Parts
from tests.dataplane.network import GATEWAY
from tests.dataplane.starting import Starting
from tests.e2e.place import apart

ENVIRON = {
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_DISABLE_MX_ALPN": "true",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_ENABLE_STATUS": "false",
    "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "false",
    "ENABLE_CA_SERVER": "false",
    "XDS_AUTH_PLAINTEXT": "true",
    "INJECTION_WEBHOOK_CONFIG_NAME": "",
    "VALIDATION_WEBHOOK_CONFIG_NAME": "",
    "POD_NAME": "istiod-0",
    "POD_NAMESPACE": "istio-system",
    "REVISION": "default",
}
MESH = {
    "rootNamespace": "istio-system",
    "enableAutoMtls": False,
    "ingressClass": "istio",
    "ingressControllerMode": "STRICT",
    "ingressService": "istio-ingressgateway",
    "ingressSelector": "ingressgateway",
    "accessLogFile": "",
    # docs/auth.md, Istio
    "extensionProviders": [
        {
            "name": "doorward",
            "envoyExtAuthzHttp": {
                "service": "doorward-authz.ome.svc.cluster.local",
                "port": 9191,
                "pathPrefix": "/host/envoy",
                "includeRequestHeadersInCheck": ["authorization", "x-api-key"],
                "headersToUpstreamOnAllow": ["doorward-client"],
                "failOpen": False,
            },
        }
    ],
}
ADMIN_PORT = 15000
SERVICE_ACCOUNT = "istio-ingressgateway"
"""The proxy's, in namespace ``istio-system``."""
AUDIENCE = "istio-ca"
"""Whom its token is for."""


ENTRANCES = {"k8s_ingress": 80, "istio": 8090, "gateway_api": 8092}
"""The port of Envoy at which a backend's doors are reached."""
LOCAL_PORT = 8091
"""That of the local gateway."""
SECURE = {80: 443, 8090: 8443, 8092: 443}
"""The port for TLS beside one for plain HTTP; it listens once something says that it should."""
TOKEN_SECONDS = 24 * 3600


INGRESS = {"ingressDomain": "example.com", "ingressClassName": "istio", "omeIngressGateway": "istio-system/ome"}
SHARED = {**INGRESS, "ingressGateway": "istio-system/shared", "omeIngressGateway": "istio-system/shared"}


class Istio:
    """``hasty``: it tells Envoy of each change at once, where it would wait for a tenth of a second without another.

    So two writes are never taken for one by luck.
    """

    standing = Path(__file__).parent / "istio.yaml"
    ingress = INGRESS
    shared = SHARED
    port = ENTRANCES["k8s_ingress"]
    arguments = ()
    knative = True

    def __init__(self, *, hasty: bool = True) -> None:
        self._hasty = hasty

    def definitions(self, parts: Parts) -> list[Path]:
        return default_files()

    def start(self, starting: Starting) -> None:
        xds, web, monitoring = free_port(), free_port(), free_port()
        relay = starting.relay("xds", xds)
        environ = {**os.environ, **ENVIRON, **({"PILOT_DEBOUNCE_AFTER": "1ms"} if self._hasty else {})}
        starting.processes.run("istiod", _istiod(starting, xds, web, monitoring), environ)
        starting.wait("istiod", lambda: starting.get(web, "/ready") is not None)
        token = apart(_token(starting.kubeconfig))
        starting.processes.run("envoy", _envoy(starting, relay, token), first=starting.network.entering())
        starting.wait("envoy", lambda: _listens(starting))


def _listens(starting: Starting) -> bool:
    """Whether Envoy serves every port."""
    listeners = (starting.get_within(ADMIN_PORT, "/listeners") or "").split()
    return all(any(each.endswith(f":{port}") for each in listeners) for port in (*ENTRANCES.values(), LOCAL_PORT))


def _istiod(starting: Starting, xds: int, http: int, monitoring: int) -> list[str]:
    """The command that starts istiod; three ports on loopback."""
    mesh = starting.folder / "mesh.yaml"
    mesh.write_text(yaml.safe_dump(MESH))
    return [
        str(starting.parts.istiod),
        "discovery",
        f"--kubeconfig={starting.kubeconfig}",
        f"--meshConfig={mesh}",
        f"--grpcAddr=127.0.0.1:{xds}",
        f"--httpAddr=127.0.0.1:{http}",
        f"--monitoringAddr=127.0.0.1:{monitoring}",
        "--httpsAddr=",
        "--secureGRPCAddr=",
        "--registries=Kubernetes",
        "--domain=cluster.local",
    ]


def _envoy(starting: Starting, relay: Path, token: str) -> list[str]:
    """The command that starts Envoy, which gets all else from istiod through a socket, by a token of its own."""
    bootstrap = starting.folder / "envoy.yaml"
    bootstrap.write_text(yaml.safe_dump(_bootstrap(relay, token)))
    binary = str(starting.parts.envoy)
    return [binary, "--config-path", str(bootstrap), "--concurrency", "1", "--log-level", "warning"]


async def _token(kubeconfig: Path) -> str:
    """One of the proxy's ServiceAccount, as a projected volume would have it."""
    tokens = Resource("ServiceAccount", f"serviceaccounts/{SERVICE_ACCOUNT}/token")
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [AUDIENCE], "expirationSeconds": TOKEN_SECONDS},
    }
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    try:
        made = await cluster.create(tokens, "istio-system", body)
    finally:
        await cluster.close()
    return str(made["status"]["token"])


def _bootstrap(relay: Path, token: str) -> dict[str, Any]:
    h2 = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    address = {"endpoint": {"address": {"pipe": {"path": str(relay)}}}}
    ads = {
        "api_type": "GRPC",
        "transport_api_version": "V3",
        "grpc_services": [
            {
                "envoy_grpc": {"cluster_name": "xds"},
                "initial_metadata": [{"key": "authorization", "value": f"Bearer {token}"}],
            }
        ],
    }
    by_ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    return {
        "node": {
            "id": f"router~{GATEWAY}~istio-ingressgateway-0.istio-system~istio-system.svc.cluster.local",
            "cluster": "istio-ingressgateway",
            "metadata": {
                "CLUSTER_ID": "Kubernetes",
                "GENERATOR": "api",
                "INSTANCE_IPS": GATEWAY,
                "ISTIO_VERSION": "1.29.0",
                "LABELS": {"istio": "ingressgateway"},
                "NAMESPACE": "istio-system",
                "SERVICE_ACCOUNT": SERVICE_ACCOUNT,
            },
        },
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": ADMIN_PORT}}},
        "dynamic_resources": {"ads_config": ads, "cds_config": by_ads, "lds_config": by_ads},
        "static_resources": {
            "clusters": [
                {
                    "name": "xds",
                    "type": "STATIC",
                    "connect_timeout": "5s",
                    "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": h2},
                    "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [address]}]},
                }
            ]
        },
    }
