"""What a service's memory becomes when an action comes back.

Applied   a write       nothing to retry, its outcome is known
          verified      its outcome is known; how often that failed is still counted
Refused   404           the object isn't there: nothing to retry
          409           to be verified, at once the first time: what the action was planned from is outdated
          429, 5xx      a retry, after the server's pause or a doubling one
          other 4xx     the same with longer pauses, and the server's words for the condition
Unknown                 to be verified: it may have happened

What is to be verified is marked here; plan/gate.py has it looked at before the next write.
"""

from __future__ import annotations

from zlib import crc32

from msgspec.structs import replace

from doorward.model.action import Action
from doorward.model.event import Refused
from doorward.model.reference import Ref
from doorward.state.memory import Memory, Retry, drop, forget, key_of, put

TOLD_AFTER = 3
"""Refusals in a row of the kind that passes, after which the condition tells of them all the same."""
SHORTEST, LONGEST = 0.2, 60.0
"""Seconds of the first pause, and of the longest."""


def after_success(memory: Memory, action: Action) -> Memory:
    key = key_of(action.ref)
    if action.verb == "delete":
        return forget(memory, action.ref)
    retries = memory.retries
    if action.verb != "verify":
        retries = drop(retries, key)
    elif key in retries:
        retries = put(retries, key, replace(retries[key], message=""))
    unknown = drop(memory.unknown, key)
    if retries is memory.retries and unknown is memory.unknown:
        return memory
    return replace(memory, retries=retries, unknown=unknown)


def after_absence(memory: Memory, action: Action) -> Memory:
    """The object of an action isn't there."""
    if action.verb == "delete":
        return forget(memory, action.ref)
    key = key_of(action.ref)
    return replace(memory, retries=drop(memory.retries, key), unknown=drop(memory.unknown, key))


def after_refusal(memory: Memory, action: Action, event: Refused, now: float) -> Memory:
    key = key_of(action.ref)
    attempts = _attempts(memory, key)
    message = ""
    if _permanent(event.status) or attempts > TOLD_AFTER:
        message = event.message or event.reason or f"HTTP {event.status}"
    until = now + _pause(action.ref, attempts, event)
    retry = Retry(attempts, until, event.status, message, action.verb == "delete")
    unknown = put(memory.unknown, key, action) if event.status == 409 else memory.unknown
    return replace(memory, retries=put(memory.retries, key, retry), unknown=unknown)


def after_unknown(memory: Memory, action: Action, now: float) -> Memory:
    """Nobody knows what became of an action; a look that failed leaves the doubt about the write before it."""
    key = key_of(action.ref)
    attempts = _attempts(memory, key)
    earlier = memory.unknown.get(key)
    unknown = earlier if earlier and action.verb == "verify" else action
    until = now + (_backoff(action.ref, attempts) if attempts > 1 else 0.0)
    retry = Retry(attempts, until, deletes=unknown.verb == "delete")
    return replace(memory, unknown=put(memory.unknown, key, unknown), retries=put(memory.retries, key, retry))


def _attempts(memory: Memory, key: str) -> int:
    before = memory.retries.get(key)
    return before.attempts + 1 if before else 1


def _permanent(status: int) -> bool:
    """Whether a refusal is likely to stay one until somebody changes something."""
    return 400 <= status < 500 and status not in (408, 409, 429)


def _pause(ref: Ref, attempts: int, event: Refused) -> float:
    """How long a refused write rests: as long as the server asks, not at all after a first conflict, else a backoff."""
    if event.retry_after is not None:
        return event.retry_after
    if event.status == 409 and attempts == 1:
        return 0.0
    return _backoff(ref, attempts + 3 if _permanent(event.status) and event.status != 404 else attempts)


def _backoff(ref: Ref, attempts: int) -> float:
    """Doubling pauses, spread by the object's name so that doors don't come back all at once."""
    spread = 0.75 + (crc32(f"{ref}{attempts}".encode()) % 1000) / 2000
    return float(min(LONGEST, SHORTEST * 2 ** min(attempts - 1, 10))) * spread
