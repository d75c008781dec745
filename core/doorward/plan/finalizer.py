"""The finalizers that keep a service until what stands for it outside of the API server is gone.

There is one per kind, so that it can be told which backend it waits for.  It is put on before the first write of an
object of that kind, and taken off when nothing of it stands, is wanted or may still come.  One whose backend isn't
there any more stays: nobody can see what it protects.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from doorward.model.action import OPEN, Action
from doorward.model.reference import Ref
from doorward.plan.gate import may_not_write_now
from doorward.plan.plan import Plan, Situation
from doorward.plan.write import patch_of
from doorward.state.inference_service import InferenceService
from doorward.state.kinds import Kinds
from doorward.state.transform import FINALIZER

PREFIX = FINALIZER
FIELD = "metadata.finalizers"


def kinds_held(service: InferenceService) -> list[str]:
    """The kinds for which a service bears a finalizer of ours."""
    return [each.removeprefix(PREFIX) for each in service.metadata.finalizers if each.startswith(PREFIX)]


def keep_finalizers(s: Situation, plan: Plan, external: Collection[str], spare: Collection[str]) -> None:
    """Hold back writes of external kinds until their finalizers are on, and take off those of ``spare`` kinds."""
    standing = s.service.metadata.finalizers
    early = [
        write
        for write in plan.writes
        if write.ref.kind in external and write.verb not in ("delete", "verify")
        if PREFIX + write.ref.kind not in standing
    ]
    if not early and not spare:
        return
    plan.writes = [write for write in plan.writes if write not in early]
    wanted = [each for each in standing if each.removeprefix(PREFIX) not in spare or not each.startswith(PREFIX)]
    wanted += sorted({PREFIX + write.ref.kind for write in early})
    if may_not_write_now(s, s.fact.ref, plan):
        return
    reason = "before objects outside of the API server" if early else "nothing stands outside of the API server"
    plan.writes.append(patch_of(s.fact, {"metadata": {"finalizers": wanted or None}}, OPEN, reason))


def spare_kinds(
    s: Situation, external: Collection[str], kinds: Kinds, wanted: Iterable[Ref], under_way: Iterable[Action]
) -> set[str]:
    """The external kinds with a finalizer of which nothing stands, is wanted or may still come."""
    held = set(kinds_held(s.service)) & set(external)
    if not held:
        return held
    used = {*wanted, *(fact.ref for fact in s.ours), *(action.ref for action in under_way)}
    return {kind for kind in held - {ref.kind for ref in used} if kinds.state(kind) == "listed"}


def left_alone(ref: Ref, kinds: list[str]) -> str:
    """What to tell of finalizers whose backends aren't there."""
    names = ", ".join(PREFIX + kind for kind in kinds)
    return (
        f"no backend that is installed keeps {', '.join(kinds)}, so nobody can see what stands there for this service: "
        f"install it again, or remove what stands there, then {names} from {FIELD} "
        f"(kubectl edit inferenceservice {ref.name} --namespace {ref.namespace})"
    )
