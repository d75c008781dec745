"""Who read what: a door depends on every fact that it looked at, a missing one included, and on nothing else."""

from __future__ import annotations

from doorward.model.reference import Ref
from doorward.state.facts import Fact, Facts, inhabited, labelled, slices


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

    def services_labelled(self, namespace: str, value: str) -> list[Fact]:
        key = labelled(namespace, value)
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
        self._readers: dict[Ref, Ref | tuple[Ref, ...]] = {}

    def of(self, key: Ref) -> tuple[Ref, ...]:
        """The services that read this key.  Nearly always one, which is stored bare: a tuple each would cost memory."""
        readers = self._readers.get(key)
        if readers is None:
            return ()
        return (readers,) if isinstance(readers, Ref) else readers

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
                readers = self.of(key)
                self._readers[key] = (*readers, service) if readers else service
        if now:
            self._keys[service] = now
        else:
            self._keys.pop(service, None)

    def _forget(self, key: Ref, service: Ref) -> None:
        rest = tuple(reader for reader in self.of(key) if reader != service)
        if not rest:
            self._readers.pop(key, None)
        else:
            self._readers[key] = rest[0] if len(rest) == 1 else rest
