"""What is reported of a door: condition, reason and message, and the URLs (docs/status.md, What is reported)."""

from __future__ import annotations

from typing import Literal

from doorward.graph.refusal import Refusal
from doorward.graph.shape import Shape
from doorward.model import urls
from doorward.model.door import Door, Standing, Warning
from doorward.plan.arbitration import Denied
from doorward.plan.plan import Plan
from doorward.plan.rendering import Rendered
from doorward.plan.status import DOOR_READY, Report


def report_on(
    form: Shape, door: Door, rendered: Rendered, denied: list[Denied], result: Plan, standing: Standing
) -> Report | None:
    """The condition and the URLs; None while writes are under way that will decide them."""
    url = _url(form, door, rendered, standing)
    told = {"url": url, "address": form.address}
    if result.conflicts:
        return Report(status="False", reason="ObjectConflict", message="; ".join(result.conflicts), **told)
    if result.not_sticking:
        what = "; ".join(result.not_sticking)
        return Report(
            status="False", reason="NotSticking", message=f"the server changes what is written: {what}", **told
        )
    if result.refused:
        return Report(status="False", reason="WriteRefused", message="; ".join(result.refused), **told)
    if result.collecting:
        return Report(status="Unknown", reason="WaitingForCollection", message="; ".join(result.collecting))
    if not result.applied:
        return None
    if form.refused:
        return Report(status="False", reason=form.refused.reason, message=form.refused.message, **told)
    if denied:
        what = "; ".join(d.message for d in denied)
        rest = "; the other hosts are served" if door.hosts or door.path else ""
        return Report(status="False", reason=denied[0].reason, message=what + rest, **told)
    if form.waiting:
        message = f"{form.waiting.message}; until then requests go on as before"
        return Report(status=status_of(form.waiting), reason=form.waiting.reason, message=message, **told)
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


def _url(form: Shape, door: Door, rendered: Rendered, standing: Standing) -> str | None:
    if urls.is_address(standing.address) and not door.hosts:
        return urls.url("http", standing.address)
    if door.service_type == "LoadBalancer" and not (form.door.hosts or form.door.path):
        return None
    if not door.backend:
        return form.url or form.address
    rendering = rendered.renderings.get(door.backend)
    if door.path and rendering and rendering.path:
        return urls.url(door.scheme, door.path.host) + door.path.prefix
    primary = form.door.hosts[:1]
    return urls.url(door.scheme, primary[0]) if primary and primary[0] in door.hosts else form.address


def status_of(refusal: Refusal) -> Literal["True", "False", "Unknown"]:
    return "Unknown" if refusal.status == "Unknown" else "False"


def left_to_another(field: str, generation: int) -> Warning:
    what = {"condition": "the condition", "url": "status.url", "address": "status.address"}[field]
    message = (
        f"another writer keeps overwriting {what} that doorward reports; it is left to that writer until the service "
        f"changes (generation {generation}), and doorward reports in condition {DOOR_READY}. Stop one of the two, or "
        "set conditionType"
    )
    return Warning("StatusContested", message)
