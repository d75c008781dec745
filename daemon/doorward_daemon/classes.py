"""That an Ingress names a class which the cluster doesn't have, where the cluster tells which it has."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from doorward.explaining import ExplainingEngine
from doorward.model.reference import JsonObject, Ref, Resource

__all__ = ["INGRESS_CLASSES", "LISTED", "MISSING", "MissingClass", "missing_classes"]

INGRESS_CLASSES = Resource("IngressClass.networking.k8s.io", "ingressclasses", namespaced=False)
LISTED = f"kubectl get {INGRESS_CLASSES.plural}.{INGRESS_CLASSES.group}"
"""The command line that shows which there are."""
MISSING = "IngressClassMissing"
"""What it is called, wherever it is told."""
_INGRESS = "Ingress.networking.k8s.io"


class MissingClass(msgspec.Struct, frozen=True):
    """One class, and the first Ingress that names it."""

    name: str
    ingress: Ref

    @property
    def message(self) -> str:
        """For users."""
        return (
            f"{self.ingress} names class {self.name}, and there is no IngressClass {self.name}: a controller that goes "
            "by IngressClasses doesn't serve it; create it, or name another"
        )


def missing_classes(engine: ExplainingEngine, objects: Iterable[tuple[Ref, JsonObject]]) -> list[MissingClass]:
    """Each class once; none where IngressClasses aren't served, or may not be listed."""
    kind = INGRESS_CLASSES.kind
    if kind not in engine.scopes or kind in engine.missing:
        return []
    named: dict[str, Ref] = {}
    for ref, obj in objects:
        if ref.kind == _INGRESS and (name := (obj.get("spec") or {}).get("ingressClassName")):
            named.setdefault(name, ref)
    return [MissingClass(name, ref) for name, ref in named.items() if engine.object(Ref(kind, "", name)) is None]
