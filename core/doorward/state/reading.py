"""Who read what: a door depends on every fact that it looked at, a missing one included, and on nothing else."""

from __future__ import annotations

from collections.abc import Collection

from doorward.model.reference import SECRET, Ref
from doorward.state.facts import Fact, Facts, inhabited, labelled, slices
from doorward.state.index import Index


class Reader:
    """The facts, as one door reads them; it remembers each key."""

    __slots__ = ("_facts", "keys")

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.keys: dict[Ref, None] = {}

    def get(self, ref: Ref) -> Fact | None:
        fact = self._facts.get(ref)
        # The fact's own reference, where there is one: twenty thousand doors' keys are many tuples.
        self.keys[fact.ref if fact else ref] = None
        return fact

    def services_labelled(self, namespace: str, label: str, value: str) -> list[Fact]:
        key = labelled(namespace, label, value)
        self.keys[key] = None
        return self._facts.found(key)

    def slices_of(self, namespace: str, service: str) -> list[Fact]:
        key = slices(namespace, service)
        self.keys[key] = None
        return self._facts.found(key)

    def knows_namespace(self, name: str) -> bool:
        self.keys[inhabited(name)] = None
        return self._facts.knows_namespace(name)


class Dependents:
    """From a key to the services whose doors read it."""

    def __init__(self) -> None:
        self._keys: dict[Ref, tuple[Ref, ...]] = {}
        self._readers = Index[Ref]()
        self.secrets: frozenset[Ref] = frozenset()
        """The Secrets that are read; another set only where it has changed."""

    def of(self, key: Ref) -> Collection[Ref]:
        """The services that read this key."""
        return self._readers.at(key)

    def keys(self, service: Ref) -> tuple[Ref, ...]:
        """The keys that this service's door read."""
        return self._keys.get(service, ())

    def record(self, service: Ref, keys: dict[Ref, None]) -> None:
        """These are now the keys that this service's door read."""
        before = self._keys.get(service, ())
        now = tuple(keys)
        if before == now:
            return
        known = dict.fromkeys(before)
        for key in before:
            if key not in keys:
                self._forget(key, service)
        for key in keys:
            if key not in known:
                if key.kind == SECRET and key not in self._readers:
                    self.secrets |= {key}
                self._readers.add(key, service)
        if now:
            self._keys[service] = now
        else:
            self._keys.pop(service, None)

    def _forget(self, key: Ref, service: Ref) -> None:
        self._readers.discard(key, service)
        if key.kind == SECRET and key not in self._readers:
            self.secrets -= {key}
