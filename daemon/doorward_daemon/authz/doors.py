"""The doors as the engine knows them: who holds a host, and which guard each asks for, at this very moment."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from doorward.engine import Engine
from doorward.model.reference import Ref
from doorward.model.refusal import Refusal

from doorward_daemon.authz.decision import Passage

__all__ = ["EngineDoors"]


class EngineDoors:
    """Asks an engine that lives in the same event loop; see :class:`doorward_daemon.authz.decision.Doors`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def ready(self) -> bool:
        return self._engine.ready

    @property
    def exempt(self) -> Collection[str]:
        settings = self._engine.settings
        return settings.auth_exempt if settings else ()

    @property
    def header(self) -> str:
        """The name of the header that bears the client."""
        settings = self._engine.settings
        return settings.client_header if settings else "doorward-client"

    def named(self, namespace: str, name: str) -> Passage | None:
        ref = self._engine.called(namespace, name)
        return self._passage(ref) if ref else None

    def at(self, host: str, path: str) -> Sequence[Passage] | None:
        found = []
        prefix, holders = self._engine.holders(host, path)
        if not holders:
            prefix, holders = "", self._engine.inside(host)
        for ref in holders:
            passage = self._passage(ref, path.removeprefix(prefix) or "/")
            if passage is None:
                return None
            found.append(passage)
        return found

    def is_shared(self, host: str) -> bool:
        return self._engine.is_shared(host)

    def _passage(self, ref: Ref, path: str = "") -> Passage | None:
        try:
            return Passage((ref.namespace, ref.name), self._engine.guard(ref), path)
        except (LookupError, Refusal):
            return None
