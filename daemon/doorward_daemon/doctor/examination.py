"""What is looked at: services as the cluster has them, and what the engine makes of them without writing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec
from doorward.backends import Backends
from doorward.cluster.protocol import ApiError, Cluster
from doorward.door.causes import Part
from doorward.explaining import ExplainingEngine
from doorward.hosts.granting import Denied, Shared
from doorward.model.action import Action
from doorward.model.door import Door
from doorward.model.quoting import bounded
from doorward.model.reference import JsonObject, Ref, Resource, ref_of
from doorward.model.refusal import Refusal
from doorward.model.source import Source
from doorward.model.timestamp import seconds
from doorward.report.remedies import ending
from doorward.state.transform import FIELD_MANAGER

from doorward_daemon.asking.looking import look
from doorward_daemon.asking.meant import did_you_mean
from doorward_daemon.asking.services import About
from doorward_daemon.doctor.edits import called
from doorward_daemon.reported import condition_type, reported

__all__ = ["OUT_OF_SIGHT", "Examination", "Patient", "examined"]

PAGE = 500
ELSEWHERE = "HostConflict"
"""A reason that may lie in a namespace which isn't looked at."""
OUT_OF_SIGHT = "OutOfSight"
"""What is due for what isn't looked at here; doorward may well see it."""


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """One service, and what the engine says of it."""

    ref: Ref
    source: Source
    """What its kind calls things."""
    object: JsonObject
    """As the API server has it, whole."""
    condition_type: str
    """The one to report in, as the settings say."""
    condition: JsonObject
    """As it is, or as it would be written now; empty where neither says anything.

    Who looks at some namespaces can't see why a host is refused, and goes by what is reported."""
    written: JsonObject
    """The condition as it is; empty where there is none."""
    warnings: tuple[tuple[str, str], ...]
    """Reason and message of the Warning events that there are about it, told already or not."""
    pending: tuple[str, ...]
    """What would be written now, but for Events, and for a status whose condition stays as it is."""
    door: Door | None
    """The door that it asks for; None where it can't be told."""
    objects: tuple[tuple[Ref, JsonObject], ...]
    """What stands for it, trimmed."""
    parts: tuple[Part, ...] = ()
    """What it asks for, each with what decided it; those that can be told where it is refused."""
    strangers: tuple[tuple[str, Ref, str], ...] = ()
    """Objects that aren't doorward's and serve a host, each behind what is said of it, and before the host."""

    @property
    def name(self) -> str:
        """``Kind NAMESPACE/NAME``."""
        return str(self.ref)

    @property
    def kubectl(self) -> str:
        """``PLURAL.GROUP NAME``, as kubectl takes it."""
        return called(self)

    @property
    def said(self) -> str:
        """What its condition says, as evidence, and what it is to say where that is another thing."""
        told = str(self.condition.get("type") or self.condition_type)
        now, then = (each.get("status", "not there") for each in (self.written, self.condition))
        return f"condition {told} is {now}{f', and is to be {then}' if then != now else ''}"

    @property
    def reason(self) -> str:
        return str(self.condition.get("reason") or "")


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that checks look at."""

    cluster: Cluster
    engine: ExplainingEngine
    settings_namespace: str
    patients: tuple[Patient, ...]
    settings_warnings: tuple[tuple[str, str], ...]
    """Reason and message of the Warning events about the ConfigMap."""
    last_write: tuple[float, Ref] | None = None
    """When doorward last wrote what stands, in seconds since the epoch, and what."""

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


async def examined(
    cluster: Cluster,
    *,
    settings_namespace: str,
    namespaces: Sequence[str],
    sources: Sequence[str],
    names: Sequence[str] = (),
) -> Examination:
    """Look at the services of some namespaces (empty: all), or at those alone that are named: NAME or NAMESPACE/NAME.

    Raises ApiError where the cluster doesn't answer, LookupError for a name that no service has, and Unanswered for
    what can't be one.
    """
    about = _about(names, namespaces)
    engine = ExplainingEngine(
        Backends(sources=tuple(sources)), settings_namespace=settings_namespace, namespaces=about.namespaces
    )
    objects = {ref_of(each): each for listed in await look(cluster, engine) for each in listed.items}
    actions: dict[str, list[Action]] = {}
    for action in engine.actions():
        actions.setdefault(action.service, []).append(action)
    partly = bool(about.namespaces)
    found = [
        _patient(engine, ref, obj, actions, partly=partly)
        for kind in engine.backends.sources
        for service in engine.services(kind)
        if about.has(ref := Ref(kind, service["metadata"]["namespace"], service["metadata"]["name"]))
        and (obj := objects.get(ref._replace(kind=engine.backends.watched_as(kind))))
    ]
    if missing := about.missing([each.ref for each in found]):
        raise LookupError("; ".join([await _nobody(cluster, engine, about, name) for name in missing]))
    return Examination(
        cluster=cluster,
        engine=engine,
        settings_namespace=settings_namespace,
        patients=tuple(sorted(found, key=lambda each: each.ref)),
        settings_warnings=_told(actions.get("", ())),
        last_write=_last_write(objects),
    )


def _last_write(objects: Mapping[Ref, JsonObject]) -> tuple[float, Ref] | None:
    """By the times of managedFields, which the API server keeps for each writer."""
    times = (
        (at, ref)
        for ref, obj in objects.items()
        for each in obj["metadata"].get("managedFields") or ()
        if each.get("manager") == FIELD_MANAGER and (at := seconds(each.get("time")))
    )
    return max(times, default=None)


def _about(names: Sequence[str], namespaces: Sequence[str]) -> About:
    """A name without a namespace may be in any of those that are looked at."""
    about = About.of(names, "", everywhere=True)
    if not namespaces:
        return about
    own = (where for where, _ in about.names if where)
    return About(tuple(dict.fromkeys((*namespaces, *own))), about.names)


async def _nobody(cluster: Cluster, engine: ExplainingEngine, about: About, asked: str) -> str:
    """That there is no such service, and where there is one of that name, or nearly, as far as that may be listed."""
    own, _, name = asked.rpartition("/")
    where = own or ", ".join(about.namespaces)
    if not where:
        return f"no InferenceService {name}{did_you_mean(asked, engine)}"
    found: set[str] = set()
    for source in engine.backends.sources.values():
        with suppress(ApiError):
            page = await cluster.list(source.resource, field_selector=f"metadata.name={name}", limit=PAGE)
            found |= {each["metadata"]["namespace"] for each in page.items}
    told = f"no InferenceService {name} in namespace {where}"
    if not found:
        return f"{told}{did_you_mean(asked if own or len(about.namespaces) > 1 else f'{where}/{name}', engine)}"
    first = min(found)
    return f"{told}; there is one in {', '.join(sorted(found))}: -n {first}"


def _patient(
    engine: ExplainingEngine, ref: Ref, obj: JsonObject, planned: Mapping[str, list[Action]], *, partly: bool
) -> Patient:
    source, uid = engine.backends.sources[ref.kind], obj["metadata"]["uid"]
    type_ = condition_type(source, engine.settings)
    actions, decision = planned.get(uid, []), engine.decisions.get(ref)
    warnings = decision.warnings if decision else []
    shared: list[Denied | Shared] = [*decision.denied, *decision.shared] if decision else []
    conditions = (obj.get("status") or {}).get("conditions") or []
    written = reported(conditions, type_)
    if partly and written.get("reason") == ELSEWHERE:
        actions, warnings = [], []
    for action in actions:
        if action.verb == "status" and action.body:
            conditions = (action.body.get("status") or {}).get("conditions") or conditions
    condition = reported(conditions, type_)
    news = any(written.get(each) != condition.get(each) for each in ("status", "reason"))
    try:
        door = engine.door(ref)
    except (LookupError, Refusal):
        door = None
    return Patient(
        ref=ref,
        source=source,
        object=obj,
        condition_type=type_,
        condition=condition,
        written=written,
        warnings=tuple(dict.fromkeys((each.reason, bounded(source.words(each.message))) for each in warnings)),
        pending=tuple(
            f"{action.verb} {action.ref}: {action.reason}"
            for action in actions
            if action.verb in ("create", "patch", "delete") or (action.verb == "status" and news)
        ),
        door=door,
        objects=tuple(engine.objects(uid)),
        parts=tuple(engine.parts(ref)),
        strangers=tuple((each.message, each.stranger, each.where) for each in shared if each.stranger),
    )


def _told(actions: Sequence[Action]) -> tuple[tuple[str, str], ...]:
    """What Events say, but for the remedies, which the doctor has better ones for: it knows names and namespaces."""
    bodies = [action.body for action in actions if action.verb == "event" and action.body]
    said = ((str(body["reason"]), str(body["message"])) for body in bodies)
    told = ((reason, message.removesuffix(ending(reason))) for reason, message in said if reason != OUT_OF_SIGHT)
    return tuple(dict.fromkeys(told))
