"""Random services and settings, on every backend that applies: one table of routes, the same answers everywhere."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.engine.doors import DOORS, GATEWAY, reaches, settle
from tests.engine.stage import Stage, component_service, inference_service, settings

WITH_HOSTS = ("istio", "istio, raw", "nginx", "traefik", "nginx, serverless", "gateway_api")
PATHLESS = ("traefik",)
"""Doors whose controller can't rewrite, so that a path template leaves the hosts alone."""

label = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
domain = st.tuples(label, label.filter(lambda last: last not in ("a", "ome", "svc"))).map(".".join)
"""None that names a Service: those are refused."""
segment = st.sampled_from(["v1", "decoder", "decoders", "router", "models", "completions", "health", "x"])
path = st.lists(segment, max_size=4).map(lambda parts: "/" + "/".join(parts))
component_set = st.sets(st.sampled_from(["router", "decoder"])).map(lambda more: ("engine", *sorted(more)))

services = st.fixed_dictionaries(
    {
        "name": label,
        "parts": component_set,
        "annotations": st.fixed_dictionaries(
            {},
            optional={
                "ome.io/ingress-domain": domain,
                "ome.io/ingress-domain-template": st.sampled_from(
                    [
                        "{{.Name}}-x.{{.IngressDomain}}",
                        "{{ .Namespace }}.{{ .Name }}.fixed.test",
                        "one.{{.IngressDomain}}",
                    ]
                ),
                "ome.io/ingress-additional-domains": st.lists(domain, min_size=1, max_size=3).map(", ".join),
                "ome.io/ingress-path-template": st.sampled_from(["", "/p/{{.Name}}", "/{{.Namespace}}/{{.Name}}/x"]),
                "ome.io/ingress-url-scheme": st.sampled_from(["http", "https"]),
            },
        ),
    }
)
clusters = st.fixed_dictionaries(
    {},
    optional={
        "ingressDomain": domain,
        "additionalIngressDomains": st.lists(domain, max_size=2),
        "pathTemplate": st.sampled_from(["/models/{{.Name}}/{{.Namespace}}"]),
        "urlScheme": st.sampled_from(["http", "https"]),
    },
)


def expected(parts: tuple[str, ...], at: str) -> str:
    """The table of docs/doors.md, Routes, written down once more."""
    entry = "router" if "router" in parts else "engine"
    below_decoder = at == "/v1/decoder" or at.startswith("/v1/decoder/")
    return "decoder" if "decoder" in parts and below_decoder else entry


def opened(door: str, service: dict[str, Any], cluster: dict[str, Any]) -> Stage:
    stage = Stage()
    stage.create(settings({**GATEWAY, **cluster}))
    name, parts = service["name"], service["parts"]
    annotations = {**service["annotations"], **DOORS[door]}
    spec = {part: {} for part in parts}
    stage.create(inference_service(name, annotations=annotations, spec=spec, ready=parts))
    for part in parts:
        stage.create(component_service(name, part))
    stage.start()
    settle(stage)
    return stage


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(services, clusters, st.lists(path, min_size=3, max_size=8))
def test_all_doors_give_the_answers_of_the_table(
    service: dict[str, Any], cluster: dict[str, Any], paths: list[str]
) -> None:
    urls: set[str] = set()
    for door in WITH_HOSTS:
        stage = opened(door, service, cluster)
        condition = stage.condition(service["name"])
        assert condition["status"] == "True", (door, condition)
        url = stage.service(service["name"])["status"]["url"]
        if door not in PATHLESS:
            urls.add(url)
        hosts = served_hosts(stage)
        assert hosts
        prefix = url.partition("://")[2].partition("/")[2]
        for at in paths:
            for host in hosts:
                got = reaches(stage, f"http://{host}{at}")
                assert got == f"{service['name']}-{expected(service['parts'], at)}", (door, host, at)
            if prefix:
                got = reaches(stage, url + at)
                assert got == f"{service['name']}-{expected(service['parts'], at)}", (door, url, at)
                assert reaches(stage, url + "z" + at) is None, (door, url)
            assert reaches(stage, f"http://stranger.invalid{at}") is None
    assert len(urls) == 1, urls


def served_hosts(stage: Stage) -> set[str]:
    """The outside hosts of the main object, whatever its kind."""
    hosts: set[str] = set()
    for obj in stage.objects():
        kind, name = obj["kind"], obj["metadata"]["name"]
        if "-path-" in name:
            continue
        if kind == "HTTPRoute":
            hosts.update(obj["spec"]["hostnames"])
        elif kind == "Ingress":
            hosts.update(rule["host"] for rule in obj["spec"]["rules"])
        elif kind == "VirtualService" and not any(o["kind"] == "Ingress" for o in stage.objects()):
            inside = (f"{name}.a", f"{name}.a.svc", f"{name}.a.svc.cluster.local")
            hosts.update(host for host in obj["spec"]["hosts"] if host not in inside)
    return hosts
