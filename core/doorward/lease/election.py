"""Who leads, as far as one candidate can know: what it saw of the Lease, and when by its own clock.

The rules are client-go's (tools/leaderelection/leaderelection.go), so that doorward's Lease reads like any other:

- A Lease is another's for as long as its own duration since it was last *seen to change*.  No two clocks are compared.
- Who holds it acts for a shorter time, counted from before its last renewal was sent.

So there are two leaders at no time, whatever the clocks say, however late answers come, and however long a process was
stopped: the first has ceased to act before anybody may take the Lease.  What it had sent by then may still take effect;
that is what a write's uid and resourceVersion are for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from doorward.model.reference import JsonObject

__all__ = ["Election", "Terms"]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long is waited for what, in seconds; the defaults are those of Kubernetes' own components."""

    duration: float = 15.0
    """A Lease that nobody has renewed for so long is anybody's."""
    deadline: float = 10.0
    """Who holds it acts for so long after its last renewal; less than ``duration``."""
    retry: float = 2.0
    """It is renewed, or tried for again, so often."""
    settle: float = 1.0
    """Who takes one that was left waits for so long before it acts, to have seen what was written last."""

    @classmethod
    def of(cls, duration: float) -> Terms:
        """All of them in their usual proportion, but nobody settles for longer than a second.

        Raises ValueError where it isn't whole seconds, at least 1.
        """
        if duration < 1 or duration != int(duration):
            raise ValueError(f"a Lease lasts whole seconds, at least 1, not {duration:g}")
        return cls(
            duration=duration, deadline=duration * 2 / 3, retry=duration * 2 / 15, settle=min(1.0, duration / 15)
        )


class Election:
    """What one candidate knows.  Pure: ``now`` is the time of a clock of its own that never goes back, in seconds.

    ``identity`` is its own, and nobody else's, a former process of the same pod included.
    """

    def __init__(self, identity: str, terms: Terms) -> None:
        self.identity = identity
        self.terms = terms
        self._spec: JsonObject = {}
        self._changed = float("-inf")
        self._until = float("-inf")
        self._begins = float("-inf")
        self._least = 0

    @property
    def holder(self) -> str:
        """Who holds the Lease, as far as it was seen; empty where nobody does."""
        return _text(self._spec.get("holderIdentity"))

    @property
    def term(self) -> int:
        """How often the Lease went to another holder."""
        told = self._spec.get("leaseTransitions")
        return told if isinstance(told, int) else 0

    def raise_term(self, above: int) -> None:
        """Bid for a term above this one from now on: terms only rise, though a Lease that was deleted begins at 0."""
        self._least = max(self._least, above + 1)

    def seconds(self, now: float) -> float:
        """For how long this candidate surely leads, unless it renews the Lease; 0 where it doesn't."""
        return max(0.0, self._until - now) if now >= self._begins else 0.0

    def begins_in(self, now: float) -> float:
        """Seconds until this candidate, which has just taken the Lease, may act."""
        return max(0.0, self._begins - now)

    def observe(self, lease: JsonObject | None, now: float) -> None:
        """Take note of the Lease as it stands; None: there is none.

        One that was deleted is its last holder's still, who may not know.
        """
        if lease is None and self.holder != self.identity:
            return
        spec = (lease or {}).get("spec")
        spec = spec if isinstance(spec, dict) else {}
        if spec != self._spec:
            self._spec, self._changed = spec, now
        if self.holder != self.identity:
            self._until = float("-inf")

    def free_in(self, now: float) -> float:
        """Seconds until this candidate may bid for the Lease; 0: now."""
        if self.holder in ("", self.identity):
            return 0.0
        return max(0.0, self._changed + self._lasts - now)

    @property
    def _lasts(self) -> float:
        """How long its holder said that it is its own."""
        told = self._spec.get("leaseDurationSeconds")
        return float(told) if isinstance(told, int) and told > 0 else self.terms.duration

    def bid(self, wall: float) -> JsonObject:
        """The ``spec`` that makes the Lease this candidate's, or renews it; ``wall`` is the time of day, for people.

        It is to be written under the resourceVersion that was observed: of several who bid, one wins.
        """
        at = _micro_time(wall)
        renews = self.holder == self.identity
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self.terms.duration),
            "acquireTime": self._spec.get("acquireTime") or at if renews else at,
            "renewTime": at,
            "leaseTransitions": max(self._least, self.term if renews or not self._spec else self.term + 1),
        }

    def won(self, lease: JsonObject, began: float, now: float) -> None:
        """The bid that was sent no earlier than ``began`` was taken, and this is the Lease since."""
        if self._spec and not self.holder:  # one that ran out was its holder's for longer than that one wrote
            self._begins = now + self.terms.settle
        self.observe(lease, now)
        if self.holder == self.identity:
            self._until = began + self.terms.deadline

    def resign(self, wall: float) -> JsonObject:
        """The ``spec`` that leaves the Lease to anybody; from now on this candidate doesn't lead."""
        self._until = float("-inf")
        # An empty string isn't allowed as a duration, and 0 isn't either.
        return {**self.bid(wall), "holderIdentity": "", "leaseDurationSeconds": 1}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _micro_time(seconds: float) -> str:
    """``metav1.MicroTime``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
