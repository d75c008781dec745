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
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Ref
from doorward_daemon.ui.doors import WAITING

from tests.docs import ROOT
from tests.docs.test_pages import table
from tests.engine.stage import component_service, inference_service
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
    assert told["edge/warming-up"] == ("waiting", "EngineNotReady", "k8s_ingress")
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
    assert {each["state"] for each in broken} == {"broken"}
    assert broken[0]["message"].startswith(f"annotation ome.io/ingress-domain '{HOSTILE}'")
    rows = list(csv.DictReader(io.StringIO(await asking("api/doors.csv?search=ISTIO"))))
    told = [(row["name"], row["backend"], row["ready"], row["state"]) for row in rows]
    assert told == [("mistral", "istio", "True", "ready")]
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
    assert host["causes"][0] == {"sort": "setting", "name": "additionalIngressDomains", "value": "models.example.org"}


def causes(picture: Any, id_: str) -> list[tuple[str, str, str]]:
    (node,) = [node for node in picture["nodes"] if node["id"] == id_]
    return [(each["sort"], each["name"], each["value"]) for each in node["causes"]]


TEMPLATE = ("setting", "domainTemplate", "{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}")
DOMAIN = ("setting", "ingressDomain", "models.example.com")
PATH = ("setting", "pathTemplate", "/serve/{{.Namespace}}/{{.Name}}")
CHOSEN = [("plugin", "k8s_ingress", ""), ("mode", "RawDeployment", "")]
OF_MODE = ("annotation", "ome.io/deployment-mode", "RawDeployment")


async def test_each_element_names_what_decided_it_and_what_that_says(asking: Asking) -> None:
    picture = (await asking(LLAMA))["picture"]
    assert causes(picture, "host/llama-3-70b.chat.models.example.com") == [TEMPLATE, DOMAIN]
    more = ("setting", "additionalIngressDomains", "models.example.org")
    assert causes(picture, "host/llama-3-70b.chat.models.example.org") == [more, TEMPLATE]
    assert causes(picture, "host/models.example.com/serve/chat/llama-3-70b") == [PATH, DOMAIN]
    assert causes(picture, "inside/llama-3-70b") == [("setting", "doorService", "{{.Name}}")]
    ingress = "Ingress.networking.k8s.io/llama-3-70b"
    assert causes(picture, f"gateway/nginx/{ingress}") == [("setting", "ingressClassName", "nginx")]
    decoder = ("rule", "decoder", "requests below /v1/decoder")
    assert causes(picture, f"rule/{ingress}/v1/decoder") == [*CHOSEN, OF_MODE, decoder]
    assert causes(picture, "component/router") == [("spec", "spec.router", ""), ("condition", "RouterReady", "True")]


async def test_each_annotation_is_named_in_place_of_the_setting_that_it_overrides(asking: Asking) -> None:
    own = {
        "ingress_domain_template": "x.{{.IngressDomain}}",
        "ingress_domain": "example.net",
        "ingress_class": "traefik",
    }
    own |= {"ingress_additional_domains": "example.org", "ingress_path_template": "/p/{{.Name}}"}
    await asking.annotate("chat", "llama-3-70b", **own)
    picture = (await asking(LLAMA))["picture"]

    def of(key: str) -> tuple[str, str, str]:
        return "annotation", f"ome.io/{key.replace('_', '-')}", own[key]

    template, domain = of("ingress_domain_template"), of("ingress_domain")
    assert causes(picture, "host/x.example.net") == [template, domain]
    assert causes(picture, "host/x.example.org") == [of("ingress_additional_domains"), template]
    ways = {node["title"]: node["id"] for node in picture["nodes"] if node["column"] == "gateway"}
    assert causes(picture, ways["traefik"]) == [of("ingress_class")]
    await asking.annotate("chat", "llama-3-70b", ingress_domain_template="whole.example.net", ingress_class=None)
    picture = (await asking(LLAMA))["picture"]
    whole = ("annotation", "ome.io/ingress-domain-template", "whole.example.net")
    assert causes(picture, "host/whole.example.net") == [whole], "the domain has no part in it"
    assert causes(picture, "host/example.net/p/llama-3-70b") == [of("ingress_path_template"), domain]


async def test_a_mode_follows_from_the_shape_of_a_service_and_a_host_from_what_knative_gave(asking: Asking) -> None:
    nothing = {"ome.io/deployment-mode": None, "ome.io/ingress-class": None}
    multi = {"metadata": {"annotations": nothing}, "spec": {"engine": {"worker": {"size": 2}}}}
    await asking.change(KIND, "chat", "qwen-many-hosts", multi)
    picture = (await asking(f"api/doors/{KIND}/chat/qwen-many-hosts"))["picture"]
    rule = next(node["id"] for node in picture["nodes"] if node["id"].startswith("rule/Ingress"))
    chosen = [("plugin", "k8s_ingress", ""), ("mode", "MultiNode", ""), ("spec", "spec.engine.worker", "")]
    assert causes(picture, rule)[:3] == chosen
    url = "http://mistral-engine.chat.knative.example.com"
    components = {"engine": {"url": url}}
    running = asking.running
    running.store.patch(
        running.resource(KIND), "chat", "mistral", {"status": {"components": components}}, subresource="status"
    )
    await asking.change(KIND, "chat", "mistral", {"metadata": {"annotations": nothing}})
    picture = (await asking(f"api/doors/{KIND}/chat/mistral"))["picture"]
    given = [("spec", "status.components.engine.url", "")]
    assert causes(picture, "host/mistral.chat.knative.example.com") == given


async def test_a_gateway_follows_from_the_setting_that_names_it_and_a_balancer_from_the_type(asking: Asking) -> None:
    picture = (await asking(f"api/doors/{KIND}/chat/mistral"))["picture"]
    told = {node["title"]: node["id"] for node in picture["nodes"] if node["column"] == "gateway"}
    for field, name in (("ingressGateway", "knative-ingress-gateway"), ("localGateway", "knative-local-gateway")):
        assert causes(picture, told[name]) == [("setting", field, f"knative-serving/{name}")]
    balanced = (await asking(f"api/doors/{KIND}/edge/balanced"))["picture"]
    assert causes(balanced, "gateway/LoadBalancer") == [("annotation", "ome.io/service-type", "LoadBalancer")]


async def test_a_backend_follows_from_the_setting_or_the_annotation_that_names_it(asking: Asking) -> None:
    default = {"data": {"doorward": "overlapSeconds: 0\ndefaultBackend: {RawDeployment: istio}"}}
    await asking.change("ConfigMap", "ome", "inferenceservice-config", default)
    route = "rule/VirtualService.networking.istio.io/llama-3-70b/v1/decoder"
    picture = (await asking(LLAMA))["picture"]
    assert ("setting", "defaultBackend", "RawDeployment: istio") in causes(picture, route)
    assert ("setting", "defaultBackend", "") not in causes(picture, route)
    named = {"metadata": {"annotations": {"doorward.io/backend": "istio"}}}
    await asking.change(KIND, "chat", "llama-3-70b", named)
    picture = (await asking(LLAMA))["picture"]
    assert causes(picture, route)[0] == ("annotation", "doorward.io/backend", "istio")
    assert [sort for sort, _, _ in causes(picture, route)] == ["annotation", "rule"]


async def test_a_component_whose_service_is_gone_is_broken_and_so_is_the_row(asking: Asking) -> None:
    running = asking.running
    running.store.delete(running.resource("Service"), "chat", "llama-3-70b-decoder")
    engine, ref = asking.shown.shell.engine, Ref(KIND, "chat", "llama-3-70b")
    await asking.shown.shell.wait_for(lambda: ref in engine.lacking, PATIENCE)
    await asking.shown.shell.once(PATIENCE)
    picture = (await asking(LLAMA))["picture"]
    nodes = {node["id"]: node for node in picture["nodes"]}
    decoder = nodes["component/decoder"]
    assert (decoder["state"], decoder["subtitle"]) == ("broken", "no Service yet")
    assert decoder["why"].startswith("Service chat/llama-3-70b-decoder of the decoder isn't in the cluster")
    assert nodes["component/router"]["state"] == "ready"
    assert (picture["state"], picture["status"], picture["reason"]) == ("broken", "True", "ServiceMissing")
    row = (await asking.rows())["chat/llama-3-70b"]
    assert (row["state"], row["status"], row["reason"]) == ("broken", "True", "ServiceMissing")
    assert "llama-3-70b-decoder" in row["message"]
    moments = (await asking(f"{LLAMA}/timeline"))["moments"]
    (gone,) = [m for m in moments if m["title"] == "Service llama-3-70b-decoder is gone"]
    then = (await asking(f"{LLAMA}/then?number={gone['number'] - 1}"))["picture"]
    assert {node["id"]: node["state"] for node in then["nodes"]}["component/decoder"] == "ready"
    running.create(component_service("llama-3-70b", "decoder", "chat"))
    await asking.shown.shell.wait_for(lambda: ref not in engine.lacking, PATIENCE)
    row = (await asking.rows())["chat/llama-3-70b"]
    assert (row["state"], row["reason"], row["message"]) == ("ready", "", "")


async def test_a_service_that_may_not_be_seen_is_not_called_missing() -> None:
    running = Running()
    running.settings({}, doorward="overlapSeconds: 0")
    running.create(inference_service("m", annotations=RAW, ready=("engine",)))
    running.fail("list", ApiError(403, "Forbidden", "not for you"), times=1000, kind="Service")
    async with served(running) as shown, aiohttp.ClientSession() as client:
        await shown.shell.once(PATIENCE)
        asking = Asking(client, shown)
        picture = (await asking(f"api/doors/{KIND}/a/m"))["picture"]
        assert {node["title"]: node["state"] for node in picture["nodes"]}["engine"] != "broken"
        assert (await asking.rows())["a/m"]["reason"] != "ServiceMissing"


async def test_what_doorward_says_is_shown_where_another_writes_the_status() -> None:
    conditions = [
        {"type": "EngineReady", "status": "True"},
        {"type": "IngressReady", "status": "False", "reason": "Theirs", "message": "no"},
        {"type": "doorward.io/DoorReady", "status": "True", "message": "http://ours.example.com"},
    ]
    status = {"conditions": conditions, "url": "http://theirs.example.com"}
    running = Running()
    running.settings({})
    running.create(component_service("m", "engine"))
    running.create(inference_service("m", annotations=RAW, status=status))
    running.fail("patch", ApiError(403, "Forbidden", "it stays as it is"), times=1_000_000, kind=KIND)
    async with served(running) as shown, aiohttp.ClientSession() as client:
        await shown.shell.wait_for(lambda: shown.shell.engine.ready, PATIENCE)
        asking = Asking(client, shown)
        told = await asking(f"api/doors/{KIND}/a/m")
        assert (told["picture"]["status"], told["picture"]["reason"]) == ("True", "")
        assert told["service"]["url"] == "http://ours.example.com"
        row = (await asking.rows())["a/m"]
        assert (row["state"], row["reason"], row["url"]) == ("ready", "", "http://ours.example.com")


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
