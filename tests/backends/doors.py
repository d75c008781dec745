"""Doors, by hand and at random, and the table of what each request should reach."""

from __future__ import annotations

import string
from typing import Any

import msgspec
from doorward.model.door import Door, GRPCPort, PathDoor, Route, Target
from doorward.model.hosts import segment_prefix
from doorward.model.settings import Settings
from hypothesis import strategies as st

UID = "11111111-1111-4111-8111-111111111111"

SETTINGS = Settings()
GATEWAY = Settings(ome_ingress_gateway="ingress/ome")


def make(components: tuple[str, ...] = ("engine",), **changes: Any) -> Door:
    """A door of service ``a/m`` with these components; RawDeployment by an Ingress of class nginx, if not told."""
    namespace, name = changes.get("namespace", "a"), changes.get("name", "m")
    entry = "router" if "router" in components else "engine"
    routes = [Route("/v1/router", "router")] if "router" in components else []
    routes += [Route("/v1/decoder", "decoder")] if "decoder" in components else []
    timeouts = changes.pop("timeouts", {})
    defaults: dict[str, Any] = {
        "namespace": namespace,
        "name": name,
        "uid": UID,
        "mode": "RawDeployment",
        "backend": "k8s_ingress",
        "ingress_class": "nginx",
        "hosts": (f"{name}.{namespace}.example.com",),
        "entry": entry,
        "routes": (*routes, Route("/", entry)),
        "targets": tuple(target(name, component, timeouts.get(component)) for component in components),
        "door_service": name,
        "settings": SETTINGS,
    }
    return Door(**{**defaults, **changes})


def target(name: str, component: str, timeout: int | None = None) -> Target:
    selector = (("component", component), ("ome.io/inferenceservice", name))
    return Target(component=component, service=f"{name}-{component}", selector=selector, timeout=timeout)


def expected(door: Door, path: str) -> str:
    """The component Service that a request for this path should reach, by the table of docs/doors.md, Routes."""
    present = {each.component for each in door.targets}
    if "decoder" in present and segment_prefix("/v1/decoder", path):
        return f"{door.name}-decoder"
    return f"{door.name}-router" if "router" in present else f"{door.name}-engine"


PATHS = (
    "/",
    "/health",
    "/v1/completions",
    "/v1/models/x",
    "/v1/router",
    "/v1/router/route",
    "/v1/routers",
    "/v1/decoder",
    "/v1/decoder/",
    "/v1/decoder/decode",
    "/v1/decoders",
    "/v1/decoders/x",
    "/x/v1/decoder/x",
    "/mv1/decoder/x",
)

COMPONENTS = (("engine",), ("engine", "router"), ("engine", "decoder"), ("engine", "router", "decoder"))

GRPC = GRPCPort(port=9000, target_port="grpc", name="grpc", app_protocol="kubernetes.io/h2c")
SPOKEN: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"port_name": "grpc"},
    {"app_protocol": "kubernetes.io/h2c"},
    {"grpc": GRPC},
)
"""What the ports of a component may speak."""

_label = st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
_domain = st.sampled_from(("example.com", "your-cluster.com", "ml.corp.test", "a.b-c.example.org"))
_segment = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=8).filter(
    lambda text: text.strip(".") == text and ".." not in text
)


@st.composite
def doors(draw: st.DrawFn, mode: str | None = None, backend: str | None = None) -> Door:
    """A door that the core might compute: any mode, any outside backend that serves it, open or closed."""
    name, namespace = draw(_label), draw(_label)
    mode = mode or draw(st.sampled_from(("Serverless", "RawDeployment", "MultiNode")))
    choices = ["istio", "k8s_ingress"] if mode == "Serverless" else ["istio", "k8s_ingress", "gateway_api"]
    backend = backend or draw(st.sampled_from(choices))
    domains = draw(st.lists(_domain, min_size=1, max_size=4, unique=True))
    hosts = tuple(f"{name}.{namespace}.{domain}" for domain in domains)
    leaving = draw(st.integers(0, len(hosts) - 1))
    path = None
    if draw(st.booleans()):
        prefix = "/" + "/".join(draw(st.lists(_segment, min_size=1, max_size=3)))
        path = PathDoor("example.com", f"{prefix}/{name}")
    exposure = draw(st.sampled_from(("outside", "outside", "outside", "cluster-local", "disabled")))
    closed = exposure != "outside"
    components = draw(st.sampled_from(COMPONENTS))
    made = make(
        components,
        name=name,
        namespace=namespace,
        mode=mode,
        exposure=exposure,
        backend="" if closed else backend,
        hosts=() if closed else hosts[leaving:],
        draining_hosts=() if closed else hosts[:leaving],
        path=None if closed else path,
        scheme=draw(st.sampled_from(("http", "https"))),
        service_type=draw(st.sampled_from(("", "", "LoadBalancer", "NodePort"))) if exposure == "outside" else "",
        timeouts=draw(st.dictionaries(st.sampled_from(("engine", "decoder")), st.integers(1, 10**7))),
        settings=GATEWAY,
        annotations=draw(
            st.dictionaries(
                st.sampled_from(
                    (
                        "cert-manager.io/cluster-issuer",
                        "nginx.ingress.kubernetes.io/proxy-body-size",
                        "nginx.ingress.kubernetes.io/server-snippet",
                        "service.beta.kubernetes.io/aws-load-balancer-type",
                    )
                ),
                st.sampled_from(("8m", "x")),
            )
        ),
    )
    targets = [msgspec.structs.replace(each, **draw(st.sampled_from(SPOKEN))) for each in made.targets]
    return msgspec.structs.replace(made, targets=tuple(targets))
