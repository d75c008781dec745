"""Where each thing of the page is, and in which colours, is as it was kept (``pictures.py``: how that is compared)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.ui.pictures import (
    FEW,
    FOLDER,
    SCHEMES,
    SIZES,
    VIEWS,
    difference,
    file_of,
    names,
    prepared,
    styled,
    taken,
)
from tests.ui.scenery import settled

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = {
    "a column is gone": ("desk", "list", ".cell.url { visibility: hidden }"),
    "two colours are swapped": (
        "desk",
        "list",
        ".mark.ready { color: var(--broken) } .mark.broken { color: var(--ready) }",
    ),
    "a colour is the other scheme's": ("desk", "list", ":root { --surface: light-dark(#151a21, #ffffff) !important }"),
    "rows stand closer": ("desk", "list", ".sizer .row { height: 36px }"),
    "a column is narrower": ("desk", "list", ".doors { --columns: 6rem 2fr 3fr 7.5rem 2.6fr 3rem !important }"),
    "words run over each other": ("desk", "list", ".cell { overflow: visible }"),
    "one state is drawn as another": ("desk", "door", ".node.ready .box { stroke: var(--broken) }"),
    "lines are gone": ("desk", "door", ".edge { display: none }"),
    "what happened is below": ("desk", "door", ".door-body { grid-template-columns: minmax(0, 1fr) }"),
    "letters are larger": ("desk", "settings", "body { font-size: 1rem }"),
    "a phone shows a desk's row": (
        "phone",
        "list",
        ".sizer .row { grid-template-areas: none; grid-template-columns: var(--columns) }",
    ),
    "the bar is gone": ("phone", "door", ".bar { visibility: hidden }"),
}
"""What a picture has to tell, and how a style would have it so."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tabs(browser: Any) -> AsyncIterator[dict[str, Any]]:
    """A tab of each size, and one that is empty and compares."""
    async with settled() as shown, AsyncExitStack() as stack:
        tabs = {size: await stack.enter_async_context(prepared(browser, shown.url, size)) for size in SIZES}
        yield {**tabs, "": await browser.new_page()}


@pytest.mark.parametrize("size", SIZES)
async def test_every_view_looks_as_it_was_kept(tabs: dict[str, Any], tmp_path: Path, size: str) -> None:
    wrong = []
    for view in VIEWS:
        for scheme in SCHEMES:
            picture, kept = await taken(tabs[size], view, scheme), file_of(size, view, scheme)
            found = await difference(tabs[""], kept.read_bytes(), picture)
            if found.share > FEW:
                (tmp_path / kept.name).write_bytes(picture)
                wrong.append(f"{kept.name}: {found}")
    assert not wrong, f"{tmp_path} has what was drawn; if that is as it should be: python -m tests.ui.pictures"


@pytest.mark.parametrize("what", BROKEN)
async def test_a_picture_tells_when(tabs: dict[str, Any], what: str) -> None:
    size, view, style = BROKEN[what]
    await styled(tabs[size], style)
    try:
        picture = await taken(tabs[size], view, "light")
    finally:
        await styled(tabs[size], "")
    found = await difference(tabs[""], file_of(size, view, "light").read_bytes(), picture)
    assert found.share > 2 * FEW


async def test_no_picture_is_kept_that_nobody_compares() -> None:
    assert {file_of(*each) for each in names()} == set(FOLDER.iterdir())
