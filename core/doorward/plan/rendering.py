"""From a door to the objects that should stand: the backends are asked, and what they answer is checked."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from doorward.backends import Backend, BackendError, Backends
from doorward.graph.facts import Fact
from doorward.graph.inference_service import InferenceService
from doorward.graph.kinds import Kinds, NotListed
from doorward.graph.memory import Memory
from doorward.graph.reading import Reader
from doorward.graph.refusal import Refusal
from doorward.hooks import Watch
from doorward.model.door import Door, Rendering
from doorward.model.reference import JsonObject, Ref, kind_of
from doorward.plan.desired import Desired, decorate, is_manifest
from doorward.plan.plan import is_ours, key_of


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What the backends made of a door."""

    desired: dict[Ref, Desired]
    renderings: dict[str, Rendering]
    backends: tuple[Backend, ...]

    @property
    def digest(self) -> str:
        return blake2b("".join(d.digest for d in self.desired.values()).encode(), digest_size=9).hexdigest()


class Renderer:
    """Asks the backends on behalf of one service; every object that they need is noted by the reader."""

    def __init__(self, reader: Reader, kinds: Kinds, backends: Backends, memory: Memory, uid: str) -> None:
        self.reader = reader
        self.kinds = kinds
        self.backends = backends
        self.memory = memory
        self.uid = uid

    def renderers(self, door: Door, selected: Backend | None) -> tuple[Backend, ...]:
        """Those that accompany come first: the outside door leads through what they make."""
        beside = self.backends.beside(door, selected)
        return (*beside, selected) if selected else tuple(beside)

    def needed(self, backend: Backend, door: Door) -> dict[Ref, JsonObject]:
        refs = backend.needs(door)
        if not refs:
            return {}
        found = self._found(refs)
        return found | self._found(backend.needs_further(door, found))

    def _found(self, refs: Sequence[Ref]) -> dict[Ref, JsonObject]:
        for ref in refs:
            self.kinds.require(ref.kind)
        return {ref: self._shown(fact) for ref in refs if (fact := self.reader.get(ref))}

    def _shown(self, fact: Fact) -> JsonObject:
        """What a backend sees of an object: one of this door's as we last wrote it, so that an edit is no wish."""
        mark = self.memory.marks.get(key_of(fact.ref)) if is_ours(fact, self.uid) else None
        body: JsonObject = msgspec.json.decode(mark.body if mark else fact.body)
        return body

    def render(self, service: InferenceService, door: Door, selected: Backend | None) -> Rendered:
        desired: dict[Ref, Desired] = {}
        renderings: dict[str, Rendering] = {}
        routed = tuple(target.component for target in door.targets)
        backends = self.renderers(door, selected)
        for backend in backends:
            rendering = backend.render(door, self.needed(backend, door))
            renderings[backend.name] = rendering
            for manifest in rendering.objects:
                kind, watch = self._check(backend, manifest)
                try:
                    one = decorate(manifest, service, routed, watch, self.kinds.version(kind), backend.name)
                except (TypeError, ValueError) as error:
                    what = f"render returned a {kind} that can't be written as JSON: {error}"
                    raise BackendError(backend.name, "render", what, traceback.format_exc()) from error
                if one.ref in desired:
                    what = f"{one.ref} is rendered by {desired[one.ref].backend} and by {backend.name}"
                    raise BackendError(backend.name, "render", what, what)
                desired[one.ref] = one
        return Rendered(desired=desired, renderings=renderings, backends=backends)

    def _check(self, backend: Backend, manifest: JsonObject) -> tuple[str, Watch]:
        """The kind of a manifest; refuses rubbish, and kinds that can't be written."""
        if not is_manifest(manifest):
            what = f"render returned something that is no manifest: {str(manifest)[:200]}"
            raise BackendError(backend.name, "render", what, what)
        kind = kind_of(manifest)
        watch = self.backends.watches.get(kind)
        if watch is None or watch.owned == "nothing":
            what = f"render returned a {kind}, which `watches` doesn't name as written"
            raise BackendError(backend.name, "render", what, what)
        state = self.kinds.state(kind)
        if state == "listed":
            return kind, watch
        if state == "absent":
            crd = f"{watch.resource.plural}.{watch.resource.group}"
            raise Refusal("KindNotServed", f"this cluster doesn't serve {kind}; install its CRD ({crd})")
        if state == "forbidden":
            remedy = "" if watch.external else "; allow list and watch"
            raise Refusal("KindForbidden", f"{kind} may not be listed: {self.kinds.message(kind)}{remedy}")
        raise NotListed(kind)
