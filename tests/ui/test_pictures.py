"""Where each thing of the page is, and in which colours, is as it was kept (``pictures.py`` says how that is compared)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.ui.pictures import FEW, SCHEMES, SIZES, VIEWS, difference, file_of, names, prepared, scene, taken
from tests.ui.scenery import Shown

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKEN = {
    "a column is gone": ("desk", "list", ".cell.url { visibility: hidden }"),
    "two colours are swapped": ("desk", "list", ".mark.ready { color: var(--broken) } .mark.broken { color: var(--ready) }"),
    "a colour is the other scheme's": ("desk", "list", ":root { --surface: light-dark(#151a21, #ffffff) !important }"),
    "rows stand closer": ("desk", "list", ".sizer .row { height: 36px }"),
    "a column is narrower": ("desk", "list", ".doors { --columns: 6rem 2fr 3fr 7.5rem 2.6fr 3rem !important }"),
    "words run over each other": ("desk", "list", ".cell { overflow: visible }"),
    "one state is drawn as another": ("desk", "door", ".node.ready .box { fill: var(--waiting-ground) }"),
    "lines are gone": ("desk", "door", ".edge { display: none }"),
    "what happened is below": ("desk", "door", ".door-body { grid-template-columns: minmax(0, 1fr) }"),
    "letters are larger": ("desk", "settings", "body { font-size: 1rem }"),
    "a phone shows a desk's row": ("phone", "list", ".sizer .row { grid-template-areas: none; grid-template-columns: var(--columns) }"),
    "the bar is gone": ("phone", "door", ".bar { visibility: hidden }"),
}
"""What a picture has to tell, and how a style would have it so."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shown() -> AsyncIterator[Shown]:
    async with scene() as shown:
        yield shown


@pytest_asyncio.fixture(loop_scope="module")
async def empty(browser: Any) -> AsyncIterator[Any]:
    """A page that compares."""
    page = await browser.new_page()
    yield page
    await page.close()


@pytest.mark.parametrize("size", SIZES)
async def test_every_view_looks_as_it_was_kept(
    browser: Any, shown: Shown, empty: Any, tmp_path: Path, size: str
) -> None:
    wrong = []
    async with prepared(browser, shown.url, size) as page:
        for view in VIEWS:
            for scheme in SCHEMES:
                picture, kept = await taken(page, view, scheme), file_of(size, view, scheme)
                found = await difference(empty, kept.read_bytes(), picture)
                if found.share > FEW:
                    (tmp_path / kept.name).write_bytes(picture)
                    wrong.append(f"{kept.name}: {found}")
    assert not wrong, f"{tmp_path} has what was drawn; if that is as it should be: python -m tests.ui.pictures"


@pytest.mark.parametrize("what", BROKEN)
async def test_a_picture_tells_when(browser: Any, shown: Shown, empty: Any, what: str) -> None:
    size, view, style = BROKEN[what]
    async with prepared(browser, shown.url, size) as page:
        await page.evaluate(
            "style => { const sheet = new CSSStyleSheet(); sheet.replaceSync(style); document.adoptedStyleSheets.push(sheet) }",
            style,
        )
        picture = await taken(page, view, "light")
    found = await difference(empty, file_of(size, view, "light").read_bytes(), picture)
    assert found.share > 2 * FEW


def test_no_picture_is_kept_that_nobody_compares() -> None:
    kept = {file_of(*each) for each in names()}
    assert set(kept) == set(file_of("", "", "").parent.iterdir())
