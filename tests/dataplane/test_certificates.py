"""TLS through real gateways: which certificate a host has, where plain HTTP leads, renewal, and what has expired.

An Ingress names one Secret for all of a door's hosts.  Gateways have a certificate of its own for each host.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import suppress

import pytest
from doorward.cluster.kube import KubeCluster
from doorward.model.reference import JsonObject, Resource

from tests.dataplane.certificates import Authority, certificate_in, secret, served
from tests.dataplane.conftest import Places, Planes
from tests.dataplane.istio import INGRESS, SECURE
from tests.dataplane.load import Target, load
from tests.dataplane.models import Models, models_in
from tests.dataplane.plane import DataPlane, put
from tests.dataplane.ways import WAYS
from tests.e2e.place import Place, apart, place
from tests.patience import PATIENCE

DOMAINS = ("tls.example.com", "tls.example.org")
GATEWAYS = "istio-system"
SECRET = Resource("Secret", "secrets")
CERTIFICATE = Resource("Certificate.cert-manager.io", "certificates", ("v1",))
SETTINGS = {
    **INGRESS,
    "ingressDomain": DOMAINS[0],
    "additionalIngressDomains": [DOMAINS[1]],
    "domainTemplate": "{{.Name}}.{{.IngressDomain}}",
    "urlScheme": "https",
    "ingressGateway": f"{GATEWAYS}/secure",
    "omeIngressGateway": f"{GATEWAYS}/secure",
}
BY_INGRESS = ("ingress", "serverless-ingress")
BY_SERVER = ("virtualservice", "raw-virtualservice")
BY_LISTENER = ("httproute",)
TRIED = (*BY_INGRESS, *BY_SERVER, *BY_LISTENER)
COMPONENTS = ("engine", "decoder")
RATE = 60
"""Requests a second; every other one comes with a handshake of its own."""
PATHS = {"engine": "/v1/chat/completions", "decoder": "/v1/decoder/decode"}

every_way = pytest.mark.parametrize("way", TRIED)


class Secured:
    """What each host proves itself with, as it is in force."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.trusting = self.authority.context()
        self.secret_of: dict[str, str] = {}
        self.data: dict[str, dict[str, str]] = {}
        for way in TRIED:
            for name in names(way):
                for host in hosts(name):
                    self.secret_of[host] = name if way in BY_INGRESS else host.replace(".", "-")
        for each in set(self.secret_of.values()):
            self.data[each] = self.authority.data(*self.hosts_of(each))

    def hosts_of(self, secret: str) -> list[str]:
        return [host for host, its in self.secret_of.items() if its == secret]

    def certificate(self, host: str) -> bytes:
        return certificate_in(self.data[self.secret_of[host]])

    async def renew(self, models: Models, host: str, *, expired: bool = False) -> None:
        """Another certificate for a host, and those that share its Secret."""
        name = self.secret_of[host]
        self.data[name] = self.authority.data(*self.hosts_of(name), expired=expired)
        await models.cluster.patch(SECRET, GATEWAYS, name, {"data": self.data[name]})

    def gateways(self) -> list[JsonObject]:
        return [self._of_istio(), self._of_gateway_api()]

    def _of_istio(self) -> JsonObject:
        plain = {
            "port": {"number": 8090, "name": "http", "protocol": "HTTP"},
            "hosts": [f"*.{each}" for each in DOMAINS],
        }
        servers = [
            {
                "port": {"number": 8443, "name": f"https-{its}", "protocol": "HTTPS"},
                "hosts": [host],
                "tls": {"mode": "SIMPLE", "credentialName": its},
            }
            for host, its in self._secrets(BY_SERVER)
        ]
        return {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "secure", "namespace": GATEWAYS},
            "spec": {"selector": {"istio": "ingressgateway"}, "servers": [plain, *servers]},
        }

    def _of_gateway_api(self) -> JsonObject:
        everybodys = {"allowedRoutes": {"namespaces": {"from": "All"}}}
        plain = [
            {"name": f"http-{n}", "port": 8092, "protocol": "HTTP", "hostname": f"*.{domain}", **everybodys}
            for n, domain in enumerate(DOMAINS)
        ]
        secure = [
            {
                "name": its,
                "port": 443,
                "protocol": "HTTPS",
                "hostname": host,
                "tls": {"mode": "Terminate", "certificateRefs": [{"name": its}]},
                **everybodys,
            }
            for host, its in self._secrets(BY_LISTENER)
        ]
        address = {"type": "Hostname", "value": "istio-ingressgateway.istio-system.svc.cluster.local"}
        return {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "secure", "namespace": GATEWAYS},
            "spec": {"gatewayClassName": "istio", "addresses": [address], "listeners": [*plain, *secure]},
        }

    def _secrets(self, ways: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        return ((host, self.secret_of[host]) for way in ways for name in names(way) for host in hosts(name))


def names(way: str) -> tuple[str, str, str]:
    """Services of a way: two to be told apart, and one whose certificate expires."""
    return f"{way}-one", f"{way}-two", f"{way}-old"


def hosts(name: str) -> list[str]:
    return [f"{name}.{domain}" for domain in DOMAINS]


@pytest.fixture(scope="module")
def secured() -> Secured:
    return Secured()


@pytest.fixture(scope="module", name="places")
def _places(planes: Planes, secured: Secured) -> Iterator[Places]:
    """Gateways with a certificate for each host, and services of each way whose doors are open."""
    plane = planes("istio")
    # doorward sees the Gateways of the namespaces that it is told of.
    with place(plane.kubeconfig, SETTINGS, "--namespace", GATEWAYS, doorward="overlapSeconds: 1") as made:
        standing = [*secured.gateways(), *(secret(name, GATEWAYS, data) for name, data in secured.data.items())]
        try:
            apart(_populate(plane, made, secured, standing))
            yield lambda _: made
        finally:
            apart(_remove(plane, standing))


async def _populate(plane: DataPlane, made: Place, secured: Secured, standing: list[JsonObject]) -> None:
    async with models_in(plane, made) as models:
        for obj in standing:
            await put(models.cluster, obj)
        for way in TRIED:
            for name in names(way):
                annotations = {**WAYS[way].annotations}
                if way in BY_INGRESS:
                    annotations["doorward.io/tls-secret"] = name
                await models.add(name, annotations, components=COMPONENTS, knative=WAYS[way].serverless)
        for way in TRIED:
            for name in names(way):
                await models.stands(name)
                for host in hosts(name):
                    await models.client.until_answered(host, *PATHS.values(), port=port(way), tls=secured.trusting)


async def _remove(plane: DataPlane, standing: list[JsonObject]) -> None:
    cluster = KubeCluster.from_kubeconfig(plane.kubeconfig)
    try:
        for obj in standing:
            group = obj["apiVersion"].rpartition("/")[0]
            kind = f"{obj['kind']}.{group}" if group else obj["kind"]
            resource = Resource(kind, obj["kind"].lower() + "s", (obj["apiVersion"].rpartition("/")[2],))
            await cluster.delete(resource, GATEWAYS, obj["metadata"]["name"])
    finally:
        await cluster.close()


def port(way: str) -> int:
    return SECURE[WAYS[way].port]


async def proven(models: Models, secured: Secured, way: str, host: str) -> bytes:
    """The certificate by which a gateway proves to be a host."""
    return await served(models.plane.network, host, port(way), secured.trusting)


@every_way
async def test_each_host_proves_itself_with_its_own_certificate(models: Models, secured: Secured, way: str) -> None:
    for name in names(way)[:2]:
        for host in hosts(name):
            assert await proven(models, secured, way, host) == secured.certificate(host)
            for component, path in PATHS.items():
                answer = await models.client.ask(host, path, port=port(way), tls=secured.trusting)
                assert models.reached(answer) == f"{name}-{component}"
                assert answer.path == path


@every_way
async def test_a_host_that_nobody_has_proves_nothing(models: Models, secured: Secured, way: str) -> None:
    for host in (f"nobody.{DOMAINS[0]}", f"{way}-one.tls.example.net", f"x.{way}-one.{DOMAINS[0]}"):
        with pytest.raises(OSError):  # noqa: PT011
            await proven(models, secured, way, host)


@pytest.mark.parametrize("way", [*BY_SERVER, *BY_LISTENER])
async def test_plain_http_is_sent_to_https(models: Models, way: str) -> None:
    name = names(way)[0]
    at = f":{port(way)}" if port(way) != 443 else ""
    for host in hosts(name):
        for path in (*PATHS.values(), "/v1/decoder/x?format=text&y=%2F"):
            status, location = await redirect(models, way, host, path)
            # 308 in an HTTPRoute is for classes that list it, and this one's has no list.
            assert (status, location) == (301 if way in BY_LISTENER else 308, f"https://{host}{at}{path}")


@pytest.mark.parametrize("way", BY_INGRESS)
async def test_plain_http_is_served_where_nothing_redirects_it(models: Models, way: str) -> None:
    """Istio's Ingress controller has no redirect: docs/traffic.md, TLS."""
    name = names(way)[0]
    for host in hosts(name):
        answer = await models.client.ask(host, "/v1/models", port=WAYS[way].port)
        assert models.reached(answer) == f"{name}-engine"


async def redirect(models: Models, way: str, host: str, path: str) -> tuple[int, str]:
    url = models.client.url(path, WAYS[way].port)
    async with models.client.session.post(url, headers={"Host": host}, data=b"{}", allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "")


@every_way
async def test_renewal_loses_no_request(models: Models, secured: Secured, way: str) -> None:
    """Clients that keep their connections, and clients that come anew, before and after."""
    name = names(way)[0]
    wanted = [
        Target(port(way), host, path, models.pods_of(name, component), authority=secured.authority.pem)
        for host in hosts(name)
        for component, path in PATHS.items()
    ]
    before = {host: secured.certificate(host) for host in hosts(name)}
    async with load(models.plane.network, wanted, RATE) as running:
        for host in hosts(name):
            await secured.renew(models, host)
        for host in hosts(name):
            await proves(models, secured, way, host)
            assert secured.certificate(host) != before[host]
        await running.more(2 * RATE)
    assert running.lost == []


async def proves(models: Models, secured: Secured, way: str, host: str) -> None:
    """Wait until a host proves itself with the certificate of its Secret; the one before may be no proof any more."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(ssl.SSLCertVerificationError):
                if await proven(models, secured, way, host) == secured.certificate(host):
                    return
            await asyncio.sleep(0.02)


@every_way
async def test_an_expired_certificate_is_named(models: Models, secured: Secured, way: str) -> None:
    """As cert-manager tells it of the Secret that is served; clients refuse the host."""
    name = names(way)[2]
    host = hosts(name)[0]
    its = secured.secret_of[host]
    await secured.renew(models, host, expired=True)
    assert "certificate has expired" in await refused(models, secured, way, host)
    await put(models.cluster, certificate(its, "Expired", "Certificate expired on Thu, 26 Nov 2026"))
    try:
        await models.view.until(
            lambda: f"{GATEWAYS}/{its} has expired" in said(models, name), what=f"nobody is told of {its}"
        )
        await models.view.until(lambda: "CertificateExpired" in models.told(name), what=f"no event tells of {its}")
        assert "expired" not in said(models, names(way)[0])
        await secured.renew(models, host)
        status = {"status": certificate(its, "", "")["status"]}
        await models.cluster.patch(CERTIFICATE, GATEWAYS, its, status, subresource="status")
        await proves(models, secured, way, host)
        await models.view.until(lambda: "expired" not in said(models, name), what=f"{its} is still told of")
    finally:
        await models.cluster.delete(CERTIFICATE, GATEWAYS, its)


def said(models: Models, name: str) -> str:
    return str(models.condition(name).get("message", ""))


def certificate(name: str, reason: str, message: str) -> JsonObject:
    """What cert-manager makes of a Secret; ready without a reason why not."""
    ready = {"type": "Ready", "status": "False" if reason else "True", "reason": reason or "Ready", "message": message}
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": GATEWAYS},
        "spec": {"secretName": name, "issuerRef": {"name": "tests"}},
        "status": {"conditions": [{**ready, "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
    }


async def refused(models: Models, secured: Secured, way: str, host: str) -> str:
    """Wait until a client refuses what a host shows, and say why it does."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await proven(models, secured, way, host)
            except ssl.SSLCertVerificationError as error:
                return str(error)
            await asyncio.sleep(0.02)
