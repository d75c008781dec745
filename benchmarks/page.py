"""The page with five thousand doors in Debian's Chromium, against the page with one door, and against what it was.

Each round opens a new tab, with nothing cached, on one after the other::

    navigation --> files --> list --> rows are drawn --> scrolled, three rows each frame

A first view is on the clock; what a thread did is the time of its processor, as Chromium counts it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.figure import Figure, Scale, ratio, tell
from benchmarks.past import ROOT, files_of, python_path
from benchmarks.processor import environment
from tests.ui.browser import Missing, driver, find

THEN = "68682a778e2108c4fc1042038e95dcbfd9f00737"
"""The commit before work on its speed began."""
DOORS = 5000
STEPS = 100
"""Frames in which the list is scrolled."""
SEEN = """
window.seen = new Promise((resolve) => {
  new MutationObserver((_, observer) => {
    if (!document.querySelector(".sizer .row")) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() / 1000)));
  }).observe(document, { childList: true, subtree: true });
});
"""
"""When the frame was drawn that has the first rows."""
SCROLLED = """
async (steps) => {
  const scroller = document.querySelector(".scroller");
  for (let step = 1; step <= steps; step++) {
    scroller.scrollTop = step * 132;
    await new Promise(requestAnimationFrame);
  }
}
"""


class Server(NamedTuple):
    url: str
    pid: int


class Visit(NamedTuple):
    """What one tab took."""

    view: float
    """Seconds until rows were drawn."""
    thread: float
    """Seconds of the main thread, until the page had nothing more to do."""
    server: float
    """Seconds of the daemon's."""
    sent: float
    """Bytes on the wire."""
    elements: float
    frame: float
    """Milliseconds of the main thread in a frame of scrolling."""


def measure(scale: Scale) -> list[Figure]:
    try:
        chromium, api = find(tell, install=False), driver(tell)
    except Missing as missing:
        raise SystemExit(str(missing)) from None
    with ExitStack() as stack:
        servers = {"one": stack.enter_context(_serving(ROOT, 1)), "now": stack.enter_context(_serving(ROOT, DOORS))}
        if (folder := stack.enter_context(files_of(THEN))) is None:
            tell(f"the page of the past isn't measured: git has no commit {THEN[:12]} here")
        else:
            servers["then"] = stack.enter_context(_serving(folder, DOORS))
        visits = asyncio.run(_visits(servers, chromium, api, scale.of(15, 5)))
    for name, told in visits.items():
        tell(f"{name}: {Visit(*(median(values) for values in zip(*told, strict=True)))}")
    return list(_figures(visits))


def _figures(visits: dict[str, list[Visit]]) -> Iterator[Figure]:
    now = visits["now"]

    def against(other: str, what: str, of: Callable[[Visit], float], unit: str = "s") -> Figure:
        than = {"one": "one door", "then": f"commit {THEN[:7]}"}[other]
        values = [of(each) for each in now], [of(each) for each in visits[other]]
        sides = (f"{DOORS} doors", than)
        return ratio(f"page, {DOORS} doors against {than}: {what}", *values, None, unit=unit, sides=sides)

    for other in ("one", "then"):
        if other in visits:
            yield against(other, "first view", lambda visit: visit.view)
            yield against(other, "the browser's main thread", lambda visit: visit.thread)
            yield against(other, "the daemon's processor", lambda visit: visit.server)
            yield against(other, "bytes", lambda visit: visit.sent, "bytes")
            yield against(other, "a frame of scrolling", lambda visit: visit.frame, "ms")
    view, frame = 1000 * median(visit.view for visit in now), median(visit.frame for visit in now)
    yield Figure(name=f"page, {DOORS} doors: first view", measured=view, unit="ms")
    yield Figure(name=f"page, {DOORS} doors: a frame of scrolling", measured=frame, unit="ms")
    yield Figure(name=f"page, {DOORS} doors: elements", measured=now[-1].elements, unit="elements")


async def _visits(servers: dict[str, Server], chromium: Path, api: Any, rounds: int) -> dict[str, list[Visit]]:
    found: dict[str, list[Visit]] = {name: [] for name in servers}
    async with api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"]
        )
        for turn in range(rounds + 1):
            for name, server in servers.items():
                visit = await _visit(browser, server)
                tell(f"{name}: {visit.view:.2f} s")
                if turn:  # the first one reads the browser from the disk
                    found[name].append(visit)
        await browser.close()
    return found


async def _visit(browser: Any, server: Server) -> Visit:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page, sent = await context.new_page(), 0.0
    session = await context.new_cdp_session(page)

    def loaded(event: dict[str, Any]) -> None:
        nonlocal sent
        sent += event["encodedDataLength"]

    session.on("Network.loadingFinished", loaded)
    await session.send("Network.enable")
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    await page.add_init_script(SEEN)
    before = _spent(server.pid)
    await page.goto(server.url)
    view = await page.evaluate("window.seen")
    await page.get_by_text("Live", exact=True).wait_for()
    await page.evaluate("new Promise(requestIdleCallback)")
    first, daemon = await _metrics(session), _spent(server.pid) - before
    await page.evaluate(SCROLLED, STEPS)
    after = await _metrics(session)
    await context.close()
    frame = 1000 * (after["TaskDuration"] - first["TaskDuration"]) / STEPS
    return Visit(view, first["TaskDuration"], daemon, sent, first["Nodes"], frame)


async def _metrics(session: Any) -> dict[str, float]:
    answer = await session.send("Performance.getMetrics")
    return {each["name"]: each["value"] for each in answer["metrics"]}


def _spent(pid: int) -> float:
    """Seconds of a processor that a process's threads have taken, finer than its clock ticks (Linux: schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def _serving(root: Path, doors: int) -> Iterator[Server]:
    """The page as that checkout has it, in a process of its own."""
    served = Path(__file__).with_name("page_served.py")
    with (
        python_path(root) as path,
        subprocess.Popen(
            [sys.executable, "-S", str(served), str(doors)],
            env=environment({"PYTHONPATH": os.pathsep.join((path, str(root)))}),
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        ) as process,
    ):
        try:
            assert process.stdout
            yield Server(process.stdout.readline().strip(), process.pid)
        finally:
            process.terminate()
