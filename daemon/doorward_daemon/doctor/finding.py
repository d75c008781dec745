"""One thing that is wrong, or that one should know."""

from __future__ import annotations

from typing import Literal

import msgspec
from doorward.engine import SETTINGS_NAME

__all__ = ["SEVERITIES", "Finding", "Severity", "edit_of_settings", "kubectl"]

Severity = Literal["fault", "warning", "remark"]
"""``fault``: requests don't arrive, or nobody looks after doors; ``warning``: something isn't as it was asked for, and
the door stands; ``remark``: everything is as it was asked for, and one should know."""
SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "remark")
"""The worst first."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps requests from arriving at a door, or soon will; a remark is nothing of that kind."""

    about: str
    """``Kind NAMESPACE/NAME`` of what it was found at; ``cluster`` for what concerns all doors."""
    reason: str
    """One word: a condition's or an Event's, where there is one."""
    cause: str
    """What is wrong."""
    evidence: tuple[str, ...] = ()
    """What was seen, and where."""
    remedy: tuple[str, ...] = ()
    """Commands, in the order in which one would try them; behind ``#``, what a field says now, and what to write."""
    severity: Severity = "fault"
    """How bad it is."""


def kubectl(namespace: str, *words: str) -> str:
    """A command line of kubectl; for what has no namespace this is empty."""
    where = ("-n", namespace) if namespace else ()
    return " ".join(("kubectl", *where, *words))


def edit_of_settings(namespace: str) -> str:
    """The command line that changes the ConfigMap."""
    return kubectl(namespace, "edit", "configmap", SETTINGS_NAME)
