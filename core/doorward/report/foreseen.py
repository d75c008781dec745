"""The status that a decision foresees: what is to be reported once its writes have come back as they went out.

Nearly every door that opens is decided, written, and then decided again only to report that it stands.  What the second
decision would find is known to the first, as long as nothing but these writes has happened since: each object stands as
our last write left it, and nothing else is ours.  Where that holds, the status is written without deciding again.
"""

from __future__ import annotations

import msgspec

from doorward.backends import Backend
from doorward.door.wanted import WantedDoor
from doorward.hosts.granting import Denied
from doorward.model.door import Door
from doorward.plan.plan import Plan, Situation
from doorward.render.rendering import Rendered
from doorward.report.condition import report_on, standing_of
from doorward.report.status import Report
from doorward.settings.tracked import TrackedSettings
from doorward.state.facts import Fact
from doorward.state.inference_service import InferenceService, parse


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """A door as it was decided, for as long as its writes are under way."""

    service: InferenceService
    body: bytes
    """The fact that it was read from."""
    want: WantedDoor
    door: Door
    rendered: Rendered
    denied: list[Denied]
    tracked: TrackedSettings
    """The settings that it was decided by; what the report reads of them counts as read by the door."""

    def read(self, fact: Fact) -> InferenceService:
        """The service as it is by now.  Raises Refusal where it can't be read any more."""
        return self.service if fact.body == self.body else parse(fact, self.service.source)

    def holds(self, s: Situation) -> bool:
        """Whether everything stands as it was decided, and nothing beside it."""
        if s.memory.unknown or len(s.ours) != len(self.rendered.desired):
            return False
        for fact in s.ours:
            desired, last = self.rendered.desired.get(fact.ref), s.last_applied(fact)
            if desired is None or last is None or fact.deleting or fact.ref in s.in_flight:
                return False
            if last.digest != desired.digest or last.difference or last.body != fact.body:
                return False
        return True

    def report(self, s: Situation, plan: Plan, selected: Backend | None) -> Report | None:
        standing = standing_of(selected, self.door, self.rendered, s.reader, plan)
        return report_on(self.want, self.door, self.rendered, self.denied, plan, standing)
