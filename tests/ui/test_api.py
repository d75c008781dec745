"""What the page's API answers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from doorward.model.reference import JsonObject
from doorward_daemon.ui.doors import WAITING

from tests.docs import ROOT
from tests.docs.test_pages import table
from tests.engine.stage import component_service
from tests.patience import PATIENCE
from tests.shell.running import RAW, Running
from tests.ui.scenery import HOSTILE, KIND, Shown, every_sort, served

LLAMA = f"api/doors/{KIND}/chat/llama-3-70b"


class Asking:
    """Asks a page, and waits for what is to be."""

    def __init__(self, client: aiohttp.ClientSession, shown: Shown) -> None:
        self.client = client
        self.shown = shown
        self.running = shown.running

    async def __call__(self, path: str, status: int = 200) -> Any:
        async with self.client.get(self.shown.url + path) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json() if answer.content_type == "application/json" else await answer.text()

    async def rows(self) -> dict[str, dict[str, Any]]:
        told = await self("api/doors")
        rows = [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]
        return {f"{row['namespace']}/{row['name']}": row for row in rows}

    async def change(self, kind: str, namespace: str, name: str, body: JsonObject) -> None:
        """Change an object, and wait until what follows has happened."""
        engine = self.shown.shell.engine
        before = engine.number
        self.running.store.patch(self.running.resource(kind), namespace, name, body)
        await self.shown.shell.wait_for(lambda: engine.number > before, PATIENCE)
        await self.shown.shell.once(PATIENCE)

    async def annotate(self, namespace: str, name: str, **annotations: str | None) -> None:
        told = {f"ome.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
        await self.change(KIND, namespace, name, {"metadata": {"annotations": told}})


@pytest.fixture(params=[False, True], ids=["without a journal", "with a journal"])
async def asking(request: pytest.FixtureRequest) -> AsyncIterator[Asking]:
    running = Running()
    every_sort(running)
    async with served(running, journal=request.param) as shown, aiohttp.ClientSession() as client:
        await shown.shell.once(PATIENCE)
        yield Asking(client, shown)


async def test_every_door_is_a_row(asking: Asking) -> None:
    rows = await asking.rows()
    assert len(rows) == 9
    llama = rows["chat/llama-3-70b"]
    assert (llama["state"], llama["reason"], llama["backend"]) == ("ready", "", "k8s_ingress")
    assert llama["url"] == "http://models.example.com/serve/chat/llama-3-70b"
    told = {name: (row["state"], row["reason"], row["backend"]) for name, row in rows.items()}
    assert told["chat/mistral"] == ("ready", "", "istio")
    assert told["edge/balanced"] == ("waiting", "LoadBalancerPending", "loadbalancer")
    assert told["edge/inside-only"] == ("ready", "IngressDisabled", "")
    assert told["edge/warming-up"] == ("waiting", "EngineNotReady", "")
    assert told["edge/wrong-mode"] == ("broken", "InvalidDeploymentMode", "")


def test_what_waits_is_what_the_documentation_says_waits() -> None:
    told = {reason for row in table("status.md", "Waiting") for reason in re.findall("[A-Z][A-Za-z]+", row)}
    reasons = {reason for reason in told if f"`{reason}`" in (ROOT / "docs" / "status.md").read_text()}
    assert {reason for reason in reasons if not reason.endswith("NotReady")} == WAITING


async def test_what_is_new_is_told_as_it_happens(asking: Asking) -> None:
    version = (await asking("api/doors"))["version"]
    async with asking.client.get(f"{asking.shown.url}api/events?version={version}") as stream:
        name, about = await event(stream)
        assert (name, about["ready"], about["said"]) == ("about", True, [])
        await asking.annotate("edge", "wrong-host", ingress_domain=None)
        while (told := await event(stream))[0] != "doors" or told[1]["rows"][-1][6] != "ready":
            pass
        assert told[1]["rows"][-1][1:3] == ["edge", "wrong-host"]
        running = asking.running
        running.store.delete(running.resource(KIND), "edge", "wrong-mode")
        while (told := await event(stream))[0] != "doors" or not told[1]["gone"]:
            pass
        assert told[1]["gone"] == [[KIND, "edge", "wrong-mode"]]


async def event(stream: aiohttp.ClientResponse) -> tuple[str, Any]:
    name = ""
    while True:
        line = (await stream.content.readline()).decode().strip()
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            return name, json.loads(line.removeprefix("data: "))
        assert line or not stream.content.at_eof()


async def test_doors_are_taken_away_as_csv_and_json(asking: Asking) -> None:
    broken = await asking("api/doors.json?state=broken&namespace=edge")
    assert [each["name"] for each in broken] == ["hostile", "wrong-host", "wrong-mode"]
    assert broken[0]["message"].startswith(f"annotation ome.io/ingress-domain '{HOSTILE}'")
    rows = list(csv.DictReader(io.StringIO(await asking("api/doors.csv?search=ISTIO"))))
    assert [(row["name"], row["backend"], row["ready"]) for row in rows] == [("mistral", "istio", "True")]
    assert await asking("api/doors.json?backend=&reason=IngressDisabled") != []


async def test_a_spreadsheet_computes_nothing(asking: Asking) -> None:
    from doorward_daemon.ui.doors import Row
    from doorward_daemon.ui.table import as_csv

    row = Row(KIND, "a", "m", "False", "X", '=HYPERLINK("http://x")', "broken", "", "", 0.0, 0.0, 1)
    (told,) = csv.DictReader(io.StringIO(as_csv([row]).decode()))
    assert told["message"] == '\'=HYPERLINK("http://x")'


async def test_a_door_is_a_picture(asking: Asking) -> None:
    picture = (await asking(LLAMA))["picture"]
    nodes = {node["id"]: node for node in picture["nodes"]}
    ways = {(nodes[edge["source"]]["title"], nodes[edge["target"]]["title"]) for edge in picture["edges"]}
    assert ("llama-3-70b.chat.models.example.com", "nginx") in ways
    assert ("nginx", "/v1/decoder") in ways
    assert ("/v1/decoder", "decoder") in ways
    assert ("all other paths", "router") in ways
    assert ("/serve/chat/llama-3-70b/v1/decoder", "decoder") in ways
    assert ("llama-3-70b.chat", "all paths") in ways
    assert {node["state"] for node in picture["nodes"]} == {"ready"}
    host = nodes["host/llama-3-70b.chat.models.example.org"]
    assert host["causes"] == [{"sort": "setting", "name": "additionalIngressDomains", "value": "models.example.org"}]


async def test_what_leads_where_is_read_of_the_objects_of_every_backend(asking: Asking) -> None:
    picture = (await asking(f"api/doors/{KIND}/chat/mistral"))["picture"]
    titles = {node["column"]: set() for node in picture["nodes"]}
    for node in picture["nodes"]:
        titles[node["column"]].add(node["title"])
    assert titles["gateway"] == {"knative-ingress-gateway", "knative-local-gateway"}
    assert titles["component"] == {"engine"}
    assert {"all paths", "/serve/chat/mistral"} <= titles["rule"]
    balanced = (await asking(f"api/doors/{KIND}/edge/balanced"))["picture"]
    waits = {node["title"]: node["why"] for node in balanced["nodes"] if node["state"] == "waiting"}
    assert waits == {"load balancer": "no address is assigned yet"}


async def test_a_door_that_is_to_open_is_drawn_as_it_will_be(asking: Asking) -> None:
    picture = (await asking(f"api/doors/{KIND}/edge/warming-up"))["picture"]
    states = {node["title"]: node["state"] for node in picture["nodes"]}
    assert states["engine"] == "broken"
    assert states["warming-up.edge.models.example.com"] == "waiting"
    assert states["warming-up.edge"] == "waiting"
    assert "pulling image" in next(node["why"] for node in picture["nodes"] if node["title"] == "engine")


async def test_a_host_that_another_has_is_told(asking: Asking) -> None:
    template = "shared.example.com"
    await asking.annotate("chat", "llama-3-70b", ingress_domain_template=template)
    await asking.annotate("chat", "qwen-many-hosts", ingress_domain_template=template)
    picture = (await asking(f"api/doors/{KIND}/chat/qwen-many-hosts"))["picture"]
    (node,) = [node for node in picture["nodes"] if node["title"] == "shared.example.com"]
    assert node["state"] == "broken"
    assert "belongs to InferenceService chat/llama-3-70b" in node["why"]
    assert node["causes"][0] == {"sort": "annotation", "name": "ome.io/ingress-domain-template", "value": template}


async def test_the_past_is_told_moment_by_moment_with_its_causes(asking: Asking) -> None:
    await asking.annotate("chat", "llama-3-70b", ingress_domain="new.example.com")
    moments = (await asking(f"{LLAMA}/timeline"))["moments"]
    numbers = [moment["number"] for moment in moments]
    assert numbers == sorted(numbers)
    titles = [moment["title"] for moment in moments]
    assert titles.index("InferenceService llama-3-70b appears") < titles.index("Ingress llama-3-70b created")
    (changed,) = [m for m in moments if "metadata.annotations[ome.io/ingress-domain]" in m["fields"]]
    updated = [m for m in moments if m["title"] == "Ingress llama-3-70b updated"]
    assert updated[0]["cause"] == changed["number"]
    assert updated[0]["detail"] == "the door changes"


async def test_a_door_is_shown_as_it_was_and_what_differs_since(asking: Asking) -> None:
    before = max(m["number"] for m in (await asking(f"{LLAMA}/timeline"))["moments"])
    await asking.annotate("chat", "llama-3-70b", ingress_domain="new.example.com")
    assert "llama-3-70b.chat.new.example.com" in await hosts(asking, LLAMA)
    then = await hosts(asking, f"{LLAMA}/then?number={before}")
    assert "llama-3-70b.chat.models.example.com" in then
    assert "llama-3-70b.chat.new.example.com" not in then
    changes = {each["object"]: each for each in (await asking(f"{LLAMA}/changes?from={before}"))["changes"]}
    annotation = changes["InferenceService chat/llama-3-70b"]["fields"][0]
    assert annotation == {
        "path": "metadata.annotations[ome.io/ingress-domain]",
        "before": None,
        "after": "new.example.com",
    }
    assert changes["Ingress chat/llama-3-70b"]["what"] == "changes"
    assert (await asking(f"{LLAMA}/then?number=1"))["service"] is None


async def hosts(asking: Asking, path: str) -> set[str]:
    picture = (await asking(path))["picture"]
    return {node["title"] for node in picture["nodes"] if node["column"] == "host"}


async def test_a_write_that_is_refused_is_a_moment(asking: Asking) -> None:
    from doorward.cluster.protocol import ApiError

    asking.running.fail("patch", ApiError(422, "Invalid", "a webhook says no"), kind="Ingress.networking.k8s.io")
    await asking.annotate("chat", "mistral", ingress_class="nginx", deployment_mode="RawDeployment")
    await asking.annotate("chat", "llama-3-70b", ingress_domain="new.example.com")
    moments = (await asking(f"{LLAMA}/timeline"))["moments"]
    refused = [m for m in moments if m["sort"] == "refused"]
    assert [(m["title"].split(":")[1], m["detail"]) for m in refused] == [
        (" patch refused", "422 Invalid: a webhook says no")
    ]


async def test_settings_tell_where_they_come_from_and_what_rejects_an_edit(asking: Asking) -> None:
    told = await asking("api/settings")
    assert told["state"] == "newest"
    values = {each["name"]: (each["key"], each["value"], each["default"]) for each in told["settings"]}
    assert values["ingressDomain"] == ("ingress", "models.example.com", False)
    assert values["urlScheme"] == ("ingress", "http", True)
    assert values["overlapSeconds"] == ("doorward", 0.0, False)
    running = asking.running
    body = {"data": {"ingress": '{"urlScheme": "ftp"}'}}
    running.store.patch(running.resource("ConfigMap"), "ome", "inferenceservice-config", body)
    await asking.shown.shell.wait_for(lambda: bool(asking.shown.shell.engine.problems), PATIENCE)
    told = await asking("api/settings")
    assert told["state"] == "last good"
    assert "field urlScheme" in told["problems"][0]
    moments = (await asking(f"{LLAMA}/timeline"))["moments"]
    assert moments[-1]["sort"] == "rejected"


async def test_what_is_not_there_is_not_found_and_nothing_is_written(asking: Asking) -> None:
    await asking(f"api/doors/{KIND}/chat/nobody", 404)
    await asking("api/doors/Secret/chat/llama-3-70b", 404)
    await asking("vendor/../../page.py", 404)
    await asking("nothing.js", 404)
    await asking(f"{LLAMA}/then?number=x", 400)
    async with asking.client.post(f"{asking.shown.url}{LLAMA}") as answer:
        assert answer.status == 405


async def test_without_a_journal_the_past_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from doorward_daemon.ui import past

    monkeypatch.setattr(past, "MOST_RECORDS", 20)
    running = Running()
    running.settings({}, doorward="overlapSeconds: 0")
    running.add("m")
    async with served(running) as shown, aiohttp.ClientSession() as client:
        await shown.shell.once(PATIENCE)
        asking = Asking(client, shown)
        for number in range(8):
            await asking.annotate("a", "m", ingress_domain=f"d{number}.example.com")
        told = await asking(f"api/doors/{KIND}/a/m/timeline")
        assert 0 < len(told["moments"]) <= 20
        assert told["since"] > 20
        first = told["moments"][0]["number"]
        assert (await asking(f"api/doors/{KIND}/a/m/then?number={first}")) is not None


async def test_a_door_that_is_guarded_tells_which_secret_and_nothing_of_it(asking: Asking) -> None:
    running = asking.running
    running.create(
        {
            "apiVersion": "ome.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": "guarded", "namespace": "chat", "annotations": {**RAW, "doorward.io/auth": "api-key"}},
            "spec": {"engine": {}},
        }
    )
    await asking.shown.shell.wait_for(lambda: len(asking.shown.shell.engine.services()) == 10, PATIENCE)
    await asking.shown.shell.once(PATIENCE)
    told = await asking(f"api/doors/{KIND}/chat/guarded")
    assert told["picture"]["exposure"] in ("unguarded", "")
    assert told["picture"]["state"] == "broken"


async def test_services_that_are_selected_of_a_kind_are_doors_like_others() -> None:
    from doorward.backends import Backends

    running = Running()
    running.settings({"ingressClassName": "nginx"}, doorward="overlapSeconds: 0\nreadiness: none")
    plain = component_service("plain", "engine")
    plain["metadata"]["name"] = "plain"
    running.create(plain)
    async with served(running, backends=Backends(sources=["service"])) as shown, aiohttp.ClientSession() as client:
        asking = Asking(client, shown)
        await shown.shell.once(PATIENCE)
        assert await asking.rows() == {}
        await asking.change("Service", "a", "plain", {"metadata": {"labels": {"doorward.io/door": "true"}}})
        row = (await asking.rows())["a/plain"]
        assert (row["state"], row["backend"]) == ("ready", "k8s_ingress")
        one = "api/doors/Service%23selected/a/plain"
        assert "plain.a.example.com" in await hosts(asking, one)
        moments = (await asking(f"{one}/timeline"))["moments"]
        before = next(m["number"] for m in moments if m["title"] == "Service plain appears")
        assert (await asking(f"{one}/then?number={before}"))["service"] is None
        assert "plain.a.example.com" in await hosts(asking, f"{one}/then?number={moments[-1]['number']}")
        await asking.change("Service", "a", "plain", {"metadata": {"labels": {"doorward.io/door": None}}})
        assert await asking.rows() == {}
