"""An InferenceService as a door needs it, typed; everything that users can get wrong in its fields is refused here."""

from __future__ import annotations

from typing import Any

import msgspec

from doorward.model import names
from doorward.model.reference import JsonObject, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import LONGEST_TIMEOUT
from doorward.model.source import Source
from doorward.state.facts import Fact
from doorward.state.packing import unpack
from doorward.state.transform import COMPONENTS, HOSTS, HOSTS_WRITTEN

MODE_ANNOTATIONS = ("ome.io/deployment-mode", "ome.io/deploymentMode")


class Metadata(msgspec.Struct, frozen=True, gc=False):
    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creationTimestamp: str = ""
    deletionTimestamp: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()


class ComponentSpec(msgspec.Struct, frozen=True, gc=False):
    minReplicas: int | None = None
    timeoutSeconds: int | None = None
    leader: dict[str, Any] | None = None
    worker: dict[str, Any] | None = None
    annotations: dict[str, str] = {}
    malformed: str = ""
    service: str = ""
    """The name of its Service, where a source tells it."""
    port: int = 0
    """The number of that Service's port; 0: the one named ``http``, else the first."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    reason: str
    message: str


class Spec(msgspec.Struct, frozen=True, gc=False):
    engine: ComponentSpec | None = None
    router: ComponentSpec | None = None
    decoder: ComponentSpec | None = None
    runtime: dict[str, Any] | None = None
    model: dict[str, Any] | None = None
    refused: Refused | None = None
    """Why its source can't make a door of it."""
    unrouted: tuple[str, ...] = ()
    """Components that no door leads to."""
    left: bool = False
    """It is no service (any more), and what is left of it goes."""


class Address(msgspec.Struct, frozen=True, gc=False):
    url: str = ""


class ComponentStatus(msgspec.Struct, frozen=True, gc=False):
    url: str = ""
    address: Address = Address()


class Status(msgspec.Struct, frozen=True, gc=False):
    url: str = ""
    address: Address = Address()
    observedGeneration: int | None = None
    annotations: dict[str, str] = {}
    conditions: list[dict[str, Any]] = []
    components: dict[str, ComponentStatus] = {}


class InferenceService(msgspec.Struct, frozen=True, gc=False):
    """The trimmed object (see :mod:`doorward.state.transform`), with what doors ask of it."""

    metadata: Metadata
    spec: Spec = Spec()
    status: Status = Status()
    origin: Any = None
    """Its source; set when it is parsed, since no object tells of it."""

    @property
    def source(self) -> Source:
        """The kind that it is of."""
        assert isinstance(self.origin, Source)
        return self.origin

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def label(self) -> str:
        """The value of its source's label on everything that belongs to this service."""
        return names.cut(self.metadata.name)

    @property
    def age(self) -> tuple[str, str, str]:
        """Earlier sorts first (docs/host-ownership.md, Who gets it)."""
        return self.metadata.creationTimestamp, self.metadata.namespace, self.metadata.name

    def annotation(self, key: str) -> str:
        """An annotation, stripped; empty where it isn't there."""
        return self.metadata.annotations.get(key, "").strip()

    def flag(self, key: str) -> bool | None:
        """A boolean annotation: ``true`` or ``false`` in any case; None for everything else, and where it isn't there.

        What can't be read neither opens nor closes a door.
        """
        return {"true": True, "false": False}.get(self.annotation(key).lower())

    @property
    def hosts(self) -> str:
        """The claims that its status names as written for it, which its tenants can't write."""
        condition = self.condition(HOSTS_WRITTEN) or {}
        return self.status.annotations.get(HOSTS) or str(condition.get("message") or "")

    def component(self, name: str) -> ComponentSpec | None:
        return getattr(self.spec, name)  # type: ignore[no-any-return]

    def called(self, component: str) -> str:
        """What users call a component."""
        return self.source.parts[component].called

    def condition(self, *types: str) -> dict[str, Any] | None:
        """The first condition of one of these types, in their order."""
        for type_ in types:
            for condition in self.status.conditions:
                if condition.get("type") == type_:
                    return condition
        return None


_decoder = msgspec.json.Decoder(InferenceService)


def parse(fact: Fact, source: Source) -> InferenceService:
    """The service of a fact.

    Raises Refusal ``InvalidSpec`` where a field that matters has a type that its API doesn't allow, or a value that no
    door can have.
    """
    try:
        service = _decoder.decode(unpack(fact.body))
    except msgspec.ValidationError as error:
        raise _malformed(fact.ref, str(error)) from None
    msgspec.structs.force_setattr(service, "origin", source)
    _share_names(service.metadata, fact)
    if service.spec.refused:
        raise Refusal(service.spec.refused.reason, source.words(service.spec.refused.message))
    for component in COMPONENTS:
        if (spec := service.component(component)) is None:
            continue
        if spec.malformed:
            field = f"spec.{service.called(component)}"
            raise _malformed(fact.ref, f"Expected `object`, got `{spec.malformed}` - at `$.{field}`")
        seconds = spec.timeoutSeconds
        if seconds is not None and not 0 <= seconds <= LONGEST_TIMEOUT:
            field = f"spec.{service.called(component)}.timeoutSeconds"
            wanted = f"Expected 1 to {LONGEST_TIMEOUT} seconds, or 0 for none, got `{seconds}`"
            raise _malformed(fact.ref, f"{wanted} - at `$.{field}`")
    return service


def _share_names(metadata: Metadata, fact: Fact) -> None:
    """Let what is called after a service keep the strings of its fact, rather than some of its own."""
    for field, shared in (("name", fact.ref.name), ("namespace", fact.ref.namespace), ("uid", fact.uid)):
        if getattr(metadata, field) == shared:
            msgspec.structs.force_setattr(metadata, field, shared)


def legible(obj: JsonObject, source: Source | None = None) -> InferenceService:
    """What can be read of a service (trimmed) that can't be read whole: its metadata and what is reported on it.

    ``source`` isn't needed where that is all that is asked of it.
    """
    whole = obj.get("status")
    status: JsonObject = whole if isinstance(whole, dict) else {}
    address, conditions, components = status.get("address"), status.get("conditions"), status.get("components")
    kept: JsonObject = {}
    if isinstance(status.get("url"), str):
        kept["url"] = status["url"]
    if isinstance(address, dict) and isinstance(address.get("url"), str):
        kept["address"] = {"url": address["url"]}
    if isinstance(components, dict):
        kept["components"] = {
            name: {"url": each["url"]}
            for name, each in components.items()
            if isinstance(each, dict) and isinstance(each.get("url"), str)
        }
    if isinstance(conditions, list):
        kept["conditions"] = [condition for condition in conditions if isinstance(condition, dict)]
    if annotations := status.get("annotations"):
        kept["annotations"] = annotations
    metadata = obj["metadata"]
    try:
        service = msgspec.convert({"metadata": metadata, "status": kept}, InferenceService)
    except msgspec.ValidationError:
        bare = {key: value for key, value in metadata.items() if key not in ("labels", "annotations")}
        service = msgspec.convert({"metadata": bare, "status": kept}, InferenceService)
    msgspec.structs.force_setattr(service, "origin", source)
    return service


def _malformed(ref: Ref, problem: str) -> Refusal:
    what, _, where = problem.partition(" - at ")
    field = where.strip("`").removeprefix("$.") or "the object"
    return Refusal("InvalidSpec", f"{ref}: {field}: {what[:1].lower() + what[1:]}; correct this field")
