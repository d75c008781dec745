"""A browser for the tests of the page, skipped where there is none."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.controlplane import providers
from tests.patience import PATIENCE
from tests.ui.browser import Missing, driver, find

USUAL = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", "locale": "en-US"}
Open = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> tuple[Path, Any]:
    """The browser, and what drives it; where there is none, a test that asks for it is skipped."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(message: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{message}", end="", file=sys.stderr, flush=True)

    try:
        return find(tell, install=providers.required()), driver(tell)
    except Missing as missing:
        if providers.required():
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: tuple[Path, Any]) -> AsyncIterator[Any]:
    path, api = chromium
    async with api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Any) -> Open:
    """Opens a tab; a script that fails in it, or that the page's policy stops, fails the test."""

    @asynccontextmanager
    async def opened(url: str, *, wrong: list[str] | None = None, **more: Any) -> AsyncIterator[Any]:
        context = await browser.new_context(**{**USUAL, **more})
        context.set_default_timeout(PATIENCE * 1000)
        page, found = await context.new_page(), [] if wrong is None else wrong
        page.on("pageerror", lambda error: found.append(str(error)))
        page.on("console", lambda said: found.append(said.text) if said.type == "error" else None)
        await page.goto(url)
        yield page
        await context.close()
        assert wrong is not None or not found

    return opened
