"""A place on a real API server where the kit tries a backend, and removes what it made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex

import msgspec
import orjson

from doorward.backends import Backends
from doorward.cluster.kube import AccessError, KubeCluster
from doorward.cluster.kube.kubeconfig import read
from doorward.cluster.protocol import ApiError
from doorward.model.reference import CONFIG_MAP, INFERENCE_SERVICE, JsonObject, Resource, kind_of
from doorward.runtime.permissions import cluster_rules, settings_rules
from doorward.testing.conformance.cluster import NAME, NAMESPACE, manifest_of
from doorward.testing.conformance.subject import NotTried, Subject, component_service

DEFINITION = Resource("CustomResourceDefinition.apiextensions.k8s.io", "customresourcedefinitions", namespaced=False)
NAMESPACES = Resource("Namespace", "namespaces", namespaced=False)
RBAC = "rbac.authorization.k8s.io"
CLUSTER_ROLE = Resource(f"ClusterRole.{RBAC}", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDING = Resource(f"ClusterRoleBinding.{RBAC}", "clusterrolebindings", namespaced=False)
ROLE = Resource(f"Role.{RBAC}", "roles")
ROLE_BINDING = Resource(f"RoleBinding.{RBAC}", "rolebindings")
SERVICE_ACCOUNT = Resource("ServiceAccount", "serviceaccounts")
GROUPS = ("system:serviceaccounts", "system:authenticated")
SERVED_WITHIN = 60.0
"""Seconds that a definition is given until its kind is served."""
AGAIN = 0.2


class Place:
    """A namespace, as an administrator sees it, and as a ServiceAccount with exactly the declared rights does."""

    def __init__(self, kubeconfig: Path, subject: Subject) -> None:
        self.subject = subject
        self.namespace = f"doorward-kit-{token_hex(4)}"
        plugin = subject.backends.manager.get_plugin(subject.name)
        self.backends = Backends({subject.name: plugin})
        """The one that is tried, alone: what others declare is of no help to it."""
        self.namespaces = {self.namespace}
        self._made: list[tuple[Resource, str, str]] = []
        access = read([kubeconfig], None)
        account = f"system:serviceaccount:{self.namespace}:{NAME}"
        groups = [*GROUPS, f"{GROUPS[0]}:{self.namespace}"]
        user = {**access.user, "as": account, "as-groups": groups}
        self.admin = KubeCluster(access)
        self.granted = KubeCluster(msgspec.structs.replace(access, user=user))

    async def make(self, resource: Resource, body: JsonObject, *, stays: bool = False) -> None:
        """Create something unless it is there, to be removed at the end."""
        metadata = body["metadata"]
        namespace = metadata.get("namespace", "")
        try:
            made = await self.admin.create(resource, namespace, body, version=await self.admin.served(resource))
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return
        if not stays:
            self._made.append((resource, namespace, metadata["name"]))
        if status := body.get("status"):
            await self.write_status(resource, made, status)

    async def write_status(self, resource: Resource, obj: JsonObject, status: JsonObject) -> None:
        metadata = obj["metadata"]
        place, version = (metadata.get("namespace", ""), metadata["name"]), await self.admin.served(resource)
        await self.admin.patch(resource, *place, {"status": status}, version=version, subresource="status")

    async def define(self, definitions: Sequence[JsonObject]) -> None:
        """Have kinds served, from now on: with a definition, everybody's objects would go.

        Raises NotTried where InferenceServices aren't served.
        """
        for definition in definitions:
            await self.make(DEFINITION, definition, stays=True)
        for definition in definitions:
            spec, name = definition["spec"], definition["spec"]["names"]["kind"]
            await self._served(f"{name}.{spec['group']}")
        if not await self._is_served(self.backends.resources[INFERENCE_SERVICE]):
            raise self.unserved([INFERENCE_SERVICE])

    async def absent(self) -> list[str]:
        """The kinds that the backend writes and the API server doesn't serve."""
        kinds = [kind for kind in self.subject.kinds if kind not in self.backends.external]
        return [kind for kind in kinds if await self.admin.served(self.backends.resources[kind]) is None]

    def unserved(self, kinds: Sequence[str]) -> NotTried:
        return NotTried(
            f"the API server doesn't serve {', '.join(kinds)}; name a file of CustomResourceDefinitions: "
            "--doorward-definitions=FILE"
        )

    async def grant(self) -> None:
        """Let the ServiceAccount do what is declared.  Raises NotTried where anybody may do anything."""
        try:
            await self.granted.list(self.backends.resources[CONFIG_MAP], self.namespace, limit=1)
        except ApiError as error:
            if error.status != 403:
                raise
        else:
            raise NotTried("the API server lets anybody do anything: RBAC isn't enforced")
        whole = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": self.namespace}}
        here = {**whole, "metadata": {"name": NAME, "namespace": self.namespace}}
        subjects = [{"kind": "ServiceAccount", "name": NAME, "namespace": self.namespace}]
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here["metadata"]}
        await self.make(SERVICE_ACCOUNT, account)
        await self.make(CLUSTER_ROLE, {**whole, "kind": "ClusterRole", "rules": cluster_rules(self.backends)})
        await self.make(ROLE, {**here, "kind": "Role", "rules": settings_rules()})
        for resource, bound, role in (
            (CLUSTER_ROLE_BINDING, whole, {"kind": "ClusterRole", "name": self.namespace}),
            (ROLE_BINDING, here, {"kind": "Role", "name": NAME}),
        ):
            ref = {"apiGroup": RBAC, **role}
            await self.make(resource, {**bound, "kind": resource.name, "subjects": subjects, "roleRef": ref})

    async def deploy(self) -> None:
        """Settings, what has to be there, and one service that asks for this backend."""
        ingress = orjson.dumps(dict(self.subject.evaluator.config)).decode()
        settings = {"ingress": ingress, "doorward": "overlapSeconds: 1"}
        named = {"name": "inferenceservice-config", "namespace": self.namespace}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": settings}
        component = component_service(self.namespace, NAME, "engine")
        service = manifest_of(self.subject, self.namespace)
        more = [*self.subject.evaluator.surroundings, *self.subject.evaluator.beside(component)]
        for obj in (config_map, *more, component, service):
            await self.make(self.backends.resources[kind_of(obj)], await self._placed(obj))

    async def service(self) -> JsonObject:
        return await self.admin.get(self.backends.resources[INFERENCE_SERVICE], self.namespace, NAME)

    async def annotate(self, annotations: dict[str, str | None]) -> None:
        resource, body = self.backends.resources[INFERENCE_SERVICE], {"metadata": {"annotations": annotations}}
        await self.admin.patch(resource, self.namespace, NAME, body)

    async def objects(self) -> list[JsonObject]:
        """What stands of the kinds that the backend writes."""
        found = []
        for kind in self.subject.kinds:
            resource = self.backends.resources[kind]
            version = None if kind in self.backends.external else await self.admin.served(resource)
            if version:
                found += (await self.admin.list(resource, self.namespace, version=version)).items
        return found

    async def answer(self) -> None:
        """Write what the backend's controller answers, until cancelled."""
        answered: dict[str, JsonObject] = {}
        while True:
            for obj in await self.objects():
                uid, status = obj["metadata"]["uid"], self.subject.evaluator.status(obj)
                if status is not None and status != answered.get(uid):
                    with suppress(ApiError):
                        await self.write_status(self.backends.resources[kind_of(obj)], obj, status)
                        answered[uid] = status
            await asyncio.sleep(AGAIN)

    async def leave(self) -> None:
        """Remove everything that was made, but for definitions."""
        for resource, namespace, name in reversed(self._made):
            with suppress(ApiError):
                await self.admin.delete(resource, namespace, name)
        await self.granted.close()
        await self.admin.close()

    async def _placed(self, obj: JsonObject) -> JsonObject:
        """An object in the namespace that is tried, or in the other one that it names."""
        resource, metadata = self.backends.resources[kind_of(obj)], obj["metadata"]
        if not resource.namespaced:
            return obj
        namespace = metadata.get("namespace") or NAMESPACE
        namespace = self.namespace if namespace == NAMESPACE else namespace
        if namespace not in self.namespaces:
            self.namespaces.add(namespace)
            await self.make(NAMESPACES, _namespace(namespace))
        return {**obj, "metadata": {**metadata, "namespace": namespace}}

    async def _served(self, kind: str) -> None:
        """Wait until a kind that was defined can be listed; one that nobody asks for isn't waited for."""
        resource = self.backends.resources.get(kind)
        if resource is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(SERVED_WITHIN):
                while not await self._is_served(resource):  # noqa: ASYNC110 - there is no event for "in discovery"
                    await asyncio.sleep(AGAIN)

    async def _is_served(self, resource: Resource) -> bool:
        try:
            version = await self.admin.served(resource)
            return version is not None and bool(
                await self.admin.list(resource, self.namespace, version=version, limit=1)
            )
        except ApiError:
            return False


@asynccontextmanager
async def place(subject: Subject) -> AsyncIterator[Place]:
    """A namespace with the kinds that are needed.  Raises NotTried where there is none to be had."""
    assert subject.kubeconfig is not None
    try:
        made = Place(subject.kubeconfig, subject)
    except AccessError as error:
        raise NotTried(str(error)) from error
    try:
        await made.make(NAMESPACES, _namespace(made.namespace))
        await made.define(subject.definitions)
        yield made
    except ApiError as error:
        raise NotTried(f"the API server can't be used: {error}") from error
    finally:
        await made.leave()


def _namespace(name: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
