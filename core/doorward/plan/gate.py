"""The one gate that every write passes: may this object be written now?

an action on it is in flight           no; its outcome decides anew
the server refused the last write      not before the pause is over
the last write's outcome is unknown    no; it is verified first
somebody keeps undoing our repairs     no repair before the back-off is over
"""

from __future__ import annotations

from collections.abc import Container

from doorward.model.action import VERIFY
from doorward.model.door import Warning
from doorward.model.reference import Ref
from doorward.plan.plan import Plan, Situation
from doorward.plan.write import Write
from doorward.state.back_off import after_repair
from doorward.state.memory import BackOff, key_of

UNKNOWN_OUTCOME = "nobody knows what became of the last write"


def may_not_write_now(s: Situation, ref: Ref, plan: Plan, *, order: int = VERIFY, closes: bool = False) -> bool:
    """Whether nothing may be written to an object now; what there is to do instead is in the plan.

    ``order`` is that in which the object is verified.  A deletion that ``closes`` waits for no pause but that of a
    deletion.
    """
    key = key_of(ref)
    retry = s.memory.retries.get(key)
    if retry and closes and not retry.deletes:
        retry = None
    busy = ref in s.in_flight
    if retry and retry.message and (retry.until > s.now or busy):
        plan.refused.append(f"{ref}: {retry.message}")
    if busy:
        plan.wait()
        return True
    if retry and retry.until > s.now:
        plan.wait()
        plan.wake_at(retry.until)
        return True
    if key in s.memory.unknown:
        plan.add(Write(verb="verify", ref=ref, order=order, reason=UNKNOWN_OUTCOME))
        return True
    return False


def backs_off(s: Situation, ref: Ref, other: str, plan: Plan) -> bool:
    """Whether a repair has to wait: somebody (``other``: as which field manager) who keeps undoing them is met with
    growing pauses."""
    back_off = s.memory.back_offs.get(key_of(ref), BackOff())
    if back_off.until > s.now:
        plan.applied = False
        plan.wake_at(back_off.until)
        return True
    if after_repair(back_off, s.now).pause:
        who = f"field manager {other}" if other else "somebody"
        message = f"{who} keeps undoing what doorward writes to {ref}; stop it, or switch this door off"
        plan.warnings.append(Warning("Contested", message))
    return False


def verify_the_rest(s: Situation, plan: Plan, wanted: Container[Ref]) -> None:
    """A write whose outcome is unknown may reserve a host, whether or not its object is needed any more.

    ``wanted``: the objects that the plan looked at already.
    """
    done = {write.ref for write in plan.writes}
    for key, action in s.memory.unknown.items():
        ref, retry = action.ref, s.memory.retries.get(key)
        if action.verb == "status" or ref in done or ref in wanted or ref in s.in_flight:
            continue
        if retry and retry.until > s.now:
            plan.wake_at(retry.until)
        else:
            plan.writes.append(Write(verb="verify", ref=ref, order=VERIFY, reason=UNKNOWN_OUTCOME))
