"""A kind whose objects become doors, and how one of them is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property

import msgspec

from doorward.model.reference import SERVICE, JsonObject, Resource

__all__ = ["Part", "Source"]

SELECTED = "#selected"
"""What the engine calls the selected objects of a kind, behind the kind's own name."""
PREFIX = "ome.io/"
"""What annotations begin with inside the engine, whatever a kind has in its place (docs/sources.md, Sources)."""
_ANNOTATIONS = (
    "deployment-mode",
    "disable-ingress",
    "ingress-additional-domains",
    "ingress-class",
    "ingress-disable-creation",
    "ingress-disable-istio-virtualhost",
    "ingress-domain",
    "ingress-domain-template",
    "ingress-path-template",
    "ingress-url-scheme",
    "load-balancer-ip",
    "service-type",
)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind says of one of the components that a service may have."""

    called: str
    """Its name in that kind: in its spec, in the names of Services (``NAME-CALLED``), and in what users are told."""
    ready: tuple[str, ...] = ()
    """Types of the conditions that tell whether it is ready; the first that is there counts."""


class Source(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A kind whose objects become doors.

    The engine knows components by what they do: ``engine`` answers requests, ``router`` stands in front of it and takes
    all of them, ``decoder`` has those below ``/v1/decoder``.  ``parts`` has the ones that this kind knows.
    """

    resource: Resource
    """The kind; owner references have the version that is served."""
    selected: Callable[[JsonObject], bool] | None = None
    """Which objects of a kind become doors, where only some do, such as Services that bear a label (pure, and for
    hostile input).  All of the kind are watched, so that one which isn't selected any more is told from one that is
    gone: its door is closed at once, and everything that was written for it is deleted.  Such a kind needs a
    ``condition`` of its own.  None: all of the kind are selected."""
    parts: Mapping[str, Part]
    """By ``engine``, ``router`` and ``decoder``."""
    label: str
    """The label that bears a service's name: on its component Services, and on every object of ours."""
    labelled_pods: bool = True
    """Whether pods bear that label too, and label ``component`` with the name of theirs: Services of ours select by
    both, beside what the component's Service selects by."""
    speaks_tls: bool = False
    """Whether a component's Service may speak TLS, to which no door leads: one whose port is ``https`` is refused."""
    read: Callable[[JsonObject], JsonObject] | None = None
    """Reads what a door needs from an object as the API server has it (pure, and for hostile input).  The answer:

    ``spec``
        ``engine``, ``router``, ``decoder``: each an object where the component exists, with ``minReplicas``,
        ``timeoutSeconds`` and ``worker`` where that is told, ``service``, the name of its Service, where that isn't
        ``NAME-CALLED``, and ``port``, the number of that Service's port, where it isn't the one named ``http``, nor the
        first.
    ``components``
        By the same names, ``url`` and ``address.url`` as the object's status has them.
    ``annotations``
        What the object says otherwise than by annotations, as annotations of this kind.
    ``unrouted``
        Names of components that are there, and to which no door leads: users are told.
    ``refused``
        ``reason`` and ``message``: why such an object can't have a door.  One that stands is held, unless annotations
        close it.

    None: objects of this kind are in that shape themselves."""
    prefix: str = "doorward.io/"
    """What stands in place of ``ome.io/`` in the annotations of objects of this kind (docs/sources.md, Sources)."""
    reads: tuple[str, ...] | None = None
    """Keys of annotations that ``read`` looks at, beyond the engine's own.  None where it doesn't say: users are then
    told of no key under ``doorward.io/`` that nothing reads."""
    spelled: Mapping[str, str] = {}
    """Annotations and labels that this kind has a name of its own for, by the name that OME's have."""
    condition: str = ""
    """The condition to report in, for kinds whose own controller writes IngressReady and the URLs; empty: as setting
    ``conditionType`` says."""
    annotated_status: bool = True
    """Whether the kind's status may have annotations, where the hosts that were written for a door are kept; without,
    they are kept in the message of condition ``doorward.io/Hosts``."""
    controller: str = ""
    """Who opens doors for objects of this kind by itself, unless that is switched off: nothing is opened until setting
    ``beside`` names it."""

    @property
    def kind(self) -> str:
        """What the engine calls services of this source: the kind, or the selected ones of it."""
        return self.resource.kind + SELECTED if self.selected else self.resource.kind

    @property
    def is_of_services(self) -> bool:
        """Whether its objects are Services themselves: each is its own component, and its own door inside."""
        return self.resource.kind == SERVICE

    @cached_property
    def _own(self) -> Mapping[str, str]:
        """This kind's names, by the engine's."""
        return {PREFIX + name: self.prefix + name for name in _ANNOTATIONS} | dict(self.spelled)

    @cached_property
    def _is_plain(self) -> bool:
        return self.prefix == PREFIX and not self.spelled

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return {own: name for name, own in self._own.items()}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(name) for name in sorted(self._own, key=len, reverse=True)))

    def named(self, told: Mapping[str, str]) -> dict[str, str]:
        """Annotations or labels by the engine's names; those that have one here count by no other."""
        own, names = self._own, self._names
        foreign = PREFIX if self.prefix != PREFIX else "\n"
        return {
            names.get(key, key): value
            for key, value in told.items()
            if own.get(key, key) == key and not key.startswith(foreign)
        }

    def words(self, message: str) -> str:
        """A message to users, with annotations as they write them."""
        if self._is_plain:
            return message
        return self._pattern.sub(lambda found: self._own[found.group()], message)

    def condition_type(self, setting: str) -> str:
        """The condition that doors of this kind are reported in."""
        return self.condition or setting

    def pods(self, name: str, component: str) -> dict[str, str]:
        """The labels that a component's pods bear for sure."""
        return {self.label: name, "component": self.parts[component].called} if self.labelled_pods else {}

    @property
    def owner(self) -> tuple[str, str]:
        """``apiVersion`` and ``kind``, as owner references have them."""
        return self.resource.api_version(), self.resource.name

    @property
    def owners(self) -> list[tuple[str, str]]:
        """The same for each version."""
        return [(self.resource.api_version(version), self.resource.name) for version in self.resource.versions]

    def served_as(self, version: str) -> Source:
        """The same source where the API server serves this version; empty: it isn't known which."""
        kind = self.resource
        if not version or version == kind.versions[0]:
            return self
        return msgspec.structs.replace(self, resource=Resource(kind.kind, kind.plural, (version,), kind.namespaced))
