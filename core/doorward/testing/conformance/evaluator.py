"""What an author tells the kit about a backend: how requests travel by its objects, and what its controller answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from doorward.model.door import Mode
from doorward.model.reference import JsonObject
from doorward.testing.simulator import requests

__all__ = ["Answer", "Evaluator", "accepted", "split", "standard"]


class Answer(NamedTuple):
    """Who answers a request."""

    service: str
    """The component's Service; empty where the backend only leads hosts to a place, and another backend further."""
    path: str
    """The path that the component sees."""


class Evaluator:
    """A backend as its users meet it.  Subclass it, and name it to pytest: ``--doorward-evaluator=MODULE:CLASS``.

    :meth:`route` is all that most backends need.
    """

    modes: Sequence[Mode] = ("RawDeployment", "MultiNode")
    """The deployment modes that it opens; it is to refuse the others."""
    annotations: Mapping[str, str] = {}
    """By which annotations a service gets this backend; none: by ``doorward.io/backend``."""
    door: Mapping[str, Any] = {}
    """Fields of :class:`~doorward.model.door.Door` that every door of this backend has, such as ``ingress_class``."""
    config: Mapping[str, Any] = {}
    """Key ``ingress`` of the settings, such as the Gateway that routes attach to."""
    definitions: Sequence[JsonObject] = ()
    """CustomResourceDefinitions of the kinds that it writes and reads; a kind without one takes any content."""
    surroundings: Sequence[JsonObject] = ()
    """Objects that have to be there before a door can open: a Gateway, a class."""
    hosts: bool = True
    """Whether it opens doors by host; False for a backend that only puts something beside them."""

    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        """Who answers a request for ``url`` (``http://HOST/PATH``) from outside, by the objects of one service.

        ``objects`` are all that stand for it, those of other backends too, with metadata, spec and status; a kind that
        isn't this backend's needs no look.  None where these objects let nobody in.
        """
        raise NotImplementedError(f"{type(self).__name__}.route: say where a request goes by this backend's objects")

    def beside(self, service: JsonObject) -> Sequence[JsonObject]:
        """Objects that others put beside a component's Service, such as a pool of its pods."""
        del service
        return ()

    def status(self, obj: JsonObject) -> JsonObject | None:
        """The ``status`` that the controller gives to an object once it has taken it up; None where it gives none."""
        del obj
        return None

    def is_guarded(self, objects: Sequence[JsonObject], url: str) -> bool:
        """Whether by these objects only clients with a key get through; asked where a rendering says ``guarded``."""
        del objects, url
        return False


def standard(objects: Sequence[JsonObject], url: str) -> Answer | None:
    """Who answers by Ingresses, HTTPRoutes and VirtualServices of the shapes that the built-in backends write."""
    host, path = split(url)
    found = requests.reached(list(objects), host, path)
    return Answer(*found) if found else None


def accepted(route: JsonObject) -> JsonObject:
    """The status that a Gateway gives to an HTTPRoute once it has accepted it, for each of its parents."""
    told = {"status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    generation = route["metadata"].get("generation")
    told |= {"observedGeneration": generation} if generation else {}
    conditions = [{"type": kind, **told} for kind in ("Accepted", "ResolvedRefs")]
    parents = [{"parentRef": ref, "controllerName": "example.com/gateway"} for ref in route["spec"]["parentRefs"]]
    return {"parents": [{**parent, "conditions": conditions} for parent in parents]}


def split(url: str) -> tuple[str, str]:
    """The host and the path of ``SCHEME://HOST/PATH``."""
    host, _, path = url.partition("://")[2].partition("/")
    return host, "/" + path
