"""The page in a browser: what people see, and what they can do without a mouse."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from doorward_daemon.ui.doors import Row

from benchmarks.page_served import rows
from tests.shell.running import Running
from tests.ui.browser import AXE
from tests.ui.conftest import Open
from tests.ui.scenery import HOSTILE, KIND, Shown, served, settled

LLAMA = f"#/door/{KIND}/chat/llama-3-70b"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def shown() -> AsyncIterator[Shown]:
    async with settled() as shown:
        yield shown


async def names(page: Any) -> list[str]:
    return await page.locator(".sizer .row .name b").all_inner_texts()


async def test_five_thousand_doors_are_a_list_of_which_only_what_is_in_sight_is_there(tab: Open) -> None:
    running = Running()
    async with served(running) as shown:
        row = Row(KIND, "", "", "True", "", "", "ready", "http://m.example.com", "k8s_ingress", 1.0, 1.0, 1)
        shown.fill(row, 5000)
        async with tab(shown.url) as page:
            await page.get_by_text("5,000 doors", exact=True).wait_for()
            assert await page.locator(".sizer .row").count() < 60
            await page.locator(".scroller").evaluate("each => { each.scrollTop = each.scrollHeight }")
            await page.get_by_role("link", name="team-49/model-4999").wait_for()
            assert await page.locator(".sizer .row").count() < 60
            assert await page.get_by_role("table").get_attribute("aria-rowcount") == "5001"
            await page.get_by_role("searchbox").fill("model-4321")
            await page.get_by_text("1 of 5,000 doors", exact=True).wait_for()
            assert await names(page) == ["model-4321"]


AT = """
async (places) => {
  const scroller = document.querySelector(".scroller");
  const patience = performance.now() + 20_000;
  const found = [];
  for (const place of places) {
    scroller.scrollTop = place;
    const { top, bottom } = scroller.getBoundingClientRect();
    const rows = () => [...document.querySelectorAll(".sizer .row")];
    const seen = () => rows().filter((row) => {
      const box = row.getBoundingClientRect();
      return box.bottom > top && box.top < bottom;
    });
    const index = (row) => Number(row.getAttribute("aria-rowindex"));
    const text = (row, part) => row.querySelector(part).textContent;
    const first = Math.floor(scroller.scrollTop / 44) + 2;
    const there = () => seen().some((row) => index(row) === first);
    while (!there() && performance.now() < patience) await new Promise(requestAnimationFrame);
    found.push({
      first,
      room: scroller.clientHeight,
      seen: seen().map((row) => [index(row), text(row, "b"), text(row, ".url")]),
      order: rows().map(index),
      elements: document.querySelectorAll("*").length,
    });
  }
  return found;
}
"""


COLUMNS = """
(row) => [...document.querySelector(row).children].map((cell) => {
  const { left, right } = cell.getBoundingClientRect();
  return [left, right];
})
"""


async def test_wherever_the_list_is_scrolled_to_the_doors_of_that_place_are_there_in_their_order(tab: Open) -> None:
    async with served(Running()) as shown:
        doors = list(rows(5000))
        shown.put(doors)
        doors.sort(key=lambda row: (row.namespace, row.name))
        async with tab(shown.url) as page:
            await page.get_by_text("5,000 doors", exact=True).wait_for()
            for place in await page.evaluate(AT, [0, 17, 60, 5_000, 110_001, 219_300, 109_900, 300, 0]):
                indexes = [index for index, *_ in place["seen"]]
                assert indexes == list(range(place["first"], place["first"] + len(indexes)))
                assert len(indexes) * 44 >= place["room"]
                for index, name, url in place["seen"]:
                    door = doors[index - 2]
                    assert (name, url) == (door.name, door.url.removeprefix("https://"))
                assert place["order"] == sorted(place["order"])
                assert len(place["order"]) < 60
                assert place["elements"] < 1400
            assert await page.evaluate(COLUMNS, ".row.head") == await page.evaluate(COLUMNS, ".sizer .row")


async def test_a_first_view_asks_for_the_list_once_and_for_little_else(tab: Open) -> None:
    async with served(Running()) as shown:
        shown.put(rows(5000))
        async with tab("about:blank") as page:
            sent: dict[str, int] = {}
            session = await page.context.new_cdp_session(page)
            asked: dict[str, str] = {}
            session.on("Network.requestWillBeSent", lambda e: asked.update({e["requestId"]: e["request"]["url"]}))
            session.on(
                "Network.loadingFinished", lambda e: sent.update({asked[e["requestId"]]: e["encodedDataLength"]})
            )
            await session.send("Network.enable")
            await page.goto(shown.url)
            await page.get_by_text("5,000 doors", exact=True).wait_for()
            await page.get_by_text("Live", exact=True).wait_for()
            assert list(asked.values()).count(f"{shown.url}api/doors") == 1
            assert len(asked) <= 16
            assert sent.pop(f"{shown.url}api/doors") < 250_000
            assert sum(sent.values()) < 40_000


async def test_the_focus_stays_with_its_door_when_the_list_is_scrolled_away_and_back(tab: Open) -> None:
    async with served(Running()) as shown:
        shown.put(rows(1000))
        async with tab(shown.url) as page:
            await page.get_by_text("1,000 doors", exact=True).wait_for()
            focused = "document.activeElement.textContent"
            await page.locator(".sizer .row a.name").nth(3).focus()
            before = await page.evaluate(focused)
            await page.evaluate(AT, [20_000, 3_000, 40_000])
            assert await page.evaluate(focused) == before
            await page.keyboard.press("ArrowDown")
            assert await page.evaluate("document.activeElement.closest('.row').getAttribute('aria-rowindex')") == "6"


async def test_doors_are_found_by_what_is_typed_and_chosen_and_the_address_says_so(tab: Open, shown: Shown) -> None:
    async with tab(shown.url) as page:
        await page.get_by_label("Namespace").select_option(label="edge (6)")
        await page.get_by_label("Reason").select_option(label="InvalidHost (2)")
        assert sorted(await names(page)) == ["hostile", "wrong-host"]
        await page.get_by_role("searchbox").fill("capital")
        await page.get_by_text("1 of 9 doors").wait_for()
        assert await names(page) == ["wrong-host"]
        assert page.url.endswith("#/doors?search=capital&namespace=edge&reason=InvalidHost")
        await page.reload()
        await page.get_by_text("1 of 9 doors").wait_for()
        await page.get_by_role("searchbox").fill("nothing is like this")
        await page.get_by_role("button", name="Show all doors").click()
        await page.get_by_text("9 doors", exact=True).wait_for()
        await page.get_by_role("button", name="Not ready").click()
        assert sorted(await names(page)) == ["hostile", "wrong-host", "wrong-mode"]
        await page.get_by_role("button", name="All").click()
        await page.get_by_label("Backend").select_option(label="istio (1)")
        assert await names(page) == ["mistral"]


async def test_what_changes_in_the_cluster_changes_on_the_page(tab: Open, shown: Shown) -> None:
    async with tab(shown.url) as page:
        await page.get_by_text("Live").wait_for()
        running = shown.running
        running.store.delete(running.resource(KIND), "edge", "wrong-mode")
        await page.get_by_text("8 doors", exact=True).wait_for()
        body = {"metadata": {"annotations": {"ome.io/ingress-domain": "right.example.com"}}}
        running.store.patch(running.resource(KIND), "edge", "wrong-host", body)
        row = page.locator(f'.row[data-key="{KIND}/edge/wrong-host"]')
        await row.get_by_text("right.example.com").wait_for()
        await row.get_by_text("Ready", exact=True).wait_for()


async def test_a_door_is_a_picture_of_which_each_element_tells_what_it_follows_from(tab: Open, shown: Shown) -> None:
    async with tab(shown.url + LLAMA) as page:
        await page.get_by_role("heading", name="chat/llama-3-70b").wait_for()
        decoder = page.get_by_role("button", name=re.compile("^.v1.decoder"))
        await decoder.click()
        lit = await page.locator(".node.on .name").all_text_contents()
        assert {"nginx", "/v1/decoder", "decoder"} <= set(lit)
        assert "router" not in lit
        host = page.get_by_role("button", name=re.compile("^llama-3-70b.chat.models.example.com"))
        await host.click()
        why = page.locator(".why")
        assert "ingressDomain" in await why.inner_text()
        await page.get_by_role("button", name=re.compile("^all paths Service")).click()
        await why.get_by_role("button", name=re.compile("Service llama-3-70b created")).click()
        await page.get_by_text(re.compile("^As it was")).wait_for()


async def test_many_hosts_that_fare_alike_stand_together_until_they_are_asked_for(tab: Open, shown: Shown) -> None:
    async with tab(f"{shown.url}#/door/{KIND}/chat/qwen-many-hosts") as page:
        await page.get_by_role("button", name=re.compile("^and 28 more")).click()
        assert await page.locator(".node.host").count() == 6
        await page.get_by_role("button", name="Show each of them").click()
        await page.get_by_role("button", name=re.compile("region-29.example.net")).wait_for()
        assert await page.locator(".node.host").count() == 33


async def test_the_slider_shows_the_door_as_it_was_and_what_differs(tab: Open, shown: Shown) -> None:
    running = shown.running
    async with tab(shown.url + LLAMA) as page:
        slider = page.get_by_role("slider", name="Moment")
        await page.get_by_role("button", name=re.compile("^llama-3-70b.chat.models.example.com")).wait_for()
        body = {"metadata": {"annotations": {"ome.io/ingress-domain": "new.example.com"}}}
        running.store.patch(running.resource(KIND), "chat", "llama-3-70b", body)
        await page.get_by_role("button", name=re.compile("^llama-3-70b.chat.new.example.com")).wait_for()
        appeared = page.get_by_role("button", name=re.compile("InferenceService llama-3-70b appears")).first
        await appeared.click()
        await page.get_by_text(re.compile("^As it was")).wait_for()
        await page.get_by_role("button", name=re.compile("^llama-3-70b.chat.models.example.com.*Waiting")).wait_for()
        assert "InferenceService llama-3-70b appears" in (await slider.get_attribute("aria-valuetext") or "")
        await page.get_by_label("between this moment and").select_option("now")
        await page.get_by_role("row", name=re.compile("ome.io.ingress-domain.* not there new.example.com")).wait_for()
        await slider.focus()
        await page.keyboard.press("End")
        await page.get_by_role("button", name=re.compile("^llama-3-70b.chat.new.example.com")).wait_for()
        assert await slider.get_attribute("aria-valuetext") == "Now"


async def test_everything_is_reached_by_the_keyboard(tab: Open, shown: Shown) -> None:
    async with tab(shown.url) as page:
        await page.locator(".sizer .row").first.wait_for()
        await page.keyboard.press("/")
        await page.keyboard.type("chat/")
        await page.get_by_text("3 of 9 doors").wait_for()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        assert await page.evaluate("document.activeElement.textContent") == "chat/mistral"
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="chat/mistral").wait_for()
        node = page.locator(".node.gateway").first
        await node.focus()
        await page.keyboard.press("Enter")
        assert await node.get_attribute("aria-pressed") == "true"
        await page.locator(".why").get_by_text("ingressGateway").wait_for()


async def test_hostile_text_is_text(tab: Open, shown: Shown) -> None:
    async with tab(shown.url) as page:
        await page.locator(".cell.reason", has_text="<script>").first.wait_for()
        assert await page.locator("script:not([src]), img[src=x]").count() == 0
        for address in (f"#/door/{KIND}/edge/hostile", f"#/doors?search={HOSTILE}"):
            await page.evaluate("address => { location.hash = address }", address)
            await page.locator(".moments li, .sizer .row").first.wait_for()
            assert await page.locator("script:not([src]), img[src=x]").count() == 0
        assert await page.evaluate("window.hacked") is None


async def test_text_that_would_be_markup_is_stopped_by_the_browser(tab: Open, shown: Shown) -> None:
    wrong: list[str] = []
    async with tab(shown.url, wrong=wrong) as page:
        await page.locator(".sizer .row").first.wait_for()
        tried = "try { document.body.insertAdjacentHTML('beforeend', '<b>markup</b>') } catch (error) { error.name }"
        assert await page.evaluate(tried) == "TypeError"
        assert await page.locator("b", has_text="markup").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(tab: Open, shown: Shown, scheme: str) -> None:
    views = {
        "#/doors": ".sizer .row",
        "#/doors?search=none": ".empty:not([hidden])",
        LLAMA: ".node",
        "#/settings": ".values",
    }
    async with tab(shown.url, color_scheme=scheme, bypass_csp=True) as page:
        await page.add_script_tag(path=str(AXE))
        for address, there in views.items():
            await page.evaluate("address => { location.hash = address }", address)
            await page.locator(there).first.wait_for()
            if address == LLAMA:
                await page.locator(".moments .moment").first.click()
                await page.locator(".changes:not([hidden])").wait_for()
            found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            told = [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found["violations"]]
            assert not told, address


async def test_light_and_dark_follow_the_system_until_somebody_chooses(tab: Open, shown: Shown) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    async with tab(shown.url, color_scheme="dark") as page:
        dark = await page.evaluate(ground)
        await page.get_by_role("button", name="Theme: system").click()
        light = await page.evaluate(ground)
        assert light != dark
        await page.reload()
        assert await page.evaluate(ground) == light
        await page.get_by_role("button", name="Theme: light").click()
        assert await page.evaluate(ground) == dark


@pytest.mark.parametrize("address", ["#/doors", LLAMA, "#/settings"])
async def test_a_phone_shows_all_of_it_without_scrolling_sideways(tab: Open, shown: Shown, address: str) -> None:
    async with tab(shown.url + address, **PHONE) as page:
        await page.locator(".sizer .row, .node, .values").first.wait_for()
        wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await page.evaluate(wider)


async def test_settings_tell_what_rejected_them(tab: Open, shown: Shown) -> None:
    running = shown.running
    async with tab(f"{shown.url}#/settings") as page:
        row = page.get_by_role("row", name=re.compile("^ingressDomain"))
        assert "models.example.com" in await row.inner_text()
        body = {"data": {"ingress": '{"urlScheme": "ftp"}'}}
        running.store.patch(running.resource("ConfigMap"), "ome", "inferenceservice-config", body)
        await page.get_by_text("Rejected", exact=True).wait_for()
        await page.locator(".said.bad").get_by_text("urlScheme").wait_for()
        assert "models.example.com" in await row.inner_text()


async def test_a_door_that_goes_is_told(tab: Open, shown: Shown) -> None:
    running = shown.running
    wrong: list[str] = []
    async with tab(shown.url + LLAMA, wrong=wrong) as page:
        await page.locator(".node").first.wait_for()
        running.store.delete(running.resource(KIND), "chat", "llama-3-70b")
        await page.get_by_role("heading", name="There is no such door").wait_for()
    assert all("404" in each for each in wrong)
