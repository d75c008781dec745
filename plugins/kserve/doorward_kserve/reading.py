"""What KServe's kinds have in common."""

from __future__ import annotations

from typing import Any

from doorward.model.reference import JsonObject

STOP = "serving.kserve.io/stop"
CLOSED = {"doorward.io/disable-ingress": "true", "doorward.io/service-type": ""}
"""Annotations by which a service has no door outside, whatever it says itself."""


def is_stopped(metadata: JsonObject) -> bool:
    """Whether KServe takes a service's workload away, and its ingress with it."""
    return str(as_map(metadata.get("annotations")).get(STOP, "")).lower() == "true"


def as_map(value: Any) -> JsonObject:
    """``value`` where it is an object, else an empty one: what tenants wrote may have any shape."""
    return value if isinstance(value, dict) else {}
