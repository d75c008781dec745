"""What services may ask for that aren't decided yet.

Hosts are theirs who came first.  So a door that takes one may pass a backlog only where no earlier service in it may
ask for the same; that is told of each from its annotations and the settings alone, at a twentieth of the price of its
decision, once somebody wants to pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from doorward.door.addresses import may_ask_for
from doorward.model.reference import Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.model.source import Source
from doorward.state.facts import Fact, Facts
from doorward.state.index import Index
from doorward.state.inference_service import parse
from doorward.state.reservations import prefixes

AT_A_TIME = 50
"""Services that are looked at before somebody else gets a turn: about as long as a decision takes."""


class Undecided:
    """The claims that they may ask for: kept while there is a backlog, and told anew of each that has changed."""

    def __init__(self, facts: Facts, sources: Mapping[str, Source]) -> None:
        self._facts = facts
        self._sources = sources
        self._begin(None)

    def forget(self) -> None:
        """Nobody waits any more."""
        if self._settings is not None:
            self._begin(None)

    def _begin(self, settings: Settings | None) -> None:
        self._settings = settings
        self._seen: dict[Ref, Fact] = {}
        """Each service as it was when its claims were told."""
        self._unseen: list[Ref] = []
        self._claims = Index[str]()
        self._below = Index[str]()
        """The services by the prefixes above their claims."""

    def look_at(self, services: Collection[Ref], settings: Settings) -> bool:
        """Look at a few more of these; whether all have been looked at."""
        if self._settings is not settings:
            self._begin(settings)
        if not self._unseen:
            self._unseen = self._not_seen(services)
        for ref in self._unseen[-AT_A_TIME:]:
            self._look_at(ref, settings)
        del self._unseen[-AT_A_TIME:]
        return not (self._unseen or self._not_seen(services))

    def asking(self, claims: Iterable[str]) -> set[Ref]:
        """The services that have been looked at and may ask for something that overlaps one of these claims."""
        found: set[Ref] = set()
        for key in claims:
            for prefix in prefixes(key):
                found.update(self._claims.at(prefix))
            found.update(self._below.at(key))
        return found

    def _not_seen(self, services: Collection[Ref]) -> list[Ref]:
        seen, facts = self._seen, self._facts
        return [ref for ref in services if (fact := facts.get(ref)) is not None and seen.get(ref) is not fact]

    def _look_at(self, ref: Ref, settings: Settings) -> None:
        if (fact := self._facts.get(ref)) is None:
            return
        self._seen[ref] = fact
        try:
            claims = may_ask_for(parse(fact, self._sources[ref.kind]), settings)
        except Refusal:
            return  # its door is held, and takes nothing
        for key in claims:
            self._claims.add(key, ref)
            for prefix in prefixes(key):
                if prefix != key:
                    self._below.add(prefix, ref)
