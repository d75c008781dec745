"""What is reported of a door: condition, reason and message, and the URLs (docs/status.md, What is reported)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from doorward.backends import Backend
from doorward.door.wanted import WantedDoor
from doorward.hosts.granting import Denied
from doorward.hosts.losses import Loss
from doorward.model import urls
from doorward.model.door import Claim, Door, Standing, Warning
from doorward.model.refusal import Refusal
from doorward.plan.plan import Plan
from doorward.render.rendering import Rendered
from doorward.report.status import Report
from doorward.state.inference_service import InferenceService
from doorward.state.memory import Memory
from doorward.state.reading import Reader
from doorward.state.status_conflict import DOOR_READY, yielded


def report_on(
    want: WantedDoor, door: Door, rendered: Rendered, denied: list[Denied], plan: Plan, standing: Standing
) -> Report | None:
    """The condition and the URLs; None while writes are under way that will decide them."""
    if not (plan.applied or plan.conflicts or plan.not_sticking or plan.refused or plan.collecting):
        return None
    url = _url(want, door, rendered, standing)
    told = {"url": url, "address": want.address}
    if plan.conflicts:
        return Report(status="False", reason="ObjectConflict", message="; ".join(plan.conflicts), **told)
    if plan.not_sticking:
        what = "; ".join(plan.not_sticking)
        return Report(
            status="False", reason="NotSticking", message=f"the server changes what is written: {what}", **told
        )
    if plan.refused:
        return Report(status="False", reason="WriteRefused", message="; ".join(plan.refused), **told)
    if plan.collecting:
        return Report(status="Unknown", reason="WaitingForCollection", message="; ".join(plan.collecting))
    if not plan.applied:
        return None
    if want.refused:
        return Report(status="False", reason=want.refused.reason, message=want.refused.message, **told)
    if denied:
        what = "; ".join(d.message for d in denied)
        rest = "; the other hosts are served" if door.hosts or door.path else ""
        return Report(status="False", reason=denied[0].reason, message=what + rest, **told)
    if want.waiting:
        message = f"{want.waiting.message}; until then requests go on as before"
        return Report(status=status_of(want.waiting), reason=want.waiting.reason, message=message, **told)
    said = _said(door, rendered)
    message = "; ".join(filter(None, (standing.message, *(warning.message for warning in said))))
    if standing.state == "pending" and said:
        return Report(status="False", reason=said[0].reason, message=message, **told)
    if standing.state != "accepted":
        reason = standing.reason or ("RouteNotAccepted" if standing.state == "refused" else "Pending")
        return Report(status="False", reason=reason, message=message, **told)
    reason = {"cluster-local": "ClusterLocal", "disabled": "IngressDisabled"}.get(door.exposure, standing.reason)
    return Report(status="True", reason=reason, message=message, **told)


def _said(door: Door, rendered: Rendered) -> list[Warning]:
    """What the backend that opens the door has the condition say."""
    rendering = rendered.renderings.get(door.backend)
    return [warning for warning in rendering.warnings if warning.condition] if rendering else []


def report_of(refusal: Refusal, *, kept: bool = False) -> Report:
    """A refusal as it is told; ``kept``: what stands is kept."""
    message = f"{refusal.message} (the door that stands is kept)" if kept else refusal.message
    return Report(status=status_of(refusal), reason=refusal.reason, message=message)


def standing_of(selected: Backend | None, door: Door, rendered: Rendered, reader: Reader, plan: Plan) -> Standing:
    """How the outside door stands, where its backend can tell; asked once everything stands as wanted."""
    if not plan.applied or selected is None or not selected.has_status():
        return Standing()
    refs = [ref for ref, desired in rendered.desired.items() if desired.backend == selected.name]
    return selected.status(door, {ref: fact.object() for ref in refs if (fact := reader.get(ref))})


def _url(want: WantedDoor, door: Door, rendered: Rendered, standing: Standing) -> str | None:
    if urls.is_address(standing.address) and not door.hosts:
        return urls.url("http", standing.address)
    if door.service_type == "LoadBalancer" and not (want.door.hosts or want.door.path):
        return None
    if not door.backend:
        return want.url or want.address
    rendering = rendered.renderings.get(door.backend)
    if door.path and rendering and rendering.path:
        return urls.url(door.scheme, door.path.host) + door.path.prefix
    primary = want.door.hosts[:1]
    return urls.url(door.scheme, primary[0]) if primary and primary[0] in door.hosts else want.address


def status_of(refusal: Refusal) -> Literal["True", "False", "Unknown"]:
    return "Unknown" if refusal.status == "Unknown" else "False"


def yielded_warnings(service: InferenceService, memory: Memory) -> list[Warning]:
    """The fields of the status that are left to another writer."""
    generation = service.metadata.generation
    return [_left_to_another(field, generation) for field in yielded(memory, generation)]


def _left_to_another(field: str, generation: int) -> Warning:
    what = {"condition": "the condition", "url": "status.url", "address": "status.address"}[field]
    message = (
        f"another writer keeps overwriting {what} that doorward reports; it is left to that writer until the service "
        f"changes (generation {generation}), and doorward reports in condition {DOOR_READY}. Stop one of the two, or "
        "set conditionType"
    )
    return Warning("StatusContested", message)


def lost_warnings(served: Iterable[Claim], lost: Mapping[str, Loss]) -> list[Warning]:
    """What a held door loses: the condition speaks of the refusal, so that this is told in events."""
    gone = [loss for claim in served if (loss := lost.get(claim.where))]
    return [Warning(loss.reason, f"{loss.message}; it is served no more") for loss in gone]
