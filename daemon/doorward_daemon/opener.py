"""Which backend opens a door outside: the one that the engine chooses, else the one whose objects stand."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from doorward.backends import Backends
from doorward.hosts.losses import claims_of
from doorward.model.reference import SERVICE, JsonObject, Ref

__all__ = ["opener", "opener_of_what_stands"]


def opener(chosen: str | None, objects: Iterable[tuple[Ref, JsonObject]], backends: Backends) -> str:
    """The backend that opens a door; empty where there is none outside.

    ``chosen`` is what the engine chooses; None where the service can't have the door that it asks for, or nobody can
    say: then it is the one of what stands.
    """
    return opener_of_what_stands(None, objects, backends) if chosen is None else chosen


def opener_of_what_stands(chosen: str | None, objects: Iterable[tuple[Ref, JsonObject]], backends: Backends) -> str:
    """The backend whose objects stand; of several the chosen one, and empty where nobody can say which.

    What serves hosts tells more than what is put beside it, such as a policy or a Service.
    """
    standing = list(objects)
    serving = {ref.kind for ref, obj in standing if claims_of(backends, ref.kind, obj)}
    writers = _writers(serving, backends)
    if not writers:
        writers = _writers({ref.kind for ref, _ in standing} - backends.claiming.keys(), backends)
    if not writers and any(_is_typed(ref, obj) for ref, obj in standing):
        writers = [name for name in sorted(backends.hostless) if backends.by_name[name].has_select()]
    if chosen in writers:
        return chosen or ""
    return writers[0] if len(writers) == 1 else ""


def _writers(kinds: Collection[str], backends: Backends) -> list[str]:
    """The backends, but for those of Services, that write one of these kinds."""
    return [
        name
        for name in backends.by_name
        if name not in backends.hostless
        and any(watch.resource.kind in kinds for watch in backends.described(name) if watch.owned != "nothing")
    ]


def _is_typed(ref: Ref, obj: JsonObject) -> bool:
    return ref.kind == SERVICE and (obj.get("spec") or {}).get("type") in ("LoadBalancer", "NodePort")
