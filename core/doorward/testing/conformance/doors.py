"""Doors by hand and at random, and the table of what each request should reach (docs/doors.md, Routes)."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from doorward.model import names
from doorward.model.door import Door, GRPCPort, Mode, PathDoor, Route, Target
from doorward.model.hosts import segment_prefix
from doorward.model.settings import Settings

UID = "11111111-1111-4111-8111-111111111111"

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
"""Requests for every row of the table, and for what only looks like one."""

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

_OFTEN = ("m", "default", "a", "status", "x" * 63)
LABELS = st.one_of(
    st.sampled_from(_OFTEN[:1]),
    st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True),
    st.sampled_from(_OFTEN),
)
DOMAINS = st.sampled_from(("example.com", "your-cluster.com", "ml.corp.test", "a.b-c.example.org"))
LONGEST_HOST = ".".join(["h" * 63] * 3 + ["h" * 49, "example.com"])
"""A host of 253 characters, as many as DNS allows."""
SEGMENTS = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=8).filter(
    lambda text: text.strip(".") == text and ".." not in text
)
SCHEMES = st.sampled_from(("http", "https"))


def make(components: tuple[str, ...] = ("engine",), **changes: Any) -> Door:
    """A door of service ``a/m`` with these components: RawDeployment by an Ingress of class nginx, if not told.

    ``changes`` are fields of :class:`Door`, and ``timeouts``, seconds by component: ``{"engine": 600}``.
    """
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
        "pods": {"ome.io/inferenceservice": names.cut(name), "component": entry},
        "routes": (*routes, Route("/", entry)),
        "targets": tuple(target(name, component, timeouts.get(component)) for component in components),
        "door_service": name,
        "settings": Settings(),
    }
    return Door(**{**defaults, **changes})


def target(name: str, component: str, timeout: int | None = None) -> Target:
    """A component of a service, as it is usually deployed."""
    selector = (("component", component), ("ome.io/inferenceservice", names.cut(name)))
    service = names.cut(f"{name}-{component}")
    return Target(component=component, service=service, selector=selector, timeout=timeout)


def expected(door: Door, path: str) -> str:
    """The component Service that a request for this path should reach."""
    present = {each.component for each in door.targets}
    if "decoder" in present and segment_prefix("/v1/decoder", path):
        return door.target("decoder").service
    return door.target("router" if "router" in present else "engine").service


@st.composite
def doors(draw: st.DrawFn, *, backend: str, modes: Sequence[Mode], fixed: Mapping[str, Any]) -> Door:
    """A door that the core might compute: any mode of these, open or closed; ``fixed``: what every one has."""
    name, namespace = draw(LABELS), draw(LABELS)
    domains = draw(st.lists(DOMAINS, min_size=1, max_size=4, unique=True))
    hosts = tuple(f"{name}.{namespace}.{domain}" for domain in domains)
    leaving = draw(st.integers(0, len(hosts) - 1))
    path = None
    if draw(st.booleans()):
        prefix = "/" + "/".join(draw(st.lists(SEGMENTS, min_size=1, max_size=3)))
        path = PathDoor("example.com", f"{prefix}/{name}")
    closed = draw(st.sampled_from((False, False, False, True)))
    changes: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "mode": draw(st.sampled_from(modes)),
        "exposure": "disabled" if closed else "outside",
        "backend": "" if closed else backend,
        "hosts": () if closed else hosts[leaving:],
        "draining_hosts": () if closed else hosts[:leaving],
        "path": None if closed else path,
        "scheme": draw(SCHEMES),
        "timeouts": draw(st.dictionaries(st.sampled_from(("engine", "decoder")), st.integers(1, 10**7))),
    }
    made = make(draw(st.sampled_from(COMPONENTS)), **{**changes, **({} if closed else fixed)})
    targets = [msgspec.structs.replace(each, **draw(st.sampled_from(SPOKEN))) for each in made.targets]
    return msgspec.structs.replace(made, targets=tuple(targets))
