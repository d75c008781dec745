"""What is known of clouds' annotations on Services; the data and its sources are in ``clouds.toml``."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

from doorward.model.annotations import HeldBack, cloud_keys, forms, value_problem
from doorward.model.door import Door
from doorward.model.reference import JsonObject

__all__ = ["NEEDS_SETTING", "PASSED", "PREFIXES", "carried"]

_DATA: JsonObject = tomllib.loads(files(__package__).joinpath("clouds.toml").read_text("utf-8"))
_FORMS = forms(_DATA["forms"])
_PORT = re.compile(r"(?<=/port_)[0-9]{1,5}(?=_)")

PREFIXES: tuple[str, ...] = tuple(prefix for cloud in _DATA["cloud"] for prefix in cloud["prefixes"])
"""Of keys that a cloud, or external-dns, reads on a Service."""
PASSED = {
    prefix + key: _FORMS[form]
    for cloud in _DATA["cloud"]
    for prefix in cloud["prefixes"]
    for key, form in cloud.get("passed", {}).items()
}
"""The keys that pass, with ``#`` for the number of a port, each with the form of its value."""

OME = "ome.io/"
"""Of keys that are OME's own, which go into the Service's spec where the setting allows them."""
NEEDS_SETTING = (
    "what names a resource that exists, who may reach it or where its logs go, or isn't known, needs setting "
    "passCloudAnnotations"
)


def carried(door: Door) -> tuple[dict[str, str], tuple[HeldBack, ...]]:
    """The annotations that a door's Service of type LoadBalancer or NodePort bears, and what was held back."""
    allowed = cloud_keys(door.namespace, door.settings.pass_cloud_annotations)
    passed: dict[str, str] = {}
    held_back = []
    for key, value in door.annotations.items():
        if key.startswith(OME) or not (key in allowed or key.startswith(PREFIXES)):
            continue
        form = None if key in allowed else PASSED.get(_PORT.sub("#", key))
        if form is None and key not in allowed:
            held_back.append(HeldBack(key, NEEDS_SETTING))
        elif why := value_problem(value, form):
            held_back.append(HeldBack(key, why))
        else:
            passed[key] = value
    return passed, tuple(held_back)
