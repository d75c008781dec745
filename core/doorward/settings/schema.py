"""The JSON Schema of key ``doorward``, for editors and checks before an edit is applied.

``python -m doorward.settings.schema`` prints it, as ``docs/reference/doorward-settings.schema.json`` has it.
"""

from __future__ import annotations

import json

from doorward.model.reference import JsonObject
from doorward.model.settings import DOORWARD_FIELDS, INGRESS_FIELDS, Settings, spelling
from doorward.settings.described import described


def schema() -> JsonObject:
    """The schema, in write 2020-12; it refuses unknown fields, which the daemon merely warns of."""
    properties = Settings.model_json_schema()["properties"]
    for field, says in described().items():
        named = {**properties[spelling(field)], "description": says}
        del named["title"]
        properties[spelling(field)] = dict(sorted(named.items()))
    overlay = {spelling(field): properties[spelling(field)] for field in INGRESS_FIELDS}
    for each in overlay.values():
        # What the overlay leaves out is as key ingress says, whatever the default is.
        del each["default"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Key doorward of the ConfigMap inferenceservice-config",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            "ingress": {
                "type": ["object", "null"],
                "description": "Overlay on key ingress, field by field, that only doorward reads.",
                "additionalProperties": False,
                "properties": overlay,
            },
            **{spelling(field): properties[spelling(field)] for field in DOORWARD_FIELDS},
        },
    }


def text() -> str:
    """The schema as its file holds it."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(text(), end="")
