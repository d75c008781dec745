"""What is reported of a door: the condition in the status of its service, and the URL."""

from __future__ import annotations

from collections.abc import Collection

from doorward.model.reference import JsonObject
from doorward.model.settings import Settings
from doorward.model.source import Source
from doorward.state.status_conflict import DOOR_READY, INGRESS_READY

__all__ = ["SERVICE_MISSING", "condition_type", "reported", "url_of", "with_missing"]

SERVICE_MISSING = "ServiceMissing"
"""What is said of a door that leads to a component whose Service isn't there."""


def condition_type(source: Source, settings: Settings | None) -> str:
    """The condition that doors of a kind are reported in, as the settings say."""
    return source.condition_type(settings.condition_type if settings else INGRESS_READY)


def reported(conditions: object, type_: str = INGRESS_READY) -> JsonObject:
    """Of ``status.conditions`` the one that is doorward's word; empty where none is.

    ``type_`` is the one that the settings name.  Where ``doorward.io/DoorReady`` is there, too, that one counts: the
    other is then another controller's word (docs/status.md, Status conflicts).
    """
    known = [each for each in conditions if isinstance(each, dict)] if isinstance(conditions, list) else []
    return next((each for wanted in (DOOR_READY, type_) for each in known if each.get("type") == wanted), {})


def url_of(url: object, condition: JsonObject) -> str:
    """The URL of a door: ``status.url``, or what the condition's message begins with where the former is another's."""
    if condition and condition.get("type") != INGRESS_READY:
        url = str(condition.get("message") or "").partition(": ")[0]
        return url if url.startswith(("http://", "https://")) and " " not in url else ""
    return url if isinstance(url, str) else ""


def with_missing(reason: str, missing: Collection[object]) -> str:
    """The reason of a condition, with a word for components' Services that are ``missing``.

    The condition doesn't speak of those: a door stands, whatever becomes of what is behind it.  One that waits for a
    component needs no second word.
    """
    if not missing or reason.endswith("NotReady"):
        return reason
    return ", ".join(filter(None, (reason, SERVICE_MISSING)))
