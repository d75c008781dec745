"""Pictures of the page that can be compared, whatever draws them.

Fonts and versions of Chromium draw text differently; so text is drawn as squares (``squares.py``), and what depends on
the hour not at all.  What is left is where each thing stands, how large it is, and its colours.  Two pictures are made
small before they are compared, so that an edge that is smoothed otherwise counts for nothing.

``python -m tests.ui.pictures`` takes them anew into ``pictures/``: look at them before you keep them.
"""

from __future__ import annotations

import asyncio
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.patience import PATIENCE
from tests.ui.browser import driver, find
from tests.ui.scenery import KIND, settled
from tests.ui.squares import font

FOLDER = Path(__file__).parent / "pictures"
SCHEMES = ("light", "dark")
SIZES: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True},
}
VIEWS = {
    "list": ("#/doors", ".sizer .row"),
    "door": (f"#/door/{KIND}/chat/llama-3-70b", ".node"),
    "settings": ("#/settings", ".values"),
}
"""Where each is, and what is there once it is drawn."""
SHRUNK = 4
"""Times that a picture is made smaller for a comparison."""
STRONG = 40
"""Steps of 255 by which a colour has to differ to count."""
FEW = 0.0005
"""The share of a picture that may differ."""
PREPARED = """
const face = new FontFace("squares", Uint8Array.from(atob("%s"), (each) => each.charCodeAt(0)).buffer);
document.fonts.add(face);
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :root { --sans: squares !important; --mono: squares !important; }
  * { font-synthesis: none !important; }
  time, .moments, .slide input { visibility: hidden !important; }
`);
document.adoptedStyleSheets = [sheet, new CSSStyleSheet()];
"""
COMPARED = """
async ([kept, taken, shrunk, strong]) => {
  const small = async (picture) => {
    const whole = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
    const [width, height] = [Math.ceil(whole.width / shrunk), Math.ceil(whole.height / shrunk)];
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(whole, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  };
  const [one, other] = [await small(kept), await small(taken)];
  const alike = one.width === other.width && one.height === other.height;
  if (!alike) return { share: 1, left: 0, top: 0, right: 0, bottom: 0 };
  let count = 0, left = one.width, top = one.height, right = 0, bottom = 0;
  for (let at = 0; at < one.data.length; at += 4) {
    if ([0, 1, 2].every((each) => Math.abs(one.data[at + each] - other.data[at + each]) < strong)) continue;
    const [x, y] = [(at / 4) % one.width, Math.floor(at / 4 / one.width)];
    count += 1;
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  const [share, back] = [count / (one.width * one.height), (each) => each * shrunk];
  return { share, left: back(left), top: back(top), right: back(right), bottom: back(bottom) };
}
"""


class Difference(NamedTuple):
    """How much of two pictures differs, and between which points of the page."""

    share: float
    left: float
    top: float
    right: float
    bottom: float

    def __str__(self) -> str:
        where = f"{self.left:.0f},{self.top:.0f} and {self.right:.0f},{self.bottom:.0f}"
        return f"{100 * self.share:.2f} % differ, between {where}"


def names() -> Iterator[tuple[str, str, str]]:
    """Of each picture its size, view and colours."""
    for size in SIZES:
        for view in VIEWS:
            yield from ((size, view, scheme) for scheme in SCHEMES)


def file_of(size: str, view: str, scheme: str) -> Path:
    return FOLDER / f"{size}-{view}-{scheme}.png"


@asynccontextmanager
async def prepared(browser: Any, url: str, size: str) -> AsyncIterator[Any]:
    """A tab that draws what can be compared."""
    context = await browser.new_context(**SIZES[size], reduced_motion="reduce", locale="en-US", timezone_id="UTC")
    context.set_default_timeout(PATIENCE * 1000)
    page = await context.new_page()
    await page.add_init_script(PREPARED % b64encode(font()).decode())
    await page.goto(url)
    await page.get_by_text("Live", exact=True).wait_for()
    yield page
    await context.close()


async def taken(page: Any, view: str, scheme: str) -> bytes:
    """A picture of one view, as PNG."""
    address, there = VIEWS[view]
    await page.emulate_media(color_scheme=scheme)
    await page.evaluate("address => { location.hash = address }", address)
    await page.locator(there).first.wait_for()
    await page.evaluate("document.fonts.ready")
    picture: bytes = await page.screenshot(animations="disabled", scale="css")
    return picture


async def styled(page: Any, style: str) -> None:
    """Have the page look otherwise."""
    await page.evaluate("style => document.adoptedStyleSheets[1].replaceSync(style)", style)


async def difference(page: Any, kept: bytes, taken: bytes) -> Difference:
    """Between two pictures, worked out by a page that is empty."""
    both = [b64encode(each).decode() for each in (kept, taken)]
    return Difference(**await page.evaluate(COMPARED, [*both, SHRUNK, STRONG]))


async def main() -> None:
    def tell(message: str) -> None:
        print(message, file=sys.stderr)

    FOLDER.mkdir(exist_ok=True)
    async with settled() as shown, driver(tell).async_playwright() as playwright:
        path = find(tell, install=False)
        browser = await playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox", "--disable-gpu"])
        for size in SIZES:
            async with prepared(browser, shown.url, size) as page:
                for view in VIEWS:
                    for scheme in SCHEMES:
                        file_of(size, view, scheme).write_bytes(await taken(page, view, scheme))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
