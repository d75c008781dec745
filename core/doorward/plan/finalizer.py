"""The finalizers that keep a service until what stands for it outside of the API server is gone.

There is one per kind, so that it can be told which backend it waits for.  It is put on before the first write of an
object of that kind, and taken off when nothing of it stands, is wanted or may still come.  One whose backend isn't
there any more stays: nobody can see what it protects.
"""

from __future__ import annotations

from collections.abc import Collection

from doorward.graph.facts import Fact
from doorward.graph.inference_service import InferenceService
from doorward.model.action import OPEN
from doorward.model.reference import Ref
from doorward.plan.desired import preconditioned
from doorward.plan.plan import Draft, Plan, Situation, put_off

PREFIX = "external.doorward.io/"
FIELD = "metadata.finalizers"


def kinds_held(service: InferenceService) -> list[str]:
    """The kinds for which a service bears a finalizer of ours."""
    return [each.removeprefix(PREFIX) for each in service.metadata.finalizers if each.startswith(PREFIX)]


def guard(s: Situation, fact: Fact, result: Plan, external: Collection[str], spare: Collection[str]) -> None:
    """Hold back writes of external kinds until their finalizers are on, and take off those of ``spare`` kinds."""
    standing = s.service.metadata.finalizers
    early = [
        draft
        for draft in result.drafts
        if draft.ref.kind in external and draft.verb != "delete" and draft.verb != "look"
        if PREFIX + draft.ref.kind not in standing
    ]
    if not early and not spare:
        return
    result.drafts = [draft for draft in result.drafts if draft not in early]
    wanted = [each for each in standing if each.removeprefix(PREFIX) not in spare or not each.startswith(PREFIX)]
    wanted += sorted({PREFIX + draft.ref.kind for draft in early})
    if put_off(s, fact.ref, result):
        return
    result.drafts.append(
        Draft(
            verb="patch",
            ref=fact.ref,
            order=OPEN,
            reason="before objects outside of the API server" if early else "nothing stands outside of the API server",
            uid=fact.uid,
            resource_version=str(fact.version),
            body=preconditioned({"metadata": {"finalizers": wanted or None}}, fact),
            fields=(FIELD,),
        )
    )


def left_alone(ref: Ref, kinds: list[str]) -> str:
    """What to tell of finalizers whose backends aren't there."""
    names = ", ".join(PREFIX + kind for kind in kinds)
    return (
        f"no backend that is installed keeps {', '.join(kinds)}, so nobody can see what stands there for this service: "
        f"install it again, or remove what stands there, then {names} from {FIELD} "
        f"(kubectl edit inferenceservice {ref.name} --namespace {ref.namespace})"
    )
