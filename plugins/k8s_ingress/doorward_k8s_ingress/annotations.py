"""Which annotations an Ingress bears: those of its service that may pass, over our defaults."""

from __future__ import annotations

from doorward.model.annotations import HeldBack, told, value_problem
from doorward.model.door import Door, Warning

from doorward_k8s_ingress.controllers import ISSUERS, ON_SERVICES, PREFIXES, Controller
from doorward_k8s_ingress.protocols import spoken


def timeout(door: Door) -> int | None:
    """Seconds that the slowest of the routes may take (an Ingress has one limit); None where one has no limit."""
    default = door.settings.request_timeout_seconds
    limits = [door.target(route.component).timeout or default for route in door.routes]
    return max((limit for limit in limits if limit), default=None) if all(limits) else None


def carried(door: Door, controller: Controller) -> tuple[dict[str, str], dict[str, str], tuple[Warning, ...]]:
    """Annotations for each Ingress, those for the one that a certificate is issued for, and what was held back."""
    protocols, warnings = spoken(door, controller)
    common = controller.defaults(timeout(door)) | protocols
    headers = {} if door.serverless else dict(controller.headers)
    issuers: dict[str, str] = {}
    held_back = []
    extra = door.settings.pass_annotations
    for key, value in door.annotations.items():
        form = None if key in extra else controller.passed.get(key) or ISSUERS.get(key)
        if key not in extra and form is None:
            if key.startswith(PREFIXES):
                held_back.append(HeldBack(key, _unknown(key, door.ingress_class)))
        elif key in headers:
            held_back.append(HeldBack(key, "doorward sets it, so that components know of whom a request is for"))
        elif why := value_problem(value, form):
            held_back.append(HeldBack(key, why))
        elif key in ISSUERS and key not in extra:
            issuers[key] = value
        else:
            common[key] = value
    for key, value in headers.items():
        common[key] = value.format(name=door.name, namespace=door.namespace)
    return common, issuers, (*warnings, *told(held_back, "the Ingress"))


def _unknown(key: str, ingress_class: str) -> str:
    if reader := next((name for beginning, name in ON_SERVICES.items() if key.startswith(beginning)), ""):
        return f"{reader} reads this on Services alone; it has no effect on an Ingress, passAnnotations or not"
    return f"what can move or leak traffic, or isn't known for class {ingress_class}, needs setting passAnnotations"
