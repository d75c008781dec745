"""One thing that is wrong."""

from __future__ import annotations

import msgspec
from doorward.engine import SETTINGS_NAME

__all__ = ["Finding", "edit_of_settings", "kubectl"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps requests from arriving at a door, or soon will."""

    about: str
    """``Kind NAMESPACE/NAME`` of what it was found at; ``cluster`` for what concerns all doors."""
    reason: str
    """One word: a condition's or an Event's, where there is one."""
    cause: str
    """What is wrong."""
    evidence: tuple[str, ...] = ()
    """What was seen, and where."""
    remedy: tuple[str, ...] = ()
    """Commands, in the order in which one would try them."""


def kubectl(namespace: str, *words: str) -> str:
    """A command line of kubectl; for what has no namespace this is empty."""
    where = ("-n", namespace) if namespace else ()
    return " ".join(("kubectl", *where, *words))


def edit_of_settings(namespace: str) -> str:
    """The command line that changes the ConfigMap."""
    return kubectl(namespace, "edit", "configmap", SETTINGS_NAME)
