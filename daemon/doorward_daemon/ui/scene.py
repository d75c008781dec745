"""One door at one moment: what was known of it, and the door that it asked for by that."""

from __future__ import annotations

from collections.abc import Container, Mapping
from contextlib import suppress

import msgspec
from doorward.backends import BackendError, Backends
from doorward.door.causes import Part, parts
from doorward.door.exposure import exposure_of
from doorward.door.guarding import Unguarded
from doorward.door.wanted import WantedDoor, wanted
from doorward.model.door import Target
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.state.facts import Fact, Facts
from doorward.state.inference_service import InferenceService, legible, parse
from doorward.state.kinds import Kinds, NotListed
from doorward.state.reading import Reader
from doorward.state.transform import selected

__all__ = ["Scene"]


class Scene(msgspec.Struct, kw_only=True):
    """What the picture is drawn from."""

    ref: Ref
    service: InferenceService
    objects: dict[Ref, JsonObject]
    """What stands: the door's own objects."""
    beside: dict[Ref, JsonObject]
    """What else is known: Services of components, gateways, endpoints."""
    settings: Settings | None
    asked: WantedDoor | None = None
    refusal: Refusal | None = None
    """Why it can't have the door that it asks for."""
    parts: tuple[Part, ...] = ()
    """The parts of the door, as far as they can be told, each with what decided it."""
    missing: tuple[Target, ...] = ()
    """Components that it leads to whose Services aren't there."""


def scene_of(
    ref: Ref,
    known: Mapping[Ref, JsonObject],
    settings: Settings | None,
    backends: Backends,
    *,
    unlisted: Container[str] = (),
) -> Scene | None:
    """The scene of a service; None where it isn't among what is known.

    What it asks for is worked out as the engine does, and from the same, but for what only a decision knows: which
    hosts are others'.  Of the kinds that are ``unlisted`` nobody can say that something isn't there.
    """
    source = backends.sources[ref.kind]
    if source.selected and (watched := known.get(ref._replace(kind=source.resource.kind))):
        read = selected(watched, source, remains=False)
        known = {**known, ref: read} if read else {each: obj for each, obj in known.items() if each != ref}
    facts = Facts(backends.sources)
    for each, obj in known.items():
        facts.observe(each.kind, {**obj, "metadata": dict(obj["metadata"])}, 1)
    fact = facts.get(ref)
    if fact is None:
        return None
    ours = [each for each in facts.owned_by(fact.uid, ref.namespace) if each.is_of(fact.uid)]
    mine = {each.ref for each in ours}
    scene = Scene(
        ref=ref,
        service=legible(fact.object(), source),
        objects={each: obj for each, obj in known.items() if each in mine},
        beside={each: obj for each, obj in known.items() if each not in mine and each != ref},
        settings=settings,
    )
    try:
        scene.service = parse(fact, source)
        if settings is not None:
            scene.asked = _asked(scene.service, settings, facts, ours, backends)
    except Refusal as refusal:
        scene.refusal = refusal
    except BackendError as error:
        scene.refusal = Refusal("BackendError", f"backend {error.plugin} failed in {error.hook}: {error}")
    except NotListed:
        pass
    if scene.asked and SERVICE not in unlisted:
        scene.missing = scene.asked.missing
    if settings is not None:
        with suppress(BackendError):
            scene.parts = tuple(parts(scene.service, settings, backends, scene.asked))
    return scene


def _asked(
    service: InferenceService, settings: Settings, facts: Facts, ours: list[Fact], backends: Backends
) -> WantedDoor:
    kinds, reader = Kinds({}), Reader(facts)
    exposure = exposure_of(service, settings, backends.hostless)
    try:
        return wanted(service, settings, exposure, reader, kinds, ours, backends)
    except Unguarded as why:
        return wanted(service, settings, "unguarded", reader, kinds, ours, backends, why)
