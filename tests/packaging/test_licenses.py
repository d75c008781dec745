"""Everything that is pinned comes under a licence that is known, and allowed."""

from __future__ import annotations

import pytest
from license_expression import get_spdx_licensing

from tests.packaging.pins import allowed, files, listed, pins, told

SPDX = get_spdx_licensing()
PINNED = sorted({pin.name for file in files() for pin in pins(file)})


def test_the_licence_of_every_pin_is_listed_and_nothing_else() -> None:
    assert sorted(listed()) == PINNED


@pytest.mark.parametrize("name", PINNED)
def test_a_licence_is_one_that_there_may_be(name: str) -> None:
    parsed = SPDX.parse(listed()[name], validate=True)
    needed = {parsed.subs({SPDX.parse(each): SPDX.TRUE for each in allowed()}).simplify()}
    assert needed == {SPDX.TRUE}, f"{name} needs {listed()[name]}"


@pytest.mark.parametrize("license", ["GPL-3.0-only", "MIT AND AGPL-3.0-only"])
def test_another_licence_is_noticed(license: str) -> None:
    left = SPDX.parse(license).subs({SPDX.parse(each): SPDX.TRUE for each in allowed()}).simplify()
    assert left != SPDX.TRUE


@pytest.mark.parametrize("name", PINNED)
def test_a_licence_is_listed_as_the_distribution_tells_it(name: str) -> None:
    assert told(name) in ("", listed()[name])


def test_most_distributions_tell_theirs() -> None:
    installed = {pin.name for pin in pins("dev.txt") if not pin.marker}
    assert {name for name in installed if not told(name)} <= {"lz4", "protobuf"}
