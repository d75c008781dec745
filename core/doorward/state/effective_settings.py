"""The effective settings: the ConfigMap's, the last good ones, the defaults, or none.

Source: docs/settings.md, Effective settings.
"""

from __future__ import annotations

from msgspec.structs import replace

from doorward.model.event import Configured
from doorward.model.reference import CONFIG_MAP, Ref
from doorward.settings.configuration import parse
from doorward.state.facts import Fact
from doorward.state.kinds import Kinds


def effective_settings(
    before: Configured, ref: Ref, fact: Fact | None, kinds: Kinds, *, defaults: bool | None, at: float
) -> Configured | None:
    """What the settings become; None where nothing changes, or nothing can be said yet.

    ``defaults`` is whether a cluster without a ConfigMap has the default settings, None where nobody knows yet.
    """
    if not kinds.known(CONFIG_MAP):
        return None
    good = before.good
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    if kinds.state(CONFIG_MAP) == "forbidden":
        problems = (f"{ref} may not be read: {kinds.message(CONFIG_MAP)}; allow list and watch",)
    elif fact is not None:
        data = {key: str(value) for key, value in fact.object()["data"].items()}
        parsed = parse(data)
        good = data if parsed.settings is not None else good
        problems = tuple(str(problem) for problem in parsed.problems)
        warnings = tuple(str(warning) for warning in parsed.warnings)
    elif good:
        problems = (f"{ref} was deleted; the last good settings stay in force",)
    elif good is None and defaults is None:
        return None
    elif good is None and defaults:
        good = {}
    elif good is None:
        problems = (f"there is no {ref} while doors stand; create it, or start with --defaults",)
    now = Configured(at=at, good=good, problems=problems, warnings=warnings)
    return None if replace(now, at=before.at) == before else now
