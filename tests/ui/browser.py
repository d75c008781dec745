"""Debian's Chromium, driven by playwright: found, or installed where tests are required and there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import packages
from tests.controlplane.binaries import Tell, cache_folder, one_at_a_time

AXE = Path(__file__).parent / "axe" / "axe.min.js"
HOW = "the page isn't tried in a browser: {} (apt-get install chromium, on Debian)"
NAMES = ("chromium", "chromium-browser", "google-chrome")


class Missing(Exception):
    """There is no browser here; the message says what is missing, in one line."""


def find(tell: Tell, *, install: bool) -> Path:
    """The browser; with ``install``, from Debian's packages where root may do that.  Raises Missing."""
    if not (found := _on_path()) and install and os.geteuid() == 0 and shutil.which("apt-get"):
        # Others that install or download Debian's packages have the same lock.
        with one_at_a_time(cache_folder() / "chromium"):
            if not (found := _on_path()):
                _install(tell)
                found = _on_path()
    if not found:
        raise Missing(HOW.format("no chromium on PATH"))
    return Path(found)


def _install(tell: Tell) -> None:
    tell("installing chromium from Debian's packages (once)")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        subprocess.run(["apt-get", "--quiet", *arguments], env=environ, capture_output=True, check=False)


def _on_path() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def driver(tell: Tell) -> Any:
    """playwright's module for asyncio.  Raises Missing."""
    try:
        folder = packages.installed("browser", "playwright", tell)
    except packages.NotInstalled as error:
        raise Missing(HOW.format(error)) from None
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    from playwright import async_api

    return async_api
