"""A tenant of a real API server, who may write all of its own namespace and nothing else, takes and keeps no host.

The tenant acts in namespace ``a`` with a ServiceAccount of its own; the victim's services are in ``b``.  One daemon
serves both.  The same goals are tried in more ways on the embedded cluster, by :mod:`tests.hostile`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import msgspec
import pytest
from doorward.cluster.kube import KubeCluster
from doorward.cluster.kube.access import Access
from doorward.cluster.kube.kubeconfig import read
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource

from tests.controlplane.providers import ApiServer
from tests.e2e.daemon import Daemon
from tests.e2e.doors import DOORS, INGRESS
from tests.e2e.place import Place, apart, place
from tests.e2e.test_foreign_objects import API, MAIN, stranger
from tests.e2e.world import OWNER, World, condition, reaches, resources, world_of
from tests.patience import PATIENCE

TENANT = "tenant"
"""The name of the ServiceAccount, of its Role and of the RoleBinding."""
MAY_WRITE = ("InferenceService", "Service", "Ingress", "VirtualService", "HTTPRoute")
VERBS = ["get", "list", "watch", "create", "patch", "update", "delete"]
TEMPLATE = "ome.io/ingress-domain-template"
NOBODY = "00000000-dead-4000-8000-000000000000"
RBAC = "rbac.authorization.k8s.io"


# -- the tenant's rights ------------------------------------------------------------------------------------------


async def admit(kubeconfig: Path, namespace: str) -> Access:
    """A ServiceAccount that may write the kinds of doors in one namespace; as whom it speaks to the server.

    The token is the API server's own (Kubernetes, "TokenRequest").
    """
    everyone = read([kubeconfig])
    kinds = [resources()[kind] for kind in MAY_WRITE]
    rules = [{"apiGroups": [kind.group], "resources": [kind.plural], "verbs": VERBS} for kind in kinds]
    role = {"apiGroup": RBAC, "kind": "Role", "name": TENANT}
    subject = {"kind": "ServiceAccount", "name": TENANT, "namespace": namespace}
    rights = [
        (Resource("ServiceAccount", "serviceaccounts"), {}),
        (Resource(f"Role.{RBAC}", "roles"), {"rules": rules}),
        (Resource(f"RoleBinding.{RBAC}", "rolebindings"), {"roleRef": role, "subjects": [subject]}),
    ]
    cluster = KubeCluster(everyone)
    try:
        for resource, content in rights:
            body = {"apiVersion": resource.api_version(), "kind": resource.name, "metadata": {"name": TENANT}}
            await cluster.create(resource, namespace, body | content)
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        tokens = Resource("TokenRequest", f"serviceaccounts/{TENANT}/token")
        answer = await cluster.create(tokens, namespace, request)
    finally:
        await cluster.close()
    access = msgspec.structs.replace(everyone, user={"token": answer["status"]["token"]})
    await let_in(access, kinds, namespace)
    return access


async def let_in(access: Access, kinds: list[Resource], namespace: str) -> None:
    """Wait until the server, which watches its own roles, lets these be listed."""
    cluster = KubeCluster(access)
    try:
        async with asyncio.timeout(PATIENCE):
            for kind in kinds:
                while not await allowed(cluster.list(kind, namespace, limit=1)):
                    pass
    finally:
        await cluster.close()


async def allowed(request: Awaitable[object]) -> bool:
    """Whether the server does what is asked, and doesn't forbid it."""
    try:
        await request
    except ApiError as error:
        if error.status != 403:
            raise
        return False
    return True


# -- who acts -----------------------------------------------------------------------------------------------------


class Claim(NamedTuple):
    """A service of the tenant's, a younger one of the victim's, and the host that the victim's has."""

    mine: str
    theirs: str
    host: str


class Town:
    """The tenant in namespace ``a``; everyone else, the victim among them, is the world's."""

    def __init__(self, world: World, cluster: KubeCluster) -> None:
        self.world = world
        self.cluster = cluster
        self.a, self.b = world.namespaces[1:]

    # -- the tenant

    async def make(self, obj: JsonObject) -> JsonObject:
        """Create something in ``a``, in doorward's name."""
        return await self.cluster.create(resources()[obj["kind"]], self.a, obj, field_manager="doorward")

    async def edit(self, kind: str, name: str, body: JsonObject) -> JsonObject:
        """Change something in ``a``, in doorward's name."""
        return await self.cluster.patch(resources()[kind], self.a, name, body, field_manager="doorward")

    async def remove(self, kind: str, name: str) -> None:
        await self.cluster.delete(resources()[kind], self.a, name)

    async def ask(self, name: str, host: str) -> None:
        """Ask for a host for a service in ``a``."""
        await self.edit("InferenceService", name, {"metadata": {"annotations": {TEMPLATE: host}}})

    async def settle_in(self, door: str, **annotations: str) -> str:
        """A service of the tenant's, whose engine OME calls ready; its name."""
        name = f"m-{token_hex(3)}"
        labels = {"ome.io/inferenceservice": name, "component": "engine"}
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        service = {"apiVersion": "v1", "kind": "Service", "spec": {"selector": labels, "ports": ports}}
        await self.make({**service, "metadata": {"name": f"{name}-engine", "labels": labels}})
        metadata = {"name": name, "annotations": {**DOORS[door].annotations, **annotations}}
        spec = {"engine": {"minReplicas": 1}}
        await self.make(
            {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "metadata": metadata, "spec": spec}
        )
        ready = {"status": {"conditions": [condition("EngineReady")]}}
        await self.world.patch("InferenceService", name, ready, subresource="status", namespace=self.a)
        return name

    async def forge(self, claim: Claim, kind: str) -> JsonObject:
        """An object for the victim's host with the UID of the tenant's own service as its owner."""
        service = self.world.view.get("InferenceService", claim.mine)
        assert service
        annotations = {OWNER: service["metadata"]["uid"], "doorward.io/components": "engine"}
        return await self.make(stranger(kind, f"forged-{token_hex(3)}", claim.host, annotations=annotations))

    async def edit_in(self, claim: Claim, kind: str) -> None:
        """Edit the victim's host into what doorward made for the tenant's own service, and ask for it at once."""
        ours = self.world.view.get(kind, claim.mine)
        assert ours
        own = f"{claim.mine}.{self.a}.example.com"
        spec = json.dumps(ours["spec"])
        assert f'"{own}"' in spec
        # As it is, and in a regular expression, as JSON has that.
        for dot in (".", r"\\."):
            spec = spec.replace(own.replace(".", dot), claim.host.replace(".", dot))
        edited = {"spec": json.loads(spec)}
        await asyncio.gather(self.edit(kind, claim.mine, edited), self.ask(claim.mine, claim.host))

    # -- the victim

    async def contested(self, door: str, attacker: str = "k8s_ingress", *, asks: bool = True) -> Claim:
        """A host that a service of the victim's has by ``door``, and one of the tenant's, which is older, asks for."""
        mine = await self.settle_in(attacker)
        await self.world.stands(mine)
        theirs, host = await self.victim(door)
        await self.world.stands(theirs)
        if asks:
            await self.ask(mine, host)
            await self.world.reports(mine, "HostConflict")
        return Claim(mine, theirs, host)

    async def victim(self, door: str, name: str = "") -> tuple[str, str]:
        """A service of the victim's and the host that it asks for."""
        name, host = name or f"v-{token_hex(3)}", f"bank-{token_hex(3)}.example.com"
        await self.world.add(name, {**DOORS[door].annotations, TEMPLATE: host})
        return name, host

    async def belongings(self, claim: Claim) -> dict[str, str]:
        """The victim's service and objects, each with its resourceVersion."""
        versions = await self.world.versions()
        return {key: version for key, version in versions.items() if f"/{self.b}/{claim.theirs}" in key}

    # -- what comes of it

    def names(self, host: str) -> list[str]:
        """What in namespace ``a`` leads a host anywhere."""
        routes = self.world.view.objects("Ingress", "VirtualService", "HTTPRoute")
        in_a = [o for o in routes if o["metadata"]["namespace"] == self.a]
        return [f"{o['kind']}/{o['metadata']['name']}" for o in in_a if f'"{host}"' in json.dumps(o["spec"])]

    async def takes_nothing(self, claim: Claim, before: dict[str, str]) -> None:
        """Assert that the victim's door is as it was, and that nothing in ``a`` serves its host any more."""
        world = self.world
        await world.reports(claim.mine, "HostConflict")
        await world.view.until(lambda: not self.names(claim.host), what=f"{claim.host} is served in {self.a}")
        await world.barrier()
        told = world.condition(claim.mine)
        assert told["reason"] == "HostConflict"
        assert f"{self.b}/{claim.theirs}" in told["message"]
        assert await self.belongings(claim) == before
        assert world.condition(claim.theirs)["status"] == "True"
        victims = [o for o in world.view.objects() if o["metadata"]["namespace"] == self.b]
        assert reaches(victims, f"http://{claim.host}/") == f"{claim.theirs}-engine"
        assert not self.names(claim.host)


@asynccontextmanager
async def town_of(world: World, access: Access) -> AsyncIterator[Town]:
    world.answer()
    cluster = KubeCluster(access)
    try:
        yield Town(world, cluster)
    finally:
        await cluster.close()


def two() -> tuple[str, str]:
    """Namespaces of the tenant and of the victim; the tenant's comes first where age decides nothing."""
    return f"a-{token_hex(4)}", f"b-{token_hex(4)}"


@pytest.fixture(scope="module", name="place")
def _place(api_server: ApiServer) -> Iterator[Place]:
    with place(api_server.kubeconfig, INGRESS, names=two(), doorward="overlapSeconds: 1") as made:
        yield made


@pytest.fixture(scope="module")
def access(place: Place) -> Access:
    return apart(admit(place.kubeconfig, place.namespaces[1]))


@pytest.fixture
async def town(world: World, access: Access) -> AsyncIterator[Town]:
    async with town_of(world, access) as town:
        yield town


# -- what the tenant may do ---------------------------------------------------------------------------------------


async def test_a_tenant_writes_no_status_and_reads_no_settings_and_nothing_of_another_namespace(town: Town) -> None:
    name = await town.settle_in("k8s_ingress")
    theirs, host = await town.victim("k8s_ingress")
    await town.world.stands(name, theirs)
    service, ingress = resources()["InferenceService"], resources()["Ingress"]
    claimed = {"status": {"annotations": {"doorward.io/hosts": host}}}
    asked = {"metadata": {"annotations": {TEMPLATE: host}}}
    tenant = town.cluster
    refused: dict[str, Callable[[], Awaitable[object]]] = {
        "status": lambda: tenant.patch(service, town.a, name, claimed, subresource="status"),
        "another's status": lambda: tenant.patch(service, town.b, theirs, claimed, subresource="status"),
        "another's service": lambda: tenant.patch(service, town.b, theirs, asked),
        "another's door": lambda: tenant.delete(ingress, town.b, theirs),
        "an object beside it": lambda: tenant.create(ingress, town.b, stranger("Ingress", "theirs", host)),
        "a look at it": lambda: tenant.get(service, town.b, theirs),
        "the settings": lambda: tenant.get(
            resources()["ConfigMap"], town.world.namespaces[0], "inferenceservice-config"
        ),
    }
    for what, request in refused.items():
        assert not await allowed(request()), what
    before = town.world.status(name)
    written = await town.edit("InferenceService", name, {**claimed, "metadata": {"labels": {"changed": "true"}}})
    assert written["status"] == before, "a status is written beside the subresource"


# -- taking a host ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", MAIN)
@pytest.mark.parametrize("kind", API)
async def test_a_forged_owner_annotation_takes_no_standing_host(town: Town, kind: str, door: str) -> None:
    claim = await town.contested(door)
    before = await town.belongings(claim)
    await town.forge(claim, kind)
    await town.takes_nothing(claim, before)


@pytest.mark.parametrize("version", ["v1beta1", "v9"], ids=["its version", "a version that nobody serves"])
async def test_the_uid_of_an_older_service_of_another_namespace_takes_no_standing_host(
    town: Town, version: str
) -> None:
    """Garbage collection takes such an object late, and never where it doesn't know the kind of the owner."""
    older, _ = await town.victim("k8s_ingress", f"o-{token_hex(3)}")
    await town.world.stands(older)
    claim = await town.contested("k8s_ingress")
    before = await town.belongings(claim)
    there = town.world.view.get("InferenceService", older)
    assert there
    uid = there["metadata"]["uid"]
    owner = {"apiVersion": f"ome.io/{version}", "kind": "InferenceService", "name": older, "uid": uid}
    more: JsonObject = {"annotations": {OWNER: uid}, "ownerReferences": [owner]}
    await town.make(stranger("Ingress", f"forged-{token_hex(3)}", claim.host, **more))
    await town.world.barrier()
    assert town.world.condition(claim.theirs)["status"] == "True", town.world.condition(claim.theirs)
    assert await town.belongings(claim) == before


@pytest.mark.parametrize("attacker", MAIN)
async def test_a_host_edited_into_ones_own_door_takes_no_standing_host(town: Town, attacker: str) -> None:
    claim = await town.contested("k8s_ingress", attacker, asks=False)
    before = await town.belongings(claim)
    await town.edit_in(claim, MAIN[attacker])
    await town.takes_nothing(claim, before)


@pytest.mark.parametrize("journal", [True, False], ids=["with a journal", "without a journal"])
async def test_what_is_forged_and_edited_while_doorward_is_away_takes_no_standing_host(
    api_server: ApiServer, tmp_path: Path, journal: bool
) -> None:
    kept = tmp_path / "journal" if journal else None
    keys = {"doorward": "overlapSeconds: 1"}
    with place(api_server.kubeconfig, INGRESS, names=two(), serve=False, **keys) as made:
        access = await admit(made.kubeconfig, made.namespaces[1])
        async with world_of(made.kubeconfig, made.namespaces) as world, town_of(world, access) as town:
            with Daemon(made.kubeconfig, made.namespaces, journal=kept) as world.daemon:
                forged = {kind: await town.contested(door) for door in MAIN for kind in [MAIN[door]]}
                edited = {MAIN[door]: await town.contested("k8s_ingress", door, asks=False) for door in MAIN}
                claims = [*forged.values(), *edited.values()]
                await world.barrier()
                before = [await town.belongings(claim) for claim in claims]
                world.daemon.kill()
            for kind, claim in forged.items():
                await town.forge(claim, kind)
            for kind, claim in edited.items():
                await town.edit_in(claim, kind)
            with Daemon(made.kubeconfig, made.namespaces, journal=kept) as world.daemon:
                for claim, was in zip(claims, before, strict=True):
                    await town.takes_nothing(claim, was)


# -- squatting ----------------------------------------------------------------------------------------------------


def squatter(host: str, cls: str, **metadata: object) -> JsonObject:
    """An Ingress with the UID of a service that isn't there as its owner."""
    made = stranger("Ingress", f"squatter-{token_hex(3)}", host, annotations={OWNER: NOBODY}, **metadata)
    made["spec"]["ingressClassName"] = cls
    return made


STAYING = ["nothing", "another owner", "an owner of a version that nobody serves", "a finalizer"]


@pytest.mark.parametrize("kept_by", STAYING)
async def test_an_object_of_nobodys_service_squats_no_host_of_another_class(town: Town, kept_by: str) -> None:
    world = town.world
    host = f"new-{token_hex(3)}.example.com"
    more: JsonObject = {}
    if kept_by == "another owner":
        mine = await town.settle_in("cluster_local")
        service = await world.cluster.get(resources()["Service"], town.a, f"{mine}-engine")
        uid = service["metadata"]["uid"]
        more = {"ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": f"{mine}-engine", "uid": uid}]}
    if kept_by == "an owner of a version that nobody serves":
        gone = {"apiVersion": "ome.io/v9", "kind": "InferenceService", "name": "gone", "uid": NOBODY}
        more = {"ownerReferences": [gone]}
    if kept_by == "a finalizer":
        more = {"finalizers": ["example.com/mine"]}
    theirs = await town.make(squatter(host, "other", **more))
    name = theirs["metadata"]["name"]
    try:
        if kept_by == "a finalizer":
            await town.remove("Ingress", name)
            theirs = await world.cluster.get(resources()["Ingress"], town.a, name)
            assert "deletionTimestamp" in theirs["metadata"]
        await world.barrier()
        victim = f"v-{token_hex(3)}"
        await world.add(victim, {**DOORS["k8s_ingress"].annotations, TEMPLATE: host})
        await world.view.until(lambda: world.condition(victim).get("status") in ("True", "False"))
        await world.barrier()
        assert world.condition(victim)["status"] == "True", world.condition(victim)
        victims = [o for o in world.view.objects() if o["metadata"]["namespace"] == town.b]
        assert reaches(victims, f"http://{host}/") == f"{victim}-engine"
        there = world.view.get("Ingress", name)
        assert there
        assert there["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]
    finally:
        if kept_by == "a finalizer":
            await town.edit("Ingress", name, {"metadata": {"finalizers": None}})


async def test_an_object_of_nobodys_service_is_an_ordinary_foreign_one_of_the_same_class(town: Town) -> None:
    world = town.world
    host, victim = f"new-{token_hex(3)}.example.com", f"v-{token_hex(3)}"
    theirs = await town.make(squatter(host, "nginx"))
    name = theirs["metadata"]["name"]
    await world.barrier()
    await world.add(victim, {**DOORS["k8s_ingress"].annotations, TEMPLATE: host})
    told = await world.reports(victim, "HostConflict")
    assert f"Ingress {town.a}/{name}, which isn't doorward's" in told["message"]
    await world.barrier()
    there = world.view.get("Ingress", name)
    assert there
    assert there["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]
    await town.remove("Ingress", name)
    await world.stands(victim)
    assert world.reaches(f"http://{host}/") == f"{victim}-engine"


# -- reaching others ----------------------------------------------------------------------------------------------


WITHIN = [
    "V.B.svc.cluster.local",
    "V-engine.B.svc.cluster.local",
    "kubernetes.default.svc.cluster.local",
    "V.B",
    "V.B.svc",
]
"""Names of Services; ``V`` and ``B`` are those of the victim's service and namespace."""


@pytest.mark.parametrize("door", MAIN)
@pytest.mark.parametrize("template", WITHIN)
async def test_a_name_within_the_cluster_is_no_host_of_a_door(town: Town, template: str, door: str) -> None:
    world = town.world
    theirs, _ = await town.victim(door)
    await world.stands(theirs)
    host = template.replace("V", theirs).replace("B", town.b)
    mine = await town.settle_in(door, **{TEMPLATE: host})
    await world.view.until(
        lambda: world.condition(mine).get("reason", "") != "EngineNotReady" and world.condition(mine)
    )
    await world.barrier()
    told = world.condition(mine)
    assert (told["status"], told.get("reason")) == ("False", "InvalidHost")
    assert host in told["message"]
    assert not town.names(host)
