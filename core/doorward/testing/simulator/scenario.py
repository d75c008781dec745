"""A scenario: what users, the cluster and bad luck do to an engine, step by step, as data.

Steps name things by small numbers that are taken modulo what there is when they are played, so that a scenario still
makes sense after steps were taken out of it; a step that finds nothing to do does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

NAMESPACES = ("ns-a", "ns-b", "ns-c", "ns-d", "ns-e")
NAMES = ("alpha", "beta", "gamma", "delta")

DoorKind = Literal["Service", "VirtualService", "Ingress", "HTTPRoute"]
CustomKind = Literal["VirtualService", "HTTPRoute"]
Meddling = Literal["edit", "strip", "delete", "status", "condition"]
Forgery = Literal["owner", "edit", "squat", "abroad"]
Fault = Literal["", "409", "429", "500", "403", "lost before", "lost after", "late"]


def place(service: int) -> tuple[str, str]:
    """Namespace and name of the service with this number, of 0 to 19."""
    return NAMESPACES[service // len(NAMES) % len(NAMESPACES)], NAMES[service % len(NAMES)]


class Step(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """One thing that happens."""


# -- what users do


class Make(Step, frozen=True):
    """A user creates an InferenceService; nothing where it exists."""

    service: int
    components: tuple[str, ...] = ("engine",)
    annotations: Mapping[str, str] = {}
    ready: bool = True


class Edit(Step, frozen=True):
    """A user sets an annotation (None: takes it off); ``!visibility`` is the label, ``!COMPONENT`` a component.

    A plain Service has none but itself: there it is the label by which it asks for a door.
    """

    service: int
    key: str
    value: str | None


class Ready(Step, frozen=True):
    """A component's condition changes."""

    service: int
    component: str
    status: Literal["True", "False", "Unknown"]


class Remove(Step, frozen=True):
    """A user deletes an InferenceService; its objects stay until they are collected."""

    service: int


class Configure(Step, frozen=True):
    """The ConfigMap becomes this; None: it is deleted."""

    data: Mapping[str, str] | None


# -- what others do


class Meddle(Step, frozen=True):
    """Somebody changes (``edit``), undoes or deletes one of our objects, or overwrites our status."""

    how: Meddling
    which: int


class Occupy(Step, frozen=True):
    """Somebody's own object appears under a name that a service needs, serving that service's host; or goes."""

    kind: DoorKind
    service: int
    gone: bool = False


class Forge(Step, frozen=True):
    """The tenant of one service puts the host of another namespace's standing door into an object of its own namespace.

    ``owner``: a new object, which bears its own service's UID; ``edit``: what doorward made for it, in doorward's name;
    ``squat``: a new object of a class that no door has, which bears a UID that nobody has; ``abroad``: a new object,
    named as the victim's, which bears the victim's UID.
    """

    how: Forgery
    service: int
    victim: int


class Accept(Step, frozen=True):
    """Gateways, load balancers and the operator of the components catch up."""


class Collect(Step, frozen=True):
    """The garbage collector catches up."""


# -- what the engine does


class Deliver(Step, frozen=True):
    """One event arrives, of one of the kinds that have any."""

    which: int
    replica: int = 0
    twice: bool = False


class Act(Step, frozen=True):
    """The engine's actions are taken, and are on their way."""

    replica: int = 0


class Perform(Step, frozen=True):
    """One action reaches the API server, or doesn't."""

    which: int
    fault: Fault = ""
    replica: int = 0


class Answer(Step, frozen=True):
    """One outcome reaches the engine."""

    which: int
    replica: int = 0


class Settle(Step, frozen=True):
    """Everything that can be delivered, performed and answered is, while time stands still."""

    replica: int = 0


class Pass(Step, frozen=True):
    """Time goes by, and the engine is woken."""

    seconds: float
    replica: int = 0


class Commit(Step, frozen=True):
    """The journal reaches the disk."""

    replica: int = 0


# -- bad luck


class Crash(Step, frozen=True):
    """A process dies and another begins.

    Its journal: ``all`` of it, what reached the ``disk``, a ``snapshot`` and what followed, or ``none``.
    """

    journal: Literal["all", "disk", "snapshot", "none"] = "all"
    replica: int = 0


class Rival(Step, frozen=True):
    """A second process begins, and stands by; where one does, the Lease passes to it, and the next one stands by.

    The journal is its own, or ``shared``: ``all`` of what the one before kept, what reached the ``disk``, or that, but
    ``late``: it can't be had at first, and is taken over at a later :class:`Commit`.
    """

    shared: Literal["", "all", "disk", "late"] = ""


class Stop(Step, frozen=True):
    """The watch of a kind falls silent."""

    kind: int
    replica: int = 0


class Resume(Step, frozen=True):
    """The watch of a kind goes on, from where it was or from a list, which may be ``stale``."""

    kind: int
    replica: int = 0
    listed: bool = False
    stale: int = 0


class Forget(Step, frozen=True):
    """The API server forgets its history: watches that lag get a 410."""


class Forbid(Step, frozen=True):
    """A kind may not be listed any more, or again."""

    kind: int
    allowed: bool = False


class Withdraw(Step, frozen=True):
    """A kind's CRD is deleted, or installed again."""

    kind: CustomKind
    installed: bool = False


class Jump(Step, frozen=True):
    """A clock jumps."""

    seconds: float
    replica: int = 0


class Land(Step, frozen=True):
    """A request that everybody thought lost reaches the API server after all."""

    which: int


AnyStep = (
    Make
    | Edit
    | Ready
    | Remove
    | Configure
    | Meddle
    | Occupy
    | Forge
    | Accept
    | Collect
    | Deliver
    | Act
    | Perform
    | Answer
    | Settle
    | Pass
    | Commit
    | Crash
    | Rival
    | Stop
    | Resume
    | Forget
    | Forbid
    | Withdraw
    | Jump
    | Land
)


class Scenario(msgspec.Struct, frozen=True):
    """What happens; after the last step faults stop, and the cluster has to reach what the inputs ask for."""

    steps: tuple[AnyStep, ...]
    seed: int = -1
    """The seed that it was made from; -1: written by hand."""
    twins: tuple[int, ...] = ()
    """The services that are of another source than OME's."""
    labelled: tuple[int, ...] = ()
    """The services that are plain Services."""
    budget: int = 0
    """How many doors an engine decides at a time, as a daemon does; 0: all that are to be decided."""
    calm: bool = True
    """Whether, after the last step, every component becomes ready and the settings good, so that all doors open."""


def dump(scenario: Scenario) -> bytes:
    return msgspec.json.format(msgspec.json.encode(scenario), indent=1)


def load(text: bytes) -> Scenario:
    return msgspec.json.decode(text, type=Scenario)
