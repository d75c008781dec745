"""Every single right of ``deploy/``: without it something fails that names it, and nothing else does.

A right is a verb on a resource.  Each is taken away from somebody of its own, as whom a shell runs before a real API
server; what has all of them shows what a shell does then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import pytest
from doorward.cluster.kube import KubeCluster, kubeconfig
from doorward.cluster.protocol import ApiError
from doorward.engine import Engine
from doorward.lease import LEASE, Candidate, Terms
from doorward.model.action import Action
from doorward.model.event import Applied, Refused
from doorward.model.reference import SECRETS, JsonObject
from doorward.runtime.listener import Listener
from doorward.runtime.performing import Outcome
from doorward.runtime.shell import Shell
from doorward_daemon.logs import WriteLog
from doorward_daemon.readiness import readiness
from structlog.testing import capture_logs
from tenacity import wait_fixed

from tests.controlplane.providers import ApiServer
from tests.e2e.doors import DOORS, RAW, VISIBILITY
from tests.e2e.place import apart
from tests.e2e.rights import ACCOUNT, GROUP, RIGHTS, documents, write
from tests.e2e.world import component_service, condition, make_namespaces, remove_namespaces, resources, settings
from tests.patience import PATIENCE

pytestmark = pytest.mark.cluster


class Right(NamedTuple):
    """One verb on one resource; ``name``: of one object alone."""

    verb: str
    group: str
    resource: str
    name: str

    def __str__(self) -> str:
        return f"{self.verb} {'.'.join(filter(None, (self.resource, self.group)))}"

    @property
    def words(self) -> str:
        """How an API server says that it is missing."""
        return f'cannot {self.verb} resource "{self.resource}" in API group "{self.group}"'

    def is_named(self, text: str) -> bool:
        """By the API server, or by us where that one speaks of owners alone."""
        kind = KINDS.get(self.resource.removesuffix("/finalizers"), "")
        what = f"the subresource finalizers of {kind}" if "/finalizers" in self.resource else f"{kind}.{self.group}"
        return self.words in text or f"allow verb {self.verb} on {what}" in text


@cache
def rights() -> list[Right]:
    roles = [doc for doc in documents("ome") if "rules" in doc]
    return sorted({right for role in roles for rule in role["rules"] for right in allowed(rule)}, key=str)


KEYS = "doorward-keys"
NAMESPACE = f"rights-{token_hex(3)}"
CLASS = f"traefik-{token_hex(3)}"
TRAEFIK = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": CLASS},
    "spec": {"controller": "traefik.io/ingress-controller"},
}
GUARDED = {"doorward.io/auth": "api-key", "doorward.io/auth-secret": KEYS}
SNIPPET = {"nginx.ingress.kubernetes.io/configuration-snippet": "return 200;"}
MADE = {
    "istio": DOORS["istio"].annotations,
    "ingress": {**RAW, **SNIPPET},
    "traefik": {**RAW, **GUARDED, "ome.io/ingress-class": CLASS},
    "gateway": {**DOORS["gateway_api"].annotations, **GUARDED},
    "balancer": {"ome.io/disable-ingress": "true", "ome.io/service-type": "LoadBalancer"},
}
"""One door of each kind that is written, with guards, and one that tells something in an event."""
INGRESS = {"ingressClassName": "nginx", "omeIngressGateway": "infra/ome"}
OURS = ("Service", "Ingress", "HTTPRoute", "VirtualService", "Middleware", "SecurityPolicy")
KINDS = {resource.plural: kind for kind, resource in resources().items()}
FAST = wait_fixed(0.02)


class Losing(KubeCluster):
    """A client that hears no answer to the first request of a kind that writes one, though it was carried out."""

    losing = ""

    async def create(self, resource: Any, *arguments: Any, **more: Any) -> JsonObject:
        answer = await super().create(resource, *arguments, **more)
        self._lose(resource.name)
        return answer

    async def patch(self, resource: Any, *arguments: Any, **more: Any) -> JsonObject:
        answer = await super().patch(resource, *arguments, **more)
        self._lose(resource.name)
        return answer

    def _lose(self, name: str) -> None:
        if name == self.losing:
            self.losing = ""
            raise ApiError(0, "", "the answer was lost")


class Wrote(NamedTuple):
    """A write that was carried out, of an object of that kind; ``service`` is the name of whose door it is."""

    verb: str
    kind: str
    service: str


@dataclass
class Done(Listener):
    """What came of the writes of one shell."""

    engine: Engine
    applied: set[Wrote] = field(default_factory=set)
    refused: list[tuple[str, Refused]] = field(default_factory=list)
    """What wasn't allowed, with the service that it was for."""

    def performed(self, action: Action, outcome: Outcome, seconds: float) -> None:
        service = self.engine.named(action.service).partition("/")[2]
        if isinstance(outcome, Applied):
            self.applied.add(Wrote(action.verb, action.ref.kind.partition(".")[0], service))
        elif isinstance(outcome, Refused) and outcome.status == 403:
            self.refused.append((service, outcome))


@dataclass
class Stage:
    """An API server with somebody for each right, who has all but that one."""

    administrator: Path
    folder: Path
    namespace: str
    guards_finalizers: bool
    """Whether it asks for the right to block the deletion of an owner, as a server of the tests' own does."""
    whole: dict[str, set[Wrote]] = field(default_factory=dict)
    """What somebody does who has every right, by what is played."""

    def kubeconfig(self, right: Right | None) -> Path:
        path = self.folder / str(right).replace(" ", "-").replace("/", "-")
        if not path.exists():
            access = kubeconfig.read([self.administrator], None)
            write(self.administrator, path, {**access.user, "as": user_of(account_of(right))})
        return path


def account_of(right: Right | None) -> str:
    """The account that lacks it; None: the one that lacks nothing."""
    return f"{ACCOUNT}-{rights().index(right)}" if right else ACCOUNT


def user_of(account: str) -> str:
    """As whom a server knows it; there need be no ServiceAccount for that."""
    return f"system:serviceaccount:{NAMESPACE}:{account}"


def granted(namespace: str) -> Iterator[JsonObject]:
    """For each account all rights but its own: roles without that one, and for all others the whole roles."""
    everybody = {None, *rights()}
    bound = {doc["roleRef"]["name"] for doc in documents(namespace) if "roleRef" in doc}
    for role in documents(namespace):
        if "rules" not in role or role["metadata"]["name"] not in bound:
            continue
        lacking = {right for right in rights() if any(right in allowed(rule) for rule in role["rules"])}
        yield from bound_to(role, *(account_of(right) for right in everybody - lacking))
        for right in lacking:
            rules = [part for rule in role["rules"] for part in without(rule, right)]
            metadata = {**role["metadata"], "name": f"{role['metadata']['name']}-{account_of(right)}"}
            yield from bound_to({**role, "metadata": metadata, "rules": rules}, account_of(right))


def bound_to(role: JsonObject, *accounts: str) -> tuple[JsonObject, JsonObject]:
    binding = {
        "apiVersion": role["apiVersion"],
        "kind": f"{role['kind']}Binding",
        "metadata": role["metadata"],
        "roleRef": {"apiGroup": GROUP, "kind": role["kind"], "name": role["metadata"]["name"]},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user_of(account)} for account in sorted(accounts)],
    }
    return role, binding


def allowed(rule: JsonObject) -> set[Right]:
    return {
        Right(verb, group, resource, name)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


def without(rule: JsonObject, right: Right) -> Iterator[JsonObject]:
    """The rule, resource by resource, without that right."""
    for resource in rule["resources"]:
        part = {**rule, "resources": [resource]}
        verbs = [verb for verb in rule["verbs"] if right != (verb, rule["apiGroups"][0], resource, right.name)]
        if right not in allowed(part) or verbs:
            yield {**part, "verbs": verbs if right in allowed(part) else rule["verbs"]}


async def each_of(administrator: Path, work: str, docs: list[JsonObject]) -> None:
    cluster = KubeCluster.from_kubeconfig(administrator)

    async def one(doc: JsonObject) -> None:
        resource, metadata = {**RIGHTS, **resources()}[doc["kind"]], doc["metadata"]
        if work == "create":
            await cluster.create(resource, metadata.get("namespace", ""), doc)
        elif "namespace" not in metadata:
            await cluster.delete(resource, "", metadata["name"])

    try:
        for begin in range(0, len(docs), 16):
            await asyncio.gather(*map(one, docs[begin : begin + 16]))
    finally:
        await cluster.close()


@pytest.fixture(scope="module")
def stage(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    namespace = NAMESPACE
    own = api_server.provider in ("binaries", "built")
    made = Stage(api_server.kubeconfig, tmp_path_factory.mktemp("rights"), namespace, own)
    docs = [*granted(namespace)]
    apart(make_namespaces(api_server.kubeconfig, namespace))
    try:
        apart(each_of(api_server.kubeconfig, "create", docs))
        yield made
    finally:
        apart(each_of(api_server.kubeconfig, "delete", [*docs, TRAEFIK]))
        apart(remove_namespaces(api_server.kubeconfig, namespace))


# -- what is played --------------------------------------------------------------------------------------------------


@dataclass
class Play:
    """A shell with all rights but one, and what is seen of it."""

    shell: Shell
    cluster: Losing
    done: Done
    logs: list[Any]
    namespace: str

    def told(self) -> str:
        """Everything that people can read: conditions, ``/readyz`` and the log."""
        return "\n".join((*self.conditions(), *readiness(self.shell)[1], *map(str, self.logs)))

    def conditions(self) -> list[str]:
        found = []
        for service in self.shell.engine.services():
            for each in (service.get("status") or {}).get("conditions") or ():
                found.append(f"{each.get('reason')}: {each.get('message')}")
        return found


@asynccontextmanager
async def playing(stage: Stage, right: Right | None, namespace: str) -> AsyncIterator[Play]:
    cluster = Losing.from_kubeconfig(stage.kubeconfig(right))
    assert isinstance(cluster, Losing)
    engine = Engine(namespaces=[namespace], settings_namespace=stage.namespace)
    shell = Shell(engine, cluster, pauses=FAST)
    done = Done(engine)
    with capture_logs() as logs:
        shell.listeners += [done, WriteLog(shell)]
        try:
            async with shell:
                yield Play(shell, cluster, done, logs, namespace)
        finally:
            await cluster.close()


@asynccontextmanager
async def users(stage: Stage) -> AsyncIterator[KubeCluster]:
    cluster = KubeCluster.from_kubeconfig(stage.administrator)
    try:
        yield cluster
    finally:
        await cluster.close()


async def deploy(stage: Stage, namespace: str) -> None:
    """A service for each door, and the Secret of those that are guarded."""
    await make_namespaces(stage.administrator, namespace)
    async with users(stage) as cluster:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEYS}, "stringData": {"alice": "alices"}}
        await cluster.create(SECRETS, namespace, secret)

        async def one(name: str, annotations: dict[str, str]) -> None:
            await cluster.create(resources()["Service"], namespace, component_service(name, "engine"))
            isvc = resources()["InferenceService"]
            body = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "spec": {"engine": {"minReplicas": 1}}}
            await cluster.create(isvc, namespace, {**body, "metadata": {"name": name, "annotations": annotations}})
            status = {"status": {"conditions": [condition("EngineReady")]}}
            await cluster.patch(isvc, namespace, name, status, subresource="status")

        await asyncio.gather(*(one(name, annotations) for name, annotations in MADE.items()))


async def strip(stage: Stage, namespace: str) -> None:
    """Somebody takes a label off everything that doorward made."""
    async with users(stage) as cluster:
        for kind in OURS:
            page = await cluster.list(resources()[kind], namespace)
            for obj in page.items:
                if "doorward.io/owner" in (obj["metadata"].get("annotations") or {}):
                    body = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
                    await cluster.patch(resources()[kind], namespace, obj["metadata"]["name"], body)


async def close(stage: Stage, namespace: str) -> None:
    """Everybody wants less than before."""
    less: dict[str, JsonObject] = {name: {"labels": {VISIBILITY: "cluster-local"}} for name in MADE}
    less["istio"] = {"annotations": RAW}
    less["balancer"] = {"annotations": {"ome.io/service-type": None}}
    async with users(stage) as cluster:
        for name, metadata in less.items():
            await cluster.patch(resources()["InferenceService"], namespace, name, {"metadata": metadata})


WRITES = ("create", "patch", "delete", "get", "update")
"""Verbs of rights that are missed when something is written."""


@pytest.fixture(scope="module")
def standing(stage: Stage) -> str:
    """A namespace in which all doors stand, made and mended by who has every right; what it did is noted."""
    namespace = f"{stage.namespace}-standing"

    async def prepare() -> None:
        await make_namespaces(stage.administrator, namespace)
        async with users(stage) as cluster:
            body = settings(
                stage.namespace, INGRESS, doorward="overlapSeconds: 0\nauthService: ome/doorward-authz:9191"
            )
            await cluster.create(resources()["ConfigMap"], stage.namespace, body)
            await cluster.create(resources()["IngressClass"], "", TRAEFIK)
        await deploy(stage, namespace)
        async with playing(stage, None, namespace) as play:
            await play.shell.once(PATIENCE)
            opened = {*play.done.applied}
            await strip(stage, namespace)
            due = {Wrote("patch", *wrote[1:]) for wrote in opened if wrote.verb == "create"}
            await settled(play, lambda: due <= play.done.applied)
            assert not play.done.refused
        elsewhere = f"{stage.namespace}-closed"
        await deploy(stage, elsewhere)
        async with playing(stage, None, elsewhere) as play:
            await play.shell.once(PATIENCE)
            await close(stage, elsewhere)
            await settled(play, lambda: {w.kind for w in play.done.applied if w.verb == "delete"} == set(OURS))
            assert not play.done.refused
            closed = {wrote for wrote in play.done.applied if wrote.verb == "delete"}
        stage.whole.update(open=opened, repair=due, close=closed)
        await remove_namespaces(stage.administrator, elsewhere)

    apart(prepare())
    return namespace


async def settled(play: Play, enough: Callable[[], bool], *, still: bool = True) -> None:
    try:
        await play.shell.wait_for(enough, PATIENCE)
    except TimeoutError:
        pytest.fail(f"only {sorted(play.done.applied)}\n{play.told()}")
    if still:
        await play.shell.once(PATIENCE)


def test_no_right_is_a_wildcard_and_no_secret_is_without_a_name() -> None:
    assert not [right for right in rights() if "*" in (right.verb, right.group, right.resource)]
    assert {right.name for right in rights() if right.resource == "secrets"} == {KEYS}


READ = [right for right in rights() if right.verb in ("list", "watch") and right.resource not in ("secrets", "leases")]
WRITTEN = [right for right in rights() if right.verb in WRITES and right.resource != "leases"]
LEASES = [right for right in rights() if right.resource == "leases"]
SECRET_RIGHTS = [right for right in rights() if right.resource == "secrets"]


@pytest.mark.parametrize("right", READ, ids=str)
async def test_without_the_right_to_read_a_kind_readiness_names_it_and_no_other(
    stage: Stage, standing: str, right: Right
) -> None:
    async with playing(stage, right, standing) as play:
        shell = play.shell
        kinds = {(r.group, r.plural): r.kind for r in shell.engine.backends.resources.values()}
        kind = kinds[right.group, right.resource]
        await shell.wait_for(lambda: not shell.engine.unsynced, PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while right.words not in "\n".join(readiness(shell)[1]):  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)
        forbidden = {each for each, state in shell.engine.missing.items() if state == "forbidden"}
        assert forbidden | {each for each, _ in shell.unwatched} == {kind}
        assert play.done.refused == []


@pytest.mark.parametrize("right", WRITTEN, ids=str)
async def test_without_the_right_to_write_a_kind_its_doors_name_it_and_the_others_open(
    stage: Stage, standing: str, right: Right
) -> None:
    if right.resource.endswith("/finalizers") and not stage.guards_finalizers:
        pytest.skip("the API server doesn't ask for the right to block the deletion of an owner")
    plays = {"patch": "repair", "delete": "close"} if "/" not in right.resource else {}
    what = plays.get(right.verb, "open")
    namespace = standing if what == "repair" else f"{stage.namespace}-{rights().index(right)}"
    try:
        if what == "repair":
            await strip(stage, namespace)
        else:
            await deploy(stage, namespace)
        async with playing(stage, right, namespace) as play:
            play.cluster.losing = KINDS[right.resource] if right.verb == "get" else ""
            if what == "close":
                await play.shell.once(PATIENCE)
                await close(stage, namespace)
            await settled(play, lambda: bool(play.done.refused) and others_done(stage, play, what), still=False)
            for _, outcome in play.done.refused:
                assert right.is_named(outcome.message)
            assert right.is_named(play.told())
            assert not [state for state in play.shell.engine.missing.values() if state == "forbidden"]
            assert not play.shell.unwatched
            if right.verb in ("create", "patch", "delete") and "/" not in right.resource and right.resource != "events":
                await play.shell.wait_for(lambda: right.is_named("\n".join(play.conditions())), PATIENCE)
    finally:
        if what != "repair":
            await remove_namespaces(stage.administrator, namespace)


def others_done(stage: Stage, play: Play, what: str) -> bool:
    """Whether all is done that has nothing to do with a write that was refused."""
    affected = {service for service, _ in play.done.refused}
    return {wrote for wrote in stage.whole[what] if wrote.service not in affected} <= play.done.applied


@pytest.mark.parametrize("right", SECRET_RIGHTS, ids=str)
async def test_without_the_right_to_read_a_door_s_secret_it_is_named(stage: Stage, standing: str, right: Right) -> None:
    namespace = f"{stage.namespace}-{rights().index(right)}"
    await deploy(stage, namespace)
    try:
        async with playing(stage, right, namespace) as play:
            async with asyncio.timeout(PATIENCE):
                while right.words not in play.told():  # noqa: ASYNC110 - nobody is told of it
                    await asyncio.sleep(0.01)
            await play.shell.wait_for(
                lambda: {w for w in stage.whole["open"] if w.service not in GUARDED_DOORS} <= play.done.applied,
                PATIENCE,
            )
            assert play.done.refused == []
    finally:
        await remove_namespaces(stage.administrator, namespace)


GUARDED_DOORS = {name for name, annotations in MADE.items() if "doorward.io/auth" in annotations}


@pytest.mark.parametrize("right", LEASES, ids=str)
async def test_without_a_right_to_the_lease_it_is_named(stage: Stage, right: Right) -> None:
    async with users(stage) as administrators:
        with suppress(ApiError):
            await administrators.delete(LEASE, stage.namespace, "doorward")
    cluster = KubeCluster.from_kubeconfig(stage.kubeconfig(right))
    try:
        async with Candidate(cluster, stage.namespace, identity="a-pod", terms=Terms.of(1)) as candidate:
            async with asyncio.timeout(PATIENCE):
                while right.words not in candidate.problem:  # noqa: ASYNC110 - nobody is told of it
                    await asyncio.sleep(0.01)
    finally:
        await cluster.close()


async def test_with_every_right_nothing_is_refused(stage: Stage, standing: str) -> None:
    for what, verb in (("open", "create"), ("repair", "patch"), ("close", "delete")):
        assert {wrote.kind for wrote in stage.whole[what] if wrote.verb == verb} == set(OURS)
