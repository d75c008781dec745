"""Which of its two names an Ingress has.

A change of class makes an Ingress of the new class under the other name; the old one goes once proxies have had time,
and the new one keeps its name.  So there are never two of one class, which ingress-nginx would refuse.
"""

from __future__ import annotations

from collections.abc import Iterable

from doorward.hooks import Read
from doorward.model import names
from doorward.model.door import ANY_CLASS, Door
from doorward.model.reference import JsonObject, Resource

INGRESS = Resource("Ingress.networking.k8s.io", "ingresses")
KIND = INGRESS.kind

OWNER = "doorward.io/owner"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"


def main_names(door: Door) -> tuple[str, str]:
    """The two names of the Ingress for a door's hosts."""
    return door.name, names.derived(door.name, "alt", door.hhhhh)


def path_names(door: Door, prefix: str) -> tuple[str, str]:
    """The two names of the Ingress for the path door with this prefix."""
    digits = names.mark(door.namespace, door.name, prefix)
    return names.derived(door.name, "path", digits), names.derived(door.name, "path-alt", digits)


def class_of(ingress: JsonObject) -> str:
    """The class of an Ingress: the field, else the annotation of old."""
    field = (ingress.get("spec") or {}).get("ingressClassName")
    return str(field or (ingress["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION, ""))


def ways_of(ingress: JsonObject) -> tuple[str, ...]:
    """The classes by which an Ingress may be served: field and annotation; where it has neither, any.

    Which class is the default (annotation ``ingressclass.kubernetes.io/is-default-class``), and whether a controller
    takes what has none, as ingress-nginx does with ``--watch-ingress-without-class``, the Ingress doesn't tell.
    """
    field = (ingress.get("spec") or {}).get("ingressClassName")
    annotation = (ingress["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    return tuple(dict.fromkeys(str(each) for each in (field, annotation) if each)) or (ANY_CLASS,)


def choose(door: Door, candidates: tuple[str, str], read: Read) -> str:
    """The name for an Ingress of the door's class.

    That of ours which has this class already; else one that none of ours bears; else that of the older, which is then
    changed in place.  An object of somebody else's doesn't make us move aside: it is a conflict, and told as one.
    """
    standing = _standing(door, candidates, read)
    for name, ours in standing:
        if class_of(ours) == door.ingress_class:
            return name
    if len(standing) == 2:
        return min(standing, key=lambda each: str(each[1]["metadata"].get("creationTimestamp", "")))[0]
    if standing:
        return candidates[1] if standing[0][0] == candidates[0] else candidates[0]
    return candidates[0]


def sibling_has(door: Door, candidates: tuple[str, str], chosen: str, keys: Iterable[str], read: Read) -> bool:
    """Whether our Ingress under the other of the two names still has one of these annotations."""
    return any(
        name != chosen and not set(keys).isdisjoint(ours["metadata"].get("annotations") or ())
        for name, ours in _standing(door, candidates, read)
    )


def _standing(door: Door, candidates: tuple[str, str], read: Read) -> list[tuple[str, JsonObject]]:
    found = ((name, read(door.ref(KIND, name))) for name in candidates)
    return [(name, ingress) for name, ingress in found if ingress and _ours(door, ingress)]


def _ours(door: Door, ingress: JsonObject) -> bool:
    metadata = ingress["metadata"]
    owner = (metadata.get("annotations") or {}).get(OWNER)
    if owner is not None or not door.settings.adopt:
        return bool(owner == door.uid)
    controllers = (each["uid"] for each in metadata.get("ownerReferences") or () if each.get("controller"))
    return next(controllers, None) == door.uid
