"""The promises as pytest's tests, one each; :mod:`doorward.testing.pytest_plugin` has them collected."""

from __future__ import annotations

import pytest

from doorward.testing.pytest_plugin import Played


def test_backend(doorward_rule: str, doorward_played: Played) -> None:
    finding = doorward_played.try_rule(doorward_rule)
    if finding.outcome == "broken":
        pytest.fail(f"{finding.promise}.\n\n{finding.what}", pytrace=False)
    if finding.outcome == "not tried":
        pytest.skip(finding.what)
