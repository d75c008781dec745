"""What is looked at: services as the cluster has them, and what the engine makes of them without writing anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from doorward.backends import Backends
from doorward.cluster.protocol import ApiError, Cluster
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.door import Door
from doorward.model.reference import JsonObject, Ref, Resource
from doorward.model.refusal import Refusal
from doorward.report.remedies import ending
from doorward.runtime.listener import Listener
from doorward.runtime.shell import Shell

__all__ = ["Examination", "Patient", "examining"]

REST = 60.0
"""Seconds within which everything has to be listed and decided."""
PAGE = 500


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """One service, and what the engine says of it."""

    ref: Ref
    resource: Resource
    label: str
    """The label that objects of this service bear."""
    object: JsonObject
    """As the API server has it, whole."""
    condition_type: str
    condition: JsonObject
    """As it is, or as it would be written now; empty where neither says anything."""
    warnings: tuple[tuple[str, str], ...]
    """Reason and message of the Warning events that are due."""
    pending: tuple[str, ...]
    """What would be written now, but for the status and Events."""
    door: Door | None
    """The door that it asks for; None where it can't be told."""
    objects: tuple[tuple[Ref, JsonObject], ...]
    """What stands for it, trimmed."""

    @property
    def name(self) -> str:
        """``Kind NAMESPACE/NAME``."""
        return str(self.ref)

    @property
    def kubectl(self) -> str:
        """``PLURAL.GROUP NAME``, as kubectl takes it: several kinds are called InferenceService."""
        return f"{self.resource.plural}.{self.resource.group} {self.ref.name}"

    @property
    def reason(self) -> str:
        return str(self.condition.get("reason") or "")


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that checks look at."""

    cluster: Cluster
    engine: Engine
    settings_namespace: str
    patients: tuple[Patient, ...]
    settings_warnings: tuple[tuple[str, str], ...]
    """Reason and message of the Warning events about the ConfigMap."""

    async def get(self, resource: Resource, namespace: str, name: str) -> JsonObject | None:
        """An object; None where there is none, its kind isn't served, or it may not be read."""
        try:
            return await self.cluster.get(resource, namespace, name)
        except ApiError as error:
            if error.status in (403, 404):
                return None
            raise

    async def list(
        self, resource: Resource, namespace: str, labels: str = "", *, fields: str = ""
    ) -> list[JsonObject] | None:
        """The first objects that both selectors choose; None where the kind may not be listed."""
        try:
            page = await self.cluster.list(
                resource, namespace, label_selector=labels, field_selector=fields, limit=PAGE
            )
            return page.items
        except ApiError as error:
            if error.status == 403:
                return None
            if error.status == 404:
                return []
            raise


class _Noted(Listener):
    """What would be written, by service."""

    def __init__(self) -> None:
        self.actions: dict[str, list[Action]] = {}

    def planned(self, action: Action) -> None:
        self.actions.setdefault(action.service, []).append(action)


@asynccontextmanager
async def examining(
    cluster: Cluster,
    *,
    settings_namespace: str,
    namespaces: Sequence[str],
    sources: Sequence[str],
    names: Sequence[str] = (),
) -> AsyncIterator[Examination]:
    """Look at the services of some namespaces (empty: all), or at those with one of these names alone.

    Raises ApiError where the cluster doesn't answer, TimeoutError where it doesn't within :data:`REST` seconds, and
    LookupError for a name that no service has.
    """
    engine = Engine(
        Backends(sources=tuple(sources)), settings_namespace=settings_namespace, namespaces=tuple(namespaces)
    )
    noted = _Noted()
    async with Shell(engine, cluster, dry_run=True, listeners=[noted]) as shell:
        await shell.once(REST)
        found = [
            await _patient(cluster, engine, Ref(kind, metadata["namespace"], metadata["name"]), noted)
            for kind in engine.backends.sources
            for metadata in (service["metadata"] for service in engine.services(kind))
            if not names or metadata["name"] in names
        ]
        if missing := set(names) - {each.ref.name for each in found if each}:
            where = f" in {', '.join(namespaces)}" if namespaces else ""
            raise LookupError(f"no InferenceService {', '.join(sorted(missing))}{where}")
        yield Examination(
            cluster=cluster,
            engine=engine,
            settings_namespace=settings_namespace,
            patients=tuple(sorted((each for each in found if each), key=lambda each: each.ref)),
            settings_warnings=_told(noted.actions.get("", ())),
        )


async def _patient(cluster: Cluster, engine: Engine, ref: Ref, noted: _Noted) -> Patient | None:
    source = engine.backends.sources[ref.kind]
    try:
        obj = await cluster.get(source.resource, ref.namespace, ref.name)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    uid = obj["metadata"]["uid"]
    setting = engine.settings.condition_type if engine.settings else "IngressReady"
    type_ = source.condition_type(setting)
    actions = noted.actions.get(uid, [])
    conditions = (obj.get("status") or {}).get("conditions") or ()
    for action in actions:
        if action.verb == "status" and action.body:
            conditions = (action.body.get("status") or {}).get("conditions") or conditions
    try:
        door = engine.door(ref)
    except (LookupError, Refusal):
        door = None
    return Patient(
        ref=ref,
        resource=source.resource,
        label=source.label,
        object=obj,
        condition_type=type_,
        condition=next((each for each in conditions if each.get("type") == type_), {}),
        warnings=_told(actions),
        pending=tuple(
            f"{action.verb} {action.ref}: {action.reason}"
            for action in actions
            if action.verb in ("create", "patch", "delete")
        ),
        door=door,
        objects=tuple(engine.objects(uid)),
    )


def _told(actions: Sequence[Action]) -> tuple[tuple[str, str], ...]:
    """What Events say, but for the remedies, which the doctor has better ones for: it knows names and namespaces."""
    bodies = [action.body for action in actions if action.verb == "event" and action.body]
    said = ((str(body["reason"]), str(body["message"])) for body in bodies)
    return tuple(dict.fromkeys((reason, message.removesuffix(ending(reason))) for reason, message in said))
