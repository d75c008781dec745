"""Whether a request may come in: a pure answer to a question, in one place.

    the engine doesn't know enough yet, or nobody has looked at the Secret     ->  503, ask again
    no such door; a host that nobody has                                       ->  401
    a path that could be read in two ways, on a host that doors share by path  ->  403
    a door that is open to everybody; a path that is exempt                    ->  200, no client
    a key or password of a client of the door's Secret                         ->  200, that client
    a password that wasn't tried yet                                           ->  to be tried
    anything else: none, a wrong one, another door's, a Secret of nobody       ->  401

Every 401 is the same, whatever its reason: it tells nobody which doors there are, nor how near a key was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal, Protocol

import msgspec
from doorward.model.door import Guard, GuardKind
from doorward.model.reference import SECRET, Ref

from doorward_daemon.authz.keys import KeyRing, KeyRings
from doorward_daemon.authz.question import Credentials, Question, is_plain

__all__ = ["Answer", "Doors", "Passage", "Trial", "decide"]

Why = Literal["allowed", "open", "exempt", "refused", "ambiguous", "unknown", "busy"]
"""What a metric counts an answer as."""


class Answer(msgspec.Struct, frozen=True):
    status: Literal[200, 401, 403, 503]
    why: Why
    client: str = ""
    challenge: GuardKind = "api-key"
    """What a 401 asks for."""


class Trial(msgspec.Struct, frozen=True):
    """A password that has to be tried against a hash, which takes its time; then the question is asked again."""

    user: str
    password: str
    hashed: str

    def __repr__(self) -> str:
        return "Trial(...)"


class Passage(msgspec.Struct, frozen=True):
    """A door that a request may be for, and what its path is behind the prefix that is removed."""

    door: tuple[str, str]
    guard: Guard | None
    """None: it is open to everybody."""
    path: str = ""


class Doors(Protocol):
    """What the engine knows of doors."""

    @property
    def ready(self) -> bool:
        """Whether it knows enough to say which doors there are."""
        ...

    @property
    def exempt(self) -> Collection[str]:
        """Paths that are open to everybody."""
        ...

    def named(self, namespace: str, name: str) -> Passage | None:
        """The door of an InferenceService; None where there is none, or where it asks for a guard that there isn't."""
        ...

    def at(self, host: str, path: str) -> Sequence[Passage] | None:
        """Those who hold this host and path; None where one of them asks for a guard that there isn't."""
        ...

    def is_shared(self, host: str) -> bool:
        """Whether doors share a host by path."""
        ...


Tried = Callable[[Trial], bool | None]
"""What came of a trial; None where it wasn't made."""

_REFUSED = Answer(401, "refused")
_UNKNOWN = Answer(503, "unknown")
_AMBIGUOUS = Answer(403, "ambiguous")


def decide(question: Question, doors: Doors, rings: KeyRings, tried: Tried) -> Answer | Trial:
    """The answer, or what has to be tried first."""
    if not doors.ready:
        return _UNKNOWN
    if question.door:
        passage = doors.named(*question.door)
        passages: Sequence[Passage] | None = [passage] if passage else None
    elif not question.host:
        return _REFUSED
    elif doors.is_shared(question.host) and not is_plain(question.path):
        return _AMBIGUOUS
    else:
        passages = doors.at(question.host, question.path)
    if not passages:
        return _REFUSED
    allowed = Answer(200, "open")
    # More than one where two services have a host for a moment: whoever the proxy takes it to, its guard has agreed.
    for passage in passages:
        answer = _through(passage, question, doors, rings, tried)
        if isinstance(answer, Trial) or answer.status != 200:
            return answer
        allowed = answer if answer.client or not allowed.client else allowed
    return allowed


def _through(passage: Passage, question: Question, doors: Doors, rings: KeyRings, tried: Tried) -> Answer | Trial:
    guard = passage.guard
    if guard is None:
        return Answer(200, "open")
    if doors.exempt and (passage.path or question.path) in doors.exempt:
        return Answer(200, "exempt")
    ref = Ref(SECRET, passage.door[0], guard.secret)
    if not rings.knows(ref):
        return _UNKNOWN
    ring = rings.get(ref, guard.kind)
    refused = Answer(401, "refused", challenge=guard.kind)
    if ring is None:
        return refused
    if guard.kind == "api-key":
        client = next(filter(None, map(ring.client, question.credentials.keys)), "")
        return Answer(200, "allowed", client) if client else refused
    return _by_password(ring, question.credentials, tried, refused)


def _by_password(ring: KeyRing, shown: Credentials, tried: Tried, refused: Answer) -> Answer | Trial:
    if not shown.user:
        return refused
    # A user that there isn't takes as long as one that there is.
    hashed = ring.hashes.get(shown.user) or next(iter(ring.hashes.values()), "")
    if not hashed:
        return refused
    trial = Trial(shown.user, shown.password, hashed)
    right = tried(trial)
    if right is None:
        return trial
    return Answer(200, "allowed", shown.user) if right and shown.user in ring.hashes else refused
