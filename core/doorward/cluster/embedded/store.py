"""The store: a deterministic API server without a network, a clock or a thread.

Data passes through in the order of a real server: a request is looked up (kind, version, namespace), its body applied
to what stands, metadata and subresources kept apart, admitted (webhooks, defaults, validation), compared, and only a
difference is written: one step of the resourceVersion, one entry of the history.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import orjson

from doorward.cluster.embedded import admission, errors, metadata, ownership, schema
from doorward.cluster.embedded.discovery import BUILT_IN, CRD, NAMESPACE, Kind, kind_of_definition, kinds
from doorward.cluster.embedded.faults import Faults, Request
from doorward.cluster.embedded.history import Change, Entry, History, Key
from doorward.cluster.embedded.identity import carry_over, settle_identity
from doorward.cluster.embedded.managers import managed
from doorward.cluster.embedded.pages import read_token, write_token
from doorward.cluster.embedded.patch import merge, operate
from doorward.cluster.embedded.selectors import Selection, selection
from doorward.cluster.embedded.services import Allocations
from doorward.cluster.protocol import JSON_PATCH, MERGE_PATCH, ApiError, Page, PatchType, WatchEvent
from doorward.model.reference import SERVICE, JsonObject, Resource

_EPOCH = 1_767_225_600
"""2026-01-01T00:00:00Z, when time begins unless the caller brings a clock."""
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_STATUS = frozenset({"status"})
_NOTHING: frozenset[str] = frozenset()

Answer = TypeVar("Answer", JsonObject, JsonObject | None)


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a watch is told: events in order, and the resourceVersion to go on from (a bookmark's)."""

    events: list[WatchEvent]
    resource_version: str


class Store:
    """Objects of an API server in memory; every method mirrors one of :class:`doorward.cluster.protocol.Cluster`.

    ``served`` names kinds beyond the built-in ones that are there from the start: ready ``Kind`` values,
    CustomResourceDefinition manifests, or bare ``Resource`` values (any content goes).  ``clock`` gives seconds since
    the epoch, ``uids`` a new uid for the object with the given resourceVersion; both have deterministic defaults, in
    which each write takes a second.  ``history`` is how many changes of a kind are remembered at least.  Objects may
    be created in namespaces that nobody made, unless ``strict_namespaces`` (where ``default`` alone is there from the
    start).  While ``collecting`` is off, what should be gone (see :mod:`.ownership`) waits for :meth:`collect`.
    """

    def __init__(
        self,
        served: Iterable[Kind | Resource | JsonObject] = (),
        *,
        clock: Callable[[], float] | None = None,
        uids: Callable[[int], str] | None = None,
        history: int = 4096,
        strict_namespaces: bool = False,
        collecting: bool = True,
    ) -> None:
        self.collecting = collecting
        self.faults = Faults()
        self._kinds: dict[str, Kind] = {**BUILT_IN, **kinds(served)}
        self._clock = clock or (lambda: _EPOCH + self._version)
        self._uids = uids or (lambda version: f"{version:08x}-d00d-4000-8000-000000000000")
        self._history_limit = history
        self._strict = strict_namespaces
        self._version: int = 1
        self._compacted = 0
        self._generated = 0
        self._objects: dict[str, dict[Key, Entry]] = {}
        self._histories: dict[str, History] = {}
        self._owned: dict[str, set[tuple[str, Key]]] = {}
        self._allocations = Allocations()
        self._written: deque[tuple[str, Key, Entry | None, Entry | None]] = deque()
        self._following = False
        self._listeners: list[Callable[[], None]] = []
        self.faults.bind(lambda: self._version, self._changed)

    # Reading

    @property
    def resource_version(self) -> str:
        """That of the latest write to anything."""
        return str(self._version)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after each write, and when held watches are released; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def served(self, resource: Resource) -> str | None:
        """See :meth:`.Cluster.served`."""
        self._consult(Request(verb="discover", resource=resource))
        kind = self._kinds.get(resource.kind)
        if kind is None or kind.resource.plural != resource.plural:
            return None
        return next((version for version in resource.versions if version in kind.resource.versions), None)

    def get(self, resource: Resource, namespace: str, name: str, *, version: str | None = None) -> JsonObject:
        """See :meth:`.Cluster.get`."""
        self._consult(Request(verb="get", resource=resource, namespace=namespace, name=name))
        kind, version = self._kind(resource, version)
        return self._out(kind, version, self._standing(kind, namespace, name))

    def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        version: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
    ) -> Page:
        """See :meth:`.Cluster.list`; items are in the order of namespace and name."""
        self._consult(Request(verb="list", resource=resource, namespace=namespace))
        kind, version = self._kind(resource, version)
        selected = selection(resource.kind, label_selector, field_selector)
        state: Mapping[Key, Entry] = self._objects.get(kind.name, {})
        at, after = self._version, ""
        if continue_token:
            at, after = read_token(continue_token)
            try:
                state = self._history(kind.name).rewound(state.items(), at)
            except ApiError:
                raise errors.expired_page() from None
        keys = sorted((f"{key[0]}/{key[1]}", key) for key in state if not namespace or key[0] == namespace)
        items: list[JsonObject] = []
        last = token = ""
        for place, key in keys:
            if place <= after:
                continue
            entry = state[key]
            if selected is None or selected(entry.object):
                if limit and len(items) == limit:
                    token = write_token(at, last)
                    break
                items.append(self._out(kind, version, entry))
            last = place
        return Page(items=items, resource_version=str(at), continue_token=token)

    def events_since(
        self,
        resource: Resource,
        namespace: str = "",
        resource_version: str = "",
        *,
        version: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> Changes:
        """What a watch that began at ``resource_version`` has to tell by now.

        From ``""`` or ``"0"`` it is what stands, as ADDED.  Raises ApiError 410 where changes since then are forgotten.
        """
        self._consult(Request(verb="watch", resource=resource, namespace=namespace))
        kind, version = self._kind(resource, version)
        selected = selection(resource.kind, label_selector, field_selector)
        now = self.faults.horizon(kind.name, self._version)
        history = self._history(kind.name)
        events: list[WatchEvent] = []
        if resource_version in ("", "0"):
            state = history.rewound(self._objects.get(kind.name, {}).items(), now)
            changes: Sequence[Change] = [
                Change(int(entry.object["metadata"]["resourceVersion"]), key, None, entry)
                for key, entry in state.items()
            ]
        else:
            try:
                since = int(resource_version)
            except ValueError:
                why = f'strconv.ParseUint: parsing "{resource_version}": invalid syntax'
                message = f'resourceVersion: Invalid value: "{resource_version}": {why}'
                raise ApiError(500, "", message) from None
            changes = history.since(since)
            now = max(now, since)
        twice = kind.name in self.faults.duplicated
        for change in changes:
            if change.version > now:
                break
            if not namespace or change.key[0] == namespace:
                event = self._event(kind, version, change, selected)
                if event is not None:
                    events.append(event)
                    if twice:
                        events.append(WatchEvent(event.type, orjson.loads(orjson.dumps(event.object))))
        return Changes(events=events, resource_version=str(now))

    # Writing

    def create(
        self,
        resource: Resource,
        namespace: str,
        body: JsonObject,
        *,
        version: str | None = None,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> JsonObject:
        """See :meth:`.Cluster.create`.  Raises ApiError 500 where ``body`` has a resourceVersion, as servers do."""
        request = Request(
            verb="create",
            resource=resource,
            namespace=namespace,
            name=(body.get("metadata") or {}).get("name") or "",
            body=body,
            field_manager=field_manager,
            dry_run=dry_run,
        )
        self._consult(request)
        kind, version = self._kind(resource, version)
        new = _copied(body)
        settle_identity(kind, version, new, namespace, None)
        if new["metadata"].get("resourceVersion"):
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        return self._create(request, kind, version, new)

    def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: JsonObject,
        *,
        version: str | None = None,
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
    ) -> JsonObject:
        """See :meth:`.Cluster.replace`."""
        request = Request(
            verb="replace",
            resource=resource,
            namespace=namespace,
            name=name,
            body=body,
            subresource=subresource,
            field_manager=field_manager,
            dry_run=dry_run,
        )
        self._consult(request)
        kind, version = self._kind(resource, version, subresource)
        new = _copied(body)
        settle_identity(kind, version, new, namespace, name)
        entry = self.entry(kind.name, (namespace, name))
        if entry is None and (subresource or not kind.upsert):
            raise errors.not_found(resource, name)
        wanted, uid = new["metadata"].get("uid"), entry.object["metadata"]["uid"] if entry is not None else ""
        if wanted and wanted != uid:
            where = "/".join(filter(None, ("/registry", resource.group, resource.plural, namespace, name)))
            why = (
                f"StorageError: invalid object, Code: 4, Key: {where}, ResourceVersion: 0, AdditionalErrorMsg: "
                f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
            )
            raise errors.conflict(resource, name, why)
        if entry is None:
            return self._create(request, kind, version, new)
        return self._update(request, kind, version, entry, new)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: JsonObject | Sequence[JsonObject],
        *,
        type: PatchType = MERGE_PATCH,
        version: str | None = None,
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
    ) -> JsonObject:
        """See :meth:`.Cluster.patch`."""
        request = Request(
            verb="patch",
            resource=resource,
            namespace=namespace,
            name=name,
            body=body,
            subresource=subresource,
            field_manager=field_manager,
            dry_run=dry_run,
        )
        self._consult(request)
        kind, version = self._kind(resource, version, subresource)
        entry = self._standing(kind, namespace, name)
        old = self._out(kind, version, entry)
        patch = orjson.loads(orjson.dumps(body))
        new = operate(old, patch) if type == JSON_PATCH else merge(old, patch)
        settle_identity(kind, version, new, namespace, name)
        return self._update(request, kind, version, entry, new)

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        version: str | None = None,
        uid: str = "",
        resource_version: str = "",
        dry_run: bool = False,
    ) -> JsonObject | None:
        """See :meth:`.Cluster.delete`."""
        request = Request(verb="delete", resource=resource, namespace=namespace, name=name, dry_run=dry_run)
        self._consult(request)
        kind, version = self._kind(resource, version)
        meta = self._standing(kind, namespace, name).object["metadata"]
        if uid and uid != meta["uid"]:
            why = f"the UID in the precondition ({uid}) does not match the UID in record ({meta['uid']})"
            raise errors.precondition(resource, name, f"{why}. The object might have been deleted and then recreated")
        if resource_version and resource_version != meta["resourceVersion"]:
            why = f"the ResourceVersion in the precondition ({resource_version}) does not match the ResourceVersion in "
            why += f"record ({meta['resourceVersion']}). The object might have been modified"
            raise errors.precondition(resource, name, why)
        if dry_run:
            return None
        self.remove(kind.name, (namespace, name))
        left = self.entry(kind.name, (namespace, name))
        return self._done(request, self._out(kind, version, left) if left is not None else None)

    def collect(self) -> None:
        """Remove everything that should be gone by now: see :mod:`.ownership`."""
        ownership.collect(self)

    def compact(self, resource_version: str = "") -> None:
        """Forget changes up to this resourceVersion (default: all): watches from before it get 410."""
        self._compacted = max(self._compacted, int(resource_version or self._version))
        for history in self._histories.values():
            history.compact(self._compacted)

    # What the collector sees (ownership.Objects)

    def entry(self, kind: str, key: Key) -> Entry | None:
        """An object by its kind (as in :class:`.Ref`), namespace and name, not copied; None where there is none."""
        return self._objects.get(kind, {}).get(key)

    def entries(self, kind: str) -> Mapping[Key, Entry]:
        """All objects of a kind by namespace and name, not copied; empty for a kind that isn't served."""
        return self._objects.get(kind, {})

    def serves(self, kind: str) -> bool:
        """Whether the kind is served, in whatever version."""
        return kind in self._kinds

    def known(self) -> Sequence[str]:
        """The kinds of which an object was ever written, but for those that were withdrawn."""
        return tuple(self._objects)

    def remove(self, kind: str, key: Key) -> None:
        """Delete an object; with finalizers, mark it as being deleted."""
        entry = self._objects[kind][key]
        meta = entry.object["metadata"]
        if kind not in (NAMESPACE, CRD) and not meta.get("finalizers"):
            self.finish(kind, key)
        elif "deletionTimestamp" not in meta:
            new = entry.copy()
            new["metadata"]["deletionTimestamp"] = self._time()
            if kind == NAMESPACE:
                new["status"] = {**new.get("status", {}), "phase": "Terminating"}
            elif kind != CRD:
                new["metadata"]["deletionGracePeriodSeconds"] = 0
                if "generation" in meta:
                    new["metadata"]["generation"] = meta["generation"] + 1
            self._commit(self._kinds[kind], key, new)

    def finish(self, kind: str, key: Key) -> None:
        """Take an object away."""
        self._commit(self._kinds[kind], key, None)

    def rewrite(self, kind: str, key: Key, change: Callable[[JsonObject], None]) -> None:
        """Write an object after ``change`` has changed a copy of it, as the collector, and checked by nobody.

        Raises KeyError where there is none.
        """
        served = self._kinds[kind]
        entry = self._objects[kind][key]
        new = entry.copy()
        change(new)
        self._track(served, served.storage, entry.object, new, ownership.COLLECTOR, "")
        self._commit(served, key, new)

    def put(self, resource: Resource, obj: JsonObject) -> None:
        """Have an object stand as it is given, identity and status included, whatever stood, and checked by nobody."""
        kind, _ = self._kind(resource, None)
        new = _copied(obj)
        meta = new["metadata"]
        meta.setdefault("uid", self._uids(self._version + 1))
        meta.setdefault("creationTimestamp", self._time())
        new["apiVersion"] = kind.resource.api_version(kind.storage)
        self._commit(kind, (meta.get("namespace") or "", meta["name"]), new)

    def withdraw(self, kind: str) -> None:
        """Serve a kind no longer; its objects are gone, and no watch tells so."""
        self._kinds.pop(kind, None)
        self._objects.pop(kind, None)

    # Within

    def _kind(self, resource: Resource, version: str | None, subresource: str = "") -> tuple[Kind, str]:
        kind = self._kinds.get(resource.kind)
        version = version or resource.versions[0]
        if kind is None or kind.resource.plural != resource.plural or version not in kind.resource.versions:
            raise errors.unserved()
        if subresource and (subresource != "status" or version not in kind.status):
            raise errors.unserved()
        return kind, version

    def _standing(self, kind: Kind, namespace: str, name: str) -> Entry:
        entry = self.entry(kind.name, (namespace, name))
        if entry is None:
            raise errors.not_found(kind.resource, name)
        return entry

    def _history(self, kind: str) -> History:
        history = self._histories.get(kind)
        if history is None:
            history = self._histories[kind] = History(self._history_limit, self._compacted)
        return history

    def _out(self, kind: Kind, version: str, entry: Entry) -> JsonObject:
        copied = entry.copy()
        if version != kind.storage:
            copied["apiVersion"] = kind.resource.api_version(version)
        return copied

    def _event(self, kind: Kind, version: str, change: Change, selected: Selection | None) -> WatchEvent | None:
        before, after = change.before, change.after
        if selected is not None:
            before = before if before is not None and selected(before.object) else None
            after = after if after is not None and selected(after.object) else None
        if after is not None:
            return WatchEvent("ADDED" if before is None else "MODIFIED", self._out(kind, version, after))
        if before is None:
            return None
        last = self._out(kind, version, before)
        last["metadata"]["resourceVersion"] = str(change.version)
        return WatchEvent("DELETED", last)

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        if not kind.resource.namespaced:
            return
        entry = self.entry(NAMESPACE, ("", namespace))
        if entry is None:
            if self._strict and namespace != "default":
                raise errors.namespace_not_found(namespace)
        elif "deletionTimestamp" in entry.object["metadata"]:
            raise errors.terminating(kind.resource, name, namespace)

    def _create(self, request: Request, kind: Kind, version: str, new: JsonObject) -> JsonObject:
        meta = new["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + self._suffix()
        self._check_namespace(kind, request.namespace, meta.get("name") or "")
        for field in ("deletionTimestamp", "managedFields", "resourceVersion"):
            meta.pop(field, None)
        meta["creationTimestamp"] = self._time()
        meta["uid"] = self._uids(self._version + 1)
        if kind.generation != "none":
            meta["generation"] = 1
        if version in kind.status:
            new.pop("status", None)
        self._admit(request, kind, version, new, None)
        key = (request.namespace, meta["name"])
        there = self.entry(kind.name, key)
        if there is not None:
            leaving = "deletionTimestamp" in there.object["metadata"]
            raise errors.already_exists(kind.resource, meta["name"], leaving=leaving)
        self._track(kind, version, None, new, request.field_manager, "")
        if request.dry_run:
            return new | {"apiVersion": kind.resource.api_version(version)}
        entry = self._commit(kind, key, new)
        return self._done(request, self._out(kind, version, entry))

    def _update(self, request: Request, kind: Kind, version: str, entry: Entry, new: JsonObject) -> JsonObject:
        old = entry.object
        meta, standing = new["metadata"], old["metadata"]
        name = standing["name"]
        given = meta.get("resourceVersion")
        if given and given != standing["resourceVersion"]:
            raise errors.conflict(kind.resource, name)
        if not given and kind.custom:
            why = "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
            what = errors.quoted(kind.resource, name).partition(" ")[0]
            raise errors.invalid(what, name, [why])
        reset = meta.pop("managedFields", None) == [{}]
        if request.subresource:
            # Of a custom resource not even the metadata is taken, a uid that differs included.
            meta = standing if kind.custom else meta
            new = {**old, "metadata": dict(meta), "status": new.get("status")}
            new = {key: value for key, value in new.items() if value is not None}
            new = _copied(new)
        elif version in kind.status:
            new.pop("status", None)
            if "status" in old:
                new["status"] = orjson.loads(orjson.dumps(old["status"]))
        meta = new["metadata"]
        if found := carry_over(meta, standing):
            raise errors.invalid(kind.name, name, found)
        self._admit(request, kind, version, new, old)
        if kind.generation != "none" and _counted(kind, new) != _counted(kind, old):
            meta["generation"] = standing["generation"] + 1
        meta["resourceVersion"] = standing["resourceVersion"]
        if not reset and "managedFields" in standing:
            meta["managedFields"] = standing["managedFields"]
        if new == old:
            return self._done(request, self._out(kind, version, entry))
        meta.pop("managedFields", None)
        if not reset:
            self._track(kind, version, old, new, request.field_manager, request.subresource)
        leaving = "deletionTimestamp" in meta and not meta.get("finalizers") and kind.name not in (NAMESPACE, CRD)
        if request.dry_run or leaving:
            answer = _copied(new)
            answer["apiVersion"] = kind.resource.api_version(version)
            if request.dry_run:
                return answer
            self.finish(kind.name, (standing.get("namespace", ""), name))
            return self._done(request, answer)
        written = self._commit(kind, (standing.get("namespace", ""), name), new)
        return self._done(request, self._out(kind, version, written))

    def _admit(self, request: Request, kind: Kind, version: str, new: JsonObject, old: JsonObject | None) -> None:
        if not kind.custom and not kind.status:
            new.pop("status", None)  # typed, and without one
        for mutate in self.faults.mutators:
            mutate(request, new)
        found = metadata.problems(kind.name, new["metadata"], custom=kind.custom)
        if kind.custom:
            structure = kind.schemas.get(version)
            if structure is not None:
                found += schema.admit(structure, new)
            else:
                admission.drop_nulls(new)  # nearly every schema drops them where it names the field
        elif not found:
            found = admission.admit(kind.name, new, old, request.subresource, self._allocations)
        if found:
            raise errors.invalid(kind.name, new["metadata"].get("name") or "", found)

    def _track(
        self, kind: Kind, version: str, old: JsonObject | None, new: JsonObject, manager: str, subresource: str
    ) -> None:
        entries = managed(
            old,
            new,
            manager=manager or "unknown",
            api_version=kind.resource.api_version(version),
            subresource=subresource,
            time=self._time(),
            untracked=_STATUS if version in kind.status and not subresource else _NOTHING,
            custom=kind.custom,
        )
        if entries:
            new["metadata"]["managedFields"] = entries

    def _commit(self, kind: Kind, key: Key, new: JsonObject | None) -> Entry:
        """Write ``new`` in the place of what stands (None: nothing), as one step of the resourceVersion."""
        objects = self._objects.setdefault(kind.name, {})
        before = objects.get(key)
        self._version += 1
        after = None
        if new is not None:
            new["metadata"]["resourceVersion"] = str(self._version)
            after = objects[key] = Entry(new)
        else:
            del objects[key]
        self._history(kind.name).append(Change(self._version, key, before, after))
        self._keep_books(kind, key, before, after)
        self._changed()
        if self.collecting:
            self._written.append((kind.name, key, before, after))
            self._follow_up()
        return after or before  # type: ignore[return-value]

    def _keep_books(self, kind: Kind, key: Key, before: Entry | None, after: Entry | None) -> None:
        old = before.object if before is not None else None
        new = after.object if after is not None else None
        if kind.name == SERVICE:
            self._allocations.settle(old, new)
        elif kind.name == CRD and new is not None:
            defined = kind_of_definition(new)
            self._kinds[defined.name] = defined
        for each, keep in ((old, False), (new, True)):
            for owner in each["metadata"].get("ownerReferences") or () if each else ():
                owned = self._owned.setdefault(owner["uid"], set())
                (owned.add if keep else owned.discard)((kind.name, key))

    def _follow_up(self) -> None:
        """Do what the controllers of a real cluster would do about what was written, one write after the other."""
        if self._following:  # these are writes too
            return
        self._following = True
        try:
            while self._written:
                kind, key, before, after = self._written.popleft()
                if after is None and before is not None:
                    self._release_dependents(before.object["metadata"]["uid"])
                elif after is not None and after.object["metadata"].get("ownerReferences"):
                    ownership.release(self, kind, key)
                ending = after is not None and "deletionTimestamp" in after.object["metadata"]
                if after is None or (ending and kind in (NAMESPACE, CRD)):
                    ownership.settle_ending(self)
        finally:
            self._following = False

    def _release_dependents(self, uid: str) -> None:
        for kind, key in sorted(self._owned.pop(uid, ())):
            ownership.release(self, kind, key)

    def _consult(self, request: Request) -> None:
        for hook in self.faults.before:
            hook(request)

    def _done(self, request: Request, answer: Answer) -> Answer:
        for hook in self.faults.after:
            hook(request, answer)
        return answer

    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def _time(self) -> str:
        return _stamp(int(self._clock()))

    def _suffix(self) -> str:
        self._generated += 1
        number = self._generated * 7_919_191
        letters = []
        for _ in range(5):
            number, digit = divmod(number, len(_SUFFIX))
            letters.append(_SUFFIX[digit])
        return "".join(letters)


@lru_cache(maxsize=1024)
def _stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _counted(kind: Kind, obj: JsonObject) -> Any:
    """The part of an object whose changes its generation counts."""
    if kind.generation == "spec":
        return obj.get("spec")
    left_out = ("metadata", "status") if kind.status or not kind.custom else ("metadata",)
    return {key: value for key, value in obj.items() if key not in left_out}


def _copied(value: JsonObject) -> JsonObject:
    """A copy of its own, of JSON and nothing else."""
    try:
        copied: JsonObject = orjson.loads(orjson.dumps(value))
    except orjson.JSONEncodeError as error:
        raise errors.bad_request(str(error)) from None
    return copied
