"""From a door to the objects that should stand: the backends are asked, and what they answer is checked."""

from __future__ import annotations

import traceback
from hashlib import blake2b

import msgspec

from doorward.backends import Backend, BackendError, Backends
from doorward.hooks import Watch
from doorward.model.door import Door, Rendering, Warning
from doorward.model.reference import JsonObject, Ref, kind_of
from doorward.model.refusal import Refusal
from doorward.render.desired import Desired, decorate, is_manifest
from doorward.state.inference_service import InferenceService
from doorward.state.kinds import Kinds, NotListed
from doorward.state.memory import Memory, key_of
from doorward.state.reading import Reader


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What the backends made of a door."""

    desired: dict[Ref, Desired]
    renderings: dict[str, Rendering]

    @property
    def warnings(self) -> list[Warning]:
        return [warning for rendering in self.renderings.values() for warning in rendering.warnings]

    def opens_path(self, backend: str) -> bool:
        """Whether the backend that opens the door can open its path."""
        opened = self.renderings.get(backend)
        return opened is None or opened.path

    def ways(self, host: str, backends: Backends) -> set[str]:
        """The classes and gateways by which these objects serve a host."""
        served = (claim for ref, d in self.desired.items() for claim in backends.claims(ref.kind, d.manifest))
        return {way for claim in served if claim.host == host for way in claim.via}

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
        self.unlisted = ""
        """A kind that a backend wanted to read, and that isn't listed yet."""
        self._out_of_sight: dict[Ref, None] = {}
        """What backends wanted to read in namespaces that aren't watched."""

    @property
    def warnings(self) -> list[Warning]:
        """What users should know of what couldn't be read."""
        what = (
            "is in a namespace that isn't looked at: what it says of this door, of hosts, TLS and features, isn't known"
        )
        return [Warning("OutOfSight", f"{ref} {what}") for ref in self._out_of_sight]

    def read(self, ref: Ref) -> JsonObject | None:
        """What a backend sees of an object: one of this door's as we last wrote it, so that an edit is no wish; its
        status as it is, since that is nobody's to wish."""
        if not self.kinds.known(ref.kind):
            self.unlisted = ref.kind
            return None
        fact = self.reader.get(ref)
        if fact is None:
            if not self.kinds.in_sight(ref):
                self._out_of_sight[ref] = None
            return None
        last = self.memory.last_applied.get(key_of(ref)) if fact.is_of(self.uid) else None
        body = (last or fact).object()
        if last and (status := fact.object().get("status")) != body.get("status"):
            body = {**body, "status": status or {}}
        return body

    def render(self, service: InferenceService, door: Door) -> Rendered:
        """Raises Refusal where the backend that is to open the door can't, NotListed where a kind has to be listed
        first."""
        desired: dict[Ref, Desired] = {}
        renderings: dict[str, Rendering] = {}
        routed = tuple(target.component for target in door.targets)
        for backend in self.backends.renderers(door.backend):
            rendering = self._ask(backend, door)
            if rendering is None:
                continue
            renderings[backend.name] = rendering
            for manifest in rendering.objects:
                kind, watch = self._check(backend, manifest)
                try:
                    version = self.kinds.version(kind)
                    guarded = door.guard is not None and kind in self.backends.claiming
                    one = decorate(manifest, service, routed, watch, version, backend.name, guarded=guarded)
                except (TypeError, ValueError) as error:
                    what = f"render returned a {kind} that can't be written as JSON: {error}"
                    raise BackendError(backend.name, "render", what, traceback.format_exc()) from error
                if one.ref in desired:
                    what = f"{one.ref} is rendered by {desired[one.ref].backend} and by {backend.name}"
                    raise BackendError(backend.name, "render", what, what)
                desired[one.ref] = one
        return Rendered(desired=desired, renderings=renderings)

    def _ask(self, backend: Backend, door: Door) -> Rendering | None:
        self.unlisted = ""
        try:
            rendering = backend.render(door, self.read)
        finally:
            if self.unlisted:
                raise NotListed(self.unlisted)
        if rendering and rendering.refused and backend.name == door.backend:
            raise Refusal("BackendUnsupported", f"backend {door.backend} can't open this door: {rendering.refused}")
        return rendering

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
