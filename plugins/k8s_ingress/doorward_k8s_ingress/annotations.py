"""Which annotations an Ingress bears: those of its service that may pass, over our defaults."""

from __future__ import annotations

from doorward.model.door import Door, Warning

from doorward_k8s_ingress.controllers import ISSUERS, PREFIXES, Controller


def timeout(door: Door) -> int | None:
    """Seconds that the slowest of the routes may take (an Ingress has one limit); None where one has no limit."""
    default = door.settings.request_timeout_seconds
    limits = [door.target(route.component).timeout or default for route in door.routes]
    return max((limit for limit in limits if limit), default=None) if all(limits) else None


def carried(door: Door, controller: Controller) -> tuple[dict[str, str], dict[str, str], tuple[Warning, ...]]:
    """Annotations for each Ingress, those for the one that a certificate is issued for, and what was held back."""
    common = controller.defaults(timeout(door))
    issuers: dict[str, str] = {}
    held_back = []
    passed, extra = controller.passed, door.settings.pass_annotations
    for key, value in door.annotations.items():
        if key in passed or key in extra:
            common[key] = value
        elif key in ISSUERS:
            issuers[key] = value
        elif key.startswith(PREFIXES):
            held_back.append(key)
    if not held_back:
        return common, issuers, ()
    message = (
        f"not passed to the Ingress: {', '.join(sorted(held_back))}; what can move or leak traffic, or isn't known for "
        f"class {door.ingress_class}, needs setting passAnnotations"
    )
    return common, issuers, (Warning("AnnotationHeldBack", message),)
