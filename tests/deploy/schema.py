"""The schema of the chart's values; its part about settings is doorward's own schema of them.

``python -m tests.deploy.schema`` puts that part in anew.
"""

from __future__ import annotations

import json

from doorward.model.reference import JsonObject
from doorward.settings import schema as settings_schema

from tests.deploy.rendering import CHART

FILE = CHART / "values.schema.json"


def schema() -> JsonObject:
    found: JsonObject = json.loads(FILE.read_text())
    return found


def text() -> str:
    """The file, with the settings that there are now."""
    whole, own = schema(), settings_schema.schema()
    keys = whole["properties"]["settings"]["properties"]
    overlay = own["properties"]["ingress"]["properties"]
    del own["$schema"], own["title"]
    keys["doorward"] = {"description": "Key doorward.", **own, "type": "object"}
    # Other programs read key ingress, too, and have fields of their own there.
    keys["ingress"] = {"description": "Key ingress.", "type": "object", "properties": overlay}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
