"""The doctor before a real API server: each fault is planted, named, and nothing else is."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from secrets import token_hex

import orjson
import pytest
import trustme
from doorward.cluster.protocol import ApiError
from doorward.lease import LEASE
from doorward.model.reference import Resource
from doorward_daemon.doctor import certificates, clocks
from doorward_daemon.doctor.checks import Wanted
from doorward_daemon.doctor.examination import examined

from tests.controlplane.providers import ApiServer
from tests.e2e.doors import INGRESS
from tests.e2e.place import Place, place
from tests.e2e.ward import (
    ADDRESS,
    CLASS,
    CLASSES,
    RAW,
    Plant,
    doctor,
    endpoint,
    healthy,
    pod,
    ready,
    reasons,
    resolved,
)
from tests.e2e.world import World, world_of

ACCOUNTS = Resource("ServiceAccount", "serviceaccounts")
GATEWAYS = Resource("Gateway.gateway.networking.k8s.io", "gateways")


@pytest.fixture(scope="module", name="place")
def _place(api_server: ApiServer) -> Iterator[Place]:
    with place(api_server.kubeconfig, INGRESS, doorward="overlapSeconds: 1") as made:
        yield made


@pytest.fixture
async def world(place: Place) -> AsyncIterator[World]:
    async with world_of(place.kubeconfig, place.namespaces, place.daemon) as world:
        with suppress(ApiError):  # it is there already
            spec = {"controller": "k8s.io/ingress-nginx"}
            body = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": CLASS}}
            await world.cluster.create(CLASSES, "", {**body, "spec": spec})
        yield world


# -- faults of one service ---------------------------------------------------------------------------------------


async def closed(world: World, name: str) -> None:
    await healthy(world, name, {**RAW, "ome.io/ingress-disable-creation": "true"})


async def unready(world: World, name: str) -> None:
    await world.add(name, RAW, status={"conditions": [ready(status="False")]})
    await pod(world, name)
    await endpoint(world, name)


async def without_an_engine(world: World, name: str) -> None:
    await world.add(name, RAW, spec={"router": {}}, components=("router",))
    await pod(world, name, "router")
    await endpoint(world, name, "router")


async def without_a_class(world: World, name: str) -> None:
    await healthy(world, name, {**RAW, "ome.io/ingress-class": "nowhere"})


async def without_a_gateway(world: World, name: str) -> None:
    await healthy(world, name, {**RAW, "doorward.io/backend": "istio"})


async def without_a_service(world: World, name: str) -> None:
    await world.add(name, RAW, deployed=True)


async def without_a_pod(world: World, name: str) -> None:
    await world.add(name, RAW)


async def with_another_port(world: World, name: str) -> None:
    await world.add(name, RAW)
    await pod(world, name, port=9999)
    await endpoint(world, name)


async def without_an_endpoint(world: World, name: str) -> None:
    await world.add(name, RAW)
    await pod(world, name)


async def unreported(world: World, name: str) -> None:
    await world.add(name, RAW, status={"url": ""})
    await pod(world, name)


async def on_a_host_that_is_taken(world: World, name: str) -> None:
    host = {"ome.io/ingress-domain": f"{name}.example.com", "ome.io/ingress-domain-template": f"{name}.example.com"}
    await healthy(world, f"{name}-first", {**RAW, **host})
    await world.add(name, {**RAW, **host})
    await pod(world, name)
    await endpoint(world, name)
    await world.reports(name, "HostConflict")


async def under_a_name_that_is_taken(world: World, name: str) -> None:
    spec = {"ingressClassName": CLASS, "defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": spec}
    await world.create(body)
    await world.add(name, RAW)
    await pod(world, name)
    await endpoint(world, name)
    await world.reports(name, "ObjectConflict")


async def that_another_controller_reports(world: World, name: str) -> None:
    await healthy(world, name)
    while "StatusContested" not in world.told(name):
        body = {"status": {"url": f"http://{token_hex(3)}.example.com"}}
        await world.patch("InferenceService", name, body, subresource="status", field_manager="ome-manager")
        await world.view.catch_up()


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (closed, ["IngressDisabled"]),
        (unready, ["EngineNotReady"]),
        (without_an_engine, ["EngineRequired"]),
        (without_a_class, ["IngressClassMissing"]),
        (without_a_gateway, ["GatewayMissing", "OutOfSight"]),
        (without_a_service, ["ServiceMissing"]),
        (without_a_pod, ["SelectorMatchesNothing"]),
        (with_another_port, ["WrongPort"]),
        (without_an_endpoint, ["NoEndpoints"]),
        (unreported, ["NoEndpoints", "ReadinessUnreported"]),
        (on_a_host_that_is_taken, ["HostConflict"]),
        (under_a_name_that_is_taken, ["ObjectConflict"]),
    ],
)
async def test_a_fault_is_named_and_nothing_else(world: World, plant: Plant, named: list[str]) -> None:
    name = f"m-{token_hex(3)}"
    await plant(world, name)
    await world.barrier()
    told = await doctor(world, name)
    assert sorted({finding.reason for finding in told.findings}) == named
    assert all(finding.cause and finding.remedy and name in finding.about for finding in told.findings)
    assert not told.well


async def test_nothing_is_wrong_with_a_healthy_service(world: World) -> None:
    await healthy(world, "well")
    told = await doctor(world, "well")
    assert told.findings == ()
    assert told.well


async def test_another_controller_that_reports_is_named(world: World) -> None:
    await that_another_controller_reports(world, "contested")
    assert await reasons(world, "contested") == ["StatusContested"]


async def test_it_is_named_by_its_field_manager_where_the_schema_tells_fields_apart(
    closed_api_server: ApiServer,
) -> None:
    with place(closed_api_server.kubeconfig, INGRESS, doorward="overlapSeconds: 1") as made:
        async with world_of(made.kubeconfig, made.namespaces, made.daemon) as world:
            await that_another_controller_reports(world, "contested")
            body = {"status": {"url": "http://mine.example.com"}}
            await world.patch("InferenceService", "contested", body, subresource="status", field_manager="ome-manager")
            causes = [finding.cause for finding in (await doctor(world, "contested")).findings]
    assert any(cause.startswith("ome-manager writes status.url") for cause in causes)


async def test_another_controller_that_writes_the_route_is_named(world: World) -> None:
    await healthy(world, "fought")
    while "Contested" not in world.told("fought"):
        ingress = {"spec": {"rules": [{"host": f"{token_hex(3)}.example.com"}]}}
        await world.patch("Ingress", "fought", ingress, field_manager="somebody")
        await world.view.catch_up()
    found = (await doctor(world, "fought")).findings
    assert "Contested" in [finding.reason for finding in found]
    assert any("somebody" in finding.cause for finding in found)


async def test_a_gateway_that_admits_no_host_of_the_namespace_is_named(world: World) -> None:
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "hostname": "*.other.test"}
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "narrow"},
        "spec": {"gatewayClassName": "any", "listeners": [listener]},
    }
    await world.cluster.create(GATEWAYS, world.namespace, body)
    await world.configure({**INGRESS, "omeIngressGateway": f"{world.namespace}/narrow"}, doorward="overlapSeconds: 1")
    await world.add("unlistened", {**RAW, "doorward.io/backend": "gateway_api"})
    await pod(world, "unlistened")
    await endpoint(world, "unlistened")
    await world.reports("unlistened", "NoListener")
    (finding,) = (await doctor(world, "unlistened")).findings
    assert finding.reason == "NoListener"
    assert finding.remedy[0] == f"kubectl -n {world.namespace} describe gateways.gateway.networking.k8s.io narrow"
    await world.configure(INGRESS, doorward="overlapSeconds: 1")


# -- names and certificates --------------------------------------------------------------------------------------


async def test_a_host_that_does_not_resolve_or_leads_elsewhere_is_named(world: World) -> None:
    await healthy(world, "lost")
    status = {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}
    await world.patch("Ingress", "lost", {"status": status}, subresource="status")

    async def nowhere(host: str) -> frozenset[str]:
        return frozenset()

    async def elsewhere(host: str) -> frozenset[str]:
        return frozenset({"198.51.100.1"})

    assert await reasons(world, "lost", wanted=Wanted(look_up=nowhere)) == ["HostNotResolved"]
    (finding,) = (await doctor(world, "lost", wanted=Wanted(look_up=elsewhere))).findings
    assert (finding.reason, finding.evidence) == ("HostLeadsElsewhere", (f"the gateway's address is {ADDRESS}",))
    assert await reasons(world, "lost") == []


@asynccontextmanager
async def tls_server(certificate: trustme.LeafCert) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_certificate_is_judged_by_a_handshake() -> None:
    authority = trustme.CA()
    past = datetime(2020, 1, 1, tzinfo=UTC)
    for certificate, expected in (
        (authority.issue_cert("m.example.com"), ""),
        (authority.issue_cert("other.example.com"), "is for another host"),
        (authority.issue_cert("m.example.com", not_after=past, not_before=past.replace(year=2019)), "has expired"),
    ):
        async with tls_server(certificate) as port:
            assert await certificates.handshake("127.0.0.1", "m.example.com", port) == expected


async def test_a_wrong_certificate_is_named_for_a_door_with_tls(world: World) -> None:
    await healthy(world, "sealed", {**RAW, "ome.io/ingress-url-scheme": "https", "doorward.io/tls-secret": "x"})

    async def expired(address: str, host: str) -> str:
        assert (address, host) == (ADDRESS, f"sealed.{world.namespace}.example.com")
        return "has expired"

    assert "CertificateExpired" in await reasons(world, "sealed", wanted=Wanted(look_up=resolved, shake=expired))
    assert "CertificateExpired" not in await reasons(world, "sealed")


# -- what concerns all doors -------------------------------------------------------------------------------------


async def test_each_right_that_the_account_lacks_is_named(world: World) -> None:
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bare"}}
    await world.cluster.create(ACCOUNTS, world.namespaces[0], body)
    await healthy(world, "allowed")
    told = await doctor(world, "allowed", wanted=Wanted(account="bare", look_up=None))
    assert {finding.reason for finding in told.findings} == {"RightMissing"}
    causes = [finding.cause for finding in told.findings]
    assert "doorward may not patch inferenceservices/status.ome.io in all namespaces" in causes
    assert f"doorward may not update leases.coordination.k8s.io in namespace {world.namespaces[0]}" in causes


async def test_clocks_that_differ_are_named(world: World) -> None:
    namespace = world.namespaces[0]
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + 600))
    spec = {"holderIdentity": "pod-a", "leaseDurationSeconds": 15, "renewTime": stamp}
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "fast"}, "spec": spec}
    await world.cluster.create(LEASE, namespace, body)
    examination = await examined(
        world.cluster, settings_namespace=namespace, namespaces=world.namespaces, sources=("ome",)
    )
    assert await clocks.of_cluster(examination, "none") == []
    (here,) = await clocks.of_cluster(examination, "none", clock=lambda: time.time() - 60)
    (there,) = await clocks.of_cluster(examination, "fast")
    assert "this machine is 60 s behind" in here.cause or "this machine is 59 s behind" in here.cause
    assert "the machine of pod-a is 600 s ahead of" in there.cause or "599 s ahead of" in there.cause


async def test_a_doorward_that_runs_no_more_is_named(world: World) -> None:
    namespace = world.namespaces[0]
    spec = {"holderIdentity": "pod-a", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"}
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "old"}, "spec": spec}
    await world.cluster.create(LEASE, namespace, body)
    await healthy(world, "left")
    told = await doctor(world, "left", wanted=Wanted(lease="old", look_up=None))
    assert "NotRunning" in [finding.reason for finding in told.findings]


async def test_what_nobody_writes_is_named_where_there_is_no_lease(api_server: ApiServer) -> None:
    with place(api_server.kubeconfig, INGRESS, serve=False) as made:
        async with world_of(made.kubeconfig, made.namespaces) as world:
            await world.add("alone", {**RAW})
            await pod(world, "alone")
            await endpoint(world, "alone")
            (finding,) = (await doctor(world, "alone")).findings
    assert finding.reason == "NobodySeen"
    assert "create Ingress" in finding.evidence[0]


async def test_settings_that_are_wrong_are_named(api_server: ApiServer) -> None:
    with place(api_server.kubeconfig, INGRESS, serve=False) as made:
        async with world_of(made.kubeconfig, made.namespaces) as world:
            await world.configure(ingress={"urlScheme": "gopher"})
            assert "InvalidSettings" in await reasons(world)


# -- the command -------------------------------------------------------------------------------------------------


async def command(place: Place, *arguments: str) -> tuple[int, str, str]:
    import os
    import sys

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "doorward_daemon", "doctor", "--kubeconfig", str(place.kubeconfig), *arguments),
        *("--namespace", place.namespaces[0], "--no-network"),
        env={**os.environ, "POD_NAMESPACE": place.namespaces[0]},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_the_command_prints_cause_evidence_and_remedy(world: World, place: Place) -> None:
    await without_a_pod(world, "ill")
    await world.stands("ill")
    status, out, _ = await command(place, "ill")
    assert status == 1
    assert f"InferenceService {world.namespace}/ill: SelectorMatchesNothing" in out
    for title in ("cause", "seen", "try"):
        assert f"\n  {title} " in out
    status, out, _ = await command(place, "ill", "-o", "json")
    assert orjson.loads(out)["findings"][0]["reason"] == "SelectorMatchesNothing"


async def test_the_command_says_that_nothing_is_wrong(world: World, place: Place) -> None:
    await healthy(world, "fine")
    status, out, err = await command(place, "fine")
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "1 service looked at: nothing is wrong"
    assert out.startswith("doorward: nobody was seen; one without a Lease that has nothing to do leaves no trace\n")


async def test_a_name_that_no_service_has_is_told(place: Place) -> None:
    status, out, err = await command(place, "nobody")
    assert (status, out) == (2, "")
    assert err == f"error: no InferenceService nobody in namespace {place.namespaces[0]}\n"


async def test_a_request_is_followed_as_far_as_it_comes(world: World, place: Place) -> None:
    await healthy(world, "asked")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert f"Host: asked.{world.namespace}.example.com" in head
        status = "200 OK" if head.startswith("GET /v1/models ") else "503 Service Unavailable"
        writer.write(f"HTTP/1.1 {status}\r\nserver: test\r\ncontent-length: 0\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        to = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        well = await doctor(world, "asked", request=True, to=to)
        ill = await doctor(world, "asked", request=True, to=to, path="/other")
    refused = await doctor(world, "asked", request=True, to=to)
    steps = [
        {name: step.well for name, step in ((s.name, s) for s in next(iter(told.requests.values())))}
        for told in (well, ill, refused)
    ]
    assert steps == [{"connect": True, "answer": True}, {"connect": True, "answer": False}, {"connect": False}]
    assert "no ready endpoint" in next(iter(ill.requests.values()))[-1].said
