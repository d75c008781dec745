"""One write that is decided and not handed out yet."""

from __future__ import annotations

import msgspec

from doorward.model.action import Verb
from doorward.model.reference import JsonObject, Ref
from doorward.plan.correction import fields, preconditioned
from doorward.state.facts import Fact


class Write(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A write that is ready to be handed out; ``order`` is that of :class:`.Action`."""

    verb: Verb
    ref: Ref
    order: int
    reason: str
    uid: str = ""
    resource_version: str = ""
    body: JsonObject | None = None
    fields: tuple[str, ...] = ()
    digest: str = ""
    repair: bool = False


def patch_of(
    fact: Fact, patch: JsonObject, order: int, reason: str, *, digest: str = "", repair: bool = False
) -> Write:
    """A merge patch, under the uid and resourceVersion that were looked at."""
    return Write(
        verb="patch",
        ref=fact.ref,
        order=order,
        reason=reason,
        uid=fact.uid,
        resource_version=str(fact.version),
        body=preconditioned(patch, fact),
        fields=fields(patch),
        digest=digest,
        repair=repair,
    )


def deletion_of(fact: Fact, order: int, reason: str) -> Write:
    """A deletion, under the same preconditions."""
    version = str(fact.version)
    return Write(verb="delete", ref=fact.ref, order=order, reason=reason, uid=fact.uid, resource_version=version)
