"""A tenant that writes configuration of a proxy, or of a cloud, into the annotations of its service."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

import pytest
from doorward.model import credentials
from doorward.model.door import GuardKind
from doorward.model.reference import JsonObject
from doorward_k8s_ingress.controllers import ISSUERS, of_class
from doorward_loadbalancer.clouds import PASSED, PREFIXES

from tests.engine.scenes import INGRESS, VIRTUAL_SERVICE, Scene, service
from tests.engine.stage import settings

SERVICE = "Service"
BALANCED = {"ome.io/disable-ingress": "true", "ome.io/service-type": "LoadBalancer"}

NASTY = (
    "1m;\n}\nlocation /x {",
    "60; return 200 stolen",
    "60}",
    "{60",
    "`id`",
    "$(id)",
    "${request_uri}",
    "'60'",
    '"60"',
    "60\\",
    "60\n",
    "\n60",
    "60\r",
    "60\t60",
    "60\x00",
    "60\u2028",
    "60 # x",
    "<script>",
    "../../etc/passwd",
    "",
    " ",
    "9" * 300,
    "8" * 72 + "!",
    "7m" * 30 + "!",
    "x" * 300,
    ",".join(["m" * 60] * 6),
)

CONTROLLERS = {
    "nginx": "k8s.io/ingress-nginx",
    "nginx-org": "nginx.org/ingress-controller",
    "traefik": "traefik.io/ingress-controller",
    "haproxy-org": "haproxy.org/ingress-controller/haproxy",
    "haproxy": "haproxy-ingress.github.io/controller",
    "contour": "projectcontour.io/ingress-contour/contour",
    "kong": "ingress-controllers.konghq.com/kong",
    "alb": "ingress.k8s.aws/alb",
}

GOOD = {
    "nginx.ingress.kubernetes.io/backend-protocol": ("HTTP", "GRPCS", "https", "AUTO_HTTP"),
    "nginx.ingress.kubernetes.io/proxy-body-size": ("0", "8m", "10G", "1048576"),
    "nginx.ingress.kubernetes.io/proxy-read-timeout": ("60", "86400"),
    "nginx.ingress.kubernetes.io/proxy-buffering": ("on", "off"),
    "nginx.ingress.kubernetes.io/proxy-http-version": ("1.0", "1.1"),
    "nginx.ingress.kubernetes.io/proxy-buffers-number": ("4",),
    "nginx.org/proxy-read-timeout": ("30s", "1h 30m", "86400s", "500ms", "60"),
    "nginx.org/client-max-body-size": ("0", "8m", "2g"),
    "nginx.org/proxy-buffers": ("8 4k",),
    "nginx.org/proxy-buffering": ("True", "false"),
    "nginx.org/grpc-services": ("m-engine", "m-engine,m-decoder"),
    "haproxy.org/server-proto": ("h2",),
    "haproxy.org/server-ssl": ("true",),
    "haproxy.org/timeout-server": ("30s", "5000", "1h"),
    "haproxy-ingress.github.io/backend-protocol": ("h2", "h1-ssl", "GRPC"),
    "haproxy-ingress.github.io/proxy-body-size": ("unlimited", "8m"),
    "haproxy-ingress.github.io/timeout-server": ("30s", "500ms", "1d"),
    "projectcontour.io/response-timeout": ("30s", "1m30s", "infinity", "1.5h"),
    "projectcontour.io/num-retries": ("3", "-1"),
    "projectcontour.io/retry-on": ("5xx", "gateway-error,reset"),
    "projectcontour.io/websocket-routes": ("/ws", "/ws,/v1/events"),
    "konghq.com/protocols": ("http", "http,https", "grpc,grpcs"),
    "konghq.com/request-buffering": ("true", "false"),
    "alb.ingress.kubernetes.io/backend-protocol": ("HTTP", "HTTPS"),
    "alb.ingress.kubernetes.io/backend-protocol-version": ("HTTP1", "GRPC"),
    "alb.ingress.kubernetes.io/healthcheck-path": ("/", "/health", "/package.service/method"),
    "alb.ingress.kubernetes.io/healthcheck-port": ("traffic-port", "8080", "my-port"),
    "alb.ingress.kubernetes.io/success-codes": ("200", "200,201", "200-300", "0-5"),
    "alb.ingress.kubernetes.io/target-type": ("ip", "instance"),
    "cert-manager.io/cluster-issuer": ("letsencrypt", "letsencrypt-prod.v2"),
    "cert-manager.io/issuer-group": ("awspca.cert-manager.io",),
    "cert-manager.io/issuer-kind": ("AWSPCAClusterIssuer",),
    "cert-manager.io/duration": ("2160h", "24h30m"),
    "cert-manager.io/private-key-algorithm": ("ECDSA", "Ed25519"),
    "cert-manager.io/usages": ("digital signature,key encipherment", "server auth"),
    "kubernetes.io/tls-acme": ("true",),
}

ATTACKS = {
    "service.beta.kubernetes.io/aws-load-balancer-access-log-s3-bucket-name": "mine",
    "service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags": "team=victim",
    "service.beta.kubernetes.io/aws-load-balancer-eip-allocations": "eipalloc-0123456789",
    "service.beta.kubernetes.io/aws-load-balancer-name": "victim",
    "service.beta.kubernetes.io/aws-load-balancer-private-ipv4-addresses": "10.0.0.7",
    "service.beta.kubernetes.io/aws-load-balancer-security-groups": "sg-0123456789",
    "service.beta.kubernetes.io/aws-load-balancer-ssl-cert": "arn:aws:acm:us-east-1:1:certificate/1",
    "service.beta.kubernetes.io/aws-load-balancer-subnets": "subnet-0123456789",
    "service.beta.kubernetes.io/load-balancer-source-ranges": "0.0.0.0/0",
    "service.beta.kubernetes.io/azure-dns-label-name": "victim",
    "service.beta.kubernetes.io/azure-load-balancer-ipv4": "20.0.0.7",
    "service.beta.kubernetes.io/azure-load-balancer-internal-subnet": "victims",
    "service.beta.kubernetes.io/azure-load-balancer-resource-group": "victims",
    "service.beta.kubernetes.io/azure-pip-name": "victim",
    "service.beta.kubernetes.io/azure-allowed-service-tags": "Internet",
    "networking.gke.io/load-balancer-ip-addresses": "victim",
    "cloud.google.com/backend-config": '{"default": "victim"}',
    "cloud.google.com/neg": '{"exposed_ports": {"80": {"name": "victim"}}}',
    "oci.oraclecloud.com/oci-network-security-groups": "ocid1.networksecuritygroup.oc1..victim",
    "service.beta.kubernetes.io/oci-load-balancer-subnet1": "ocid1.subnet.oc1..victim",
    "service.beta.kubernetes.io/oci-load-balancer-security-list-management-mode": "All",
    "oci-network-load-balancer.oraclecloud.com/assigned-private-ipv4": "10.0.0.7",
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id": "lb-victim",
    "service.beta.kubernetes.io/alicloud-loadbalancer-id": "lb-victim",
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-force-override-listeners": "true",
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-vgroup-port": "rsp-victim:80",
    "service.kubernetes.io/tke-existed-lbid": "lb-victim",
    "kubernetes.io/elb.id": "victim",
    "service.kubernetes.io/ibm-load-balancer-cloud-provider-vpc-subnets": "victims",
    "kubernetes.digitalocean.com/load-balancer-id": "victim",
    "load-balancer.hetzner.cloud/name": "victim",
    "service.beta.kubernetes.io/linode-loadbalancer-nodebalancer-id": "1234",
    "loadbalancer.openstack.org/load-balancer-id": "victim",
    "loadbalancer.openstack.org/port-id": "victim",
    "service.beta.kubernetes.io/scw-loadbalancer-id": "fr-par-1/victim",
    "service.beta.kubernetes.io/scw-loadbalancer-failover-host": "evil.s3-website.fr-par.scw.cloud",
    "service.beta.kubernetes.io/vultr-loadbalancer-firewall-rules": "0.0.0.0/0,80",
    "metallb.universe.tf/loadBalancerIPs": "192.0.2.7",
    "metallb.io/allow-shared-ip": "victims",
    "metallb.io/address-pool": "victims",
    "kube-vip.io/loadbalancerIPs": "192.0.2.7",
    "lbipam.cilium.io/ips": "192.0.2.7",
    "lbipam.cilium.io/sharing-key": "victims",
    "io.cilium/lb-ipam-ips": "192.0.2.7",
    "external-dns.alpha.kubernetes.io/hostname": "bank.example.com",
    "external-dns.alpha.kubernetes.io/target": "192.0.2.7",
}

CLOUDS = {
    "service.beta.kubernetes.io/aws-load-balancer-type": "external",
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing",
    "service.beta.kubernetes.io/aws-load-balancer-healthcheck-success-codes": "200-399",
    "service.beta.kubernetes.io/aws-load-balancer-attributes": "load_balancing.cross_zone.enabled=true",
    "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes": "preserve_client_ip.enabled=true",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
    "service.beta.kubernetes.io/azure-load-balancer-health-probe-request-path": "/healthz",
    "service.beta.kubernetes.io/port_80_health-probe_protocol": "Http",
    "networking.gke.io/load-balancer-type": "Internal",
    "cloud.google.com/l4-rbs": "enabled",
    "oci.oraclecloud.com/load-balancer-type": "nlb",
    "service.beta.kubernetes.io/oci-load-balancer-shape": "flexible",
    "service.beta.kubernetes.io/oci-load-balancer-shape-flex-max": "100Mbps",
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-spec": "slb.s1.small",
    "service.beta.kubernetes.io/alicloud-loadbalancer-protocol-port": "http:80,https:443",
    "kubernetes.io/elb.class": "performance",
    "service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type": "private",
    "service.beta.kubernetes.io/do-loadbalancer-size-unit": "3",
    "load-balancer.hetzner.cloud/type": "lb11",
    "load-balancer.hetzner.cloud/http-status-codes": "2??,3??",
    "load-balancer.hetzner.cloud/health-check-interval": "15s",
    "service.beta.kubernetes.io/linode-loadbalancer-throttle": "5",
    "loadbalancer.openstack.org/proxy-protocol": "v2",
    "service.beta.kubernetes.io/openstack-internal-load-balancer": "true",
    "service.beta.kubernetes.io/scw-loadbalancer-type": "LB-GP-L",
    "service.beta.kubernetes.io/vultr-loadbalancer-https-ports": "443,8443",
}


def ingress_class(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": name},
        "spec": {"controller": CONTROLLERS[name]},
    }


def annotations(scene: Scene, kind: str, name: str = "m") -> dict[str, str]:
    return dict(scene.get(kind, "a", name)["metadata"].get("annotations") or {})


def held_back(scene: Scene) -> list[str]:
    return [message for reason, message in scene.told() if reason == "AnnotationHeldBack"]


@pytest.mark.parametrize("name", CONTROLLERS)
def test_no_value_of_a_passed_key_can_be_read_as_configuration(name: str) -> None:
    passed = {**of_class(name, CONTROLLERS[name]).passed, **ISSUERS}
    wish = {"ome.io/ingress-class": name}
    scene = Scene(settings(), ingress_class(name), *service(raw=True, annotations=wish))
    ours = annotations(scene, INGRESS)
    for value in NASTY:
        scene.edit(annotations={**wish, **dict.fromkeys(passed, value)})
        assert annotations(scene, INGRESS) == ours, value
        assert scene.verdict()[0] == "True"
    told = held_back(scene)
    assert len(told) == len(NASTY)
    assert all(len(message) <= 1024 for message in told)
    assert not any(ord(character) < 32 for message in told for character in message)


@pytest.mark.parametrize(("key", "values"), GOOD.items(), ids=GOOD)
def test_what_a_controller_documents_passes(key: str, values: tuple[str, ...]) -> None:
    name = next((n for n, c in CONTROLLERS.items() if key in of_class(n, c).passed), "nginx")
    assert key in {**of_class(name, CONTROLLERS[name]).passed, **ISSUERS}
    wish = {"ome.io/ingress-class": name}
    scene = Scene(settings(), ingress_class(name), *service(raw=True, annotations=wish))
    for value in values:
        scene.edit(annotations={**wish, key: value})
        assert annotations(scene, INGRESS)[key] == value
    assert held_back(scene) == []


def test_every_controller_has_values_that_pass() -> None:
    for name, controller in CONTROLLERS.items():
        known = of_class(name, controller)
        assert known.name, name
        assert not known.passed or known.passed.keys() & GOOD.keys()


@pytest.mark.parametrize("raw", [True, False])
def test_a_key_that_a_setting_lets_pass_never_carries_the_end_of_a_line(raw: bool) -> None:
    key = "team.example.com/a"
    scene = Scene(settings(doorward=f"passAnnotations: [{key}]"), *service(raw=raw, annotations={key: "x\ny"}))
    kind = INGRESS if raw else VIRTUAL_SERVICE
    assert key not in annotations(scene, kind)
    (told,) = held_back(scene)
    assert f"{key}: its value 'x\\ny' has a control character" in told
    scene.edit(annotations={key: "x; y"})
    assert annotations(scene, kind)[key] == "x; y"


@pytest.mark.parametrize(("key", "value"), ATTACKS.items(), ids=ATTACKS)
def test_what_a_cloud_would_take_or_open_passes_by_the_setting_alone(key: str, value: str) -> None:
    scene = Scene(settings(), *service(raw=True, annotations={**BALANCED, key: value}))
    assert key not in annotations(scene, SERVICE)
    (told,) = held_back(scene)
    assert key in told
    assert "passCloudAnnotations" in told
    scene.configure(doorward=f"passCloudAnnotations: {{b: ['{key}']}}")
    assert key not in annotations(scene, SERVICE)
    scene.configure(doorward=f"passCloudAnnotations: {{'?': ['{key}']}}")
    assert annotations(scene, SERVICE)[key] == value
    assert held_back(scene) == [told]
    scene.edit(annotations={key: f"{value}\nx"})
    assert key not in annotations(scene, SERVICE)


@pytest.mark.parametrize(("key", "value"), CLOUDS.items(), ids=CLOUDS)
def test_how_a_balancer_behaves_passes(key: str, value: str) -> None:
    scene = Scene(settings(), *service(raw=True, annotations={**BALANCED, key: value}))
    assert annotations(scene, SERVICE)[key] == value
    assert held_back(scene) == []


def test_no_value_of_a_clouds_key_can_be_read_as_anything_else() -> None:
    keys = [key.replace("#", "80") for key in PASSED]
    assert all(key.startswith(PREFIXES) for key in keys)
    scene = Scene(settings(), *service(raw=True, annotations=BALANCED))
    ours = annotations(scene, SERVICE)
    for value in (*NASTY, '{"x": 1}', "arn:aws:acm:us-east-1:1:certificate/1", "0.0.0.0/1"):
        scene.edit(annotations={**BALANCED, **dict.fromkeys(keys, value)})
        assert annotations(scene, SERVICE) == ours, value


@pytest.mark.parametrize(
    "attributes",
    [
        "access_logs.s3.enabled=true,access_logs.s3.bucket=mine",
        "load_balancing.cross_zone.enabled=true,access_logs.s3.bucket=mine",
        "deletion_protection.enabled=true",
    ],
)
def test_the_attributes_of_a_balancer_dont_say_where_its_logs_go(attributes: str) -> None:
    key = "service.beta.kubernetes.io/aws-load-balancer-attributes"
    scene = Scene(settings(), *service(raw=True, annotations={**BALANCED, key: attributes}))
    assert key not in annotations(scene, SERVICE)
    assert len(held_back(scene)) == 1


def test_one_key_that_two_objects_would_bear_is_told_for_each_of_them() -> None:
    key = "external-dns.alpha.kubernetes.io/hostname"
    wish = {"ome.io/service-type": "LoadBalancer", key: "bank.example.com"}
    scene = Scene(settings(), *service(raw=True, annotations=wish))
    assert sorted(message.partition(":")[0] for message in held_back(scene)) == [
        "not passed to Service m",
        "not passed to the Ingress",
    ]


def test_an_address_that_a_tenant_asks_for_is_the_administrators_to_give() -> None:
    key = "ome.io/load-balancer-ip"
    scene = Scene(settings(), *service(raw=True, annotations={**BALANCED, key: "192.0.2.7"}))
    assert "loadBalancerIP" not in scene.get(SERVICE, "a", "m")["spec"]
    assert [key in message and "passCloudAnnotations" in message for message in held_back(scene)] == [True]
    scene.edit(annotations={key: "192.0.2.7\n"})
    scene.edit(annotations={key: "victim"})
    assert "InvalidLoadBalancerIP" in scene.reasons()
    scene.configure(doorward=f"passCloudAnnotations: {{a: [{key}]}}")
    assert "loadBalancerIP" not in scene.get(SERVICE, "a", "m")["spec"]
    scene.edit(annotations={key: "192.0.2.7"})
    assert scene.get(SERVICE, "a", "m")["spec"]["loadBalancerIP"] == "192.0.2.7"
    assert key not in annotations(scene, SERVICE)


def test_gkes_class_is_kept_by_its_annotation_through_edits_and_changes() -> None:
    scene = Scene(settings(), *service(raw=True, annotations={"ome.io/ingress-class": "gce"}))
    assert annotations(scene, INGRESS)["kubernetes.io/ingress.class"] == "gce"
    assert "ingressClassName" not in scene.get(INGRESS, "a", "m")["spec"]
    rest = scene.since()
    scene.advance(60)
    assert rest.writes == []
    scene.patch(INGRESS, "a", "m", {"metadata": {"annotations": {"kubernetes.io/ingress.class": "nginx"}}})
    scene.settle()
    assert annotations(scene, INGRESS)["kubernetes.io/ingress.class"] == "gce"
    scene.edit(annotations={"ome.io/ingress-class": "nginx"})
    scene.advance(60)
    (left,) = [o for o in scene.objects() if o["kind"] == "Ingress"]
    assert left["spec"]["ingressClassName"] == "nginx"
    assert "kubernetes.io/ingress.class" not in left["metadata"]["annotations"]
    scene.edit(annotations={"ome.io/ingress-class": "gce"})
    scene.advance(60)
    (left,) = [o for o in scene.objects() if o["kind"] == "Ingress"]
    assert left["metadata"]["annotations"]["kubernetes.io/ingress.class"] == "gce"
    assert "ingressClassName" not in left["spec"]


@pytest.mark.parametrize(
    "name", ["a\r\nX-Admin: yes", "a\nb", "a b", "a\x00", "a\t", "\u00e4", "", "a" * 300, "a\x85b"]
)
@pytest.mark.parametrize("kind", ["api-key", "basic"])
def test_a_name_that_would_end_a_header_is_no_client(kind: GuardKind, name: str) -> None:
    """It would travel to the component in a header."""
    line = f"{name}:$2b$04${'.' * 53}"
    data = {name: b64encode(b"key").decode()} if kind == "api-key" else {"auth": b64encode(line.encode()).decode()}
    found = credentials.clients(kind, {"metadata": {"name": "keys"}, "type": "Opaque", "data": data})
    assert all(re.fullmatch("[!-~]{1,253}", client) for client in found)
    assert name not in found


@pytest.mark.parametrize(
    "port",
    [
        {"name": "grpc", "appProtocol": "a\n}"},
        {"name": "grpc", "appProtocol": "kubernetes.io/h2c; return 200"},
        {"name": "grpc", "appProtocol": "x" * 400},
        {"name": "grpc\n}", "appProtocol": "grpc"},
        {"name": "grpc" + "x" * 100},
        {"name": "GRPC;"},
    ],
)
def test_what_a_components_port_says_is_carried_on_only_where_an_api_server_would_take_it(port: JsonObject) -> None:
    """The API server checks ports; nothing is built on that alone."""
    made, engine = service(raw=True, annotations={"ome.io/ingress-class": "f5"})
    engine["spec"]["ports"] = [{"port": 80, **port}]
    scene = Scene(settings(), made, engine)
    (ours,) = scene.get(SERVICE, "a", "m")["spec"]["ports"]
    assert ours["name"] in ("http", "grpc")
    assert ours.get("appProtocol", "grpc") == "grpc"
