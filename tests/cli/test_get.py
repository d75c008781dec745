"""``doorward get``."""

from __future__ import annotations

import asyncio
import os
import signal

import orjson
import pytest
from doorward.cluster.protocol import ApiError
from doorward_daemon.asking import completing, getting

from tests.cli.asking import ask, reached, settled
from tests.engine.stage import component_service, inference_service
from tests.patience import PATIENCE
from tests.shell.running import RAW, SERVICE, Running, until


@pytest.fixture
def doors() -> Running:
    running = Running()
    running.settings({})
    running.add("m", "n")
    running.patch(SERVICE, "n", {"metadata": {"annotations": {"ome.io/disable-ingress": "true"}}})
    return settled(running)


def test_every_door_has_a_line(doors: Running) -> None:
    printed = ask(doors, "get")
    assert (printed.code, printed.err) == (0, "")
    assert printed.lines[0] == ["NAMESPACE", "SERVICE", "BACKEND", "URL", "READY", "REASON", "AGE"]
    assert [line[:-1] for line in printed.lines[1:]] == [
        ["a", "m", "k8s_ingress", "http://m.a.example.com", "True", "-"],
        ["a", "n", "-", "http://n.a.svc.cluster.local", "True", "IngressDisabled"],
    ]


def test_nothing_is_written(doors: Running) -> None:
    doors.patch(SERVICE, "m", {"metadata": {"annotations": {"ome.io/ingress-domain": "example.org"}}})
    before = doors.store.resource_version
    ask(doors, "get", "-A")
    assert doors.store.resource_version == before


def test_json_and_yaml_say_the_same(doors: Running) -> None:
    (first, _) = told = ask(doors, "get", "-o", "json").json
    assert told == ask(doors, "get", "-o", "yaml").yaml
    assert first["backend"] == "k8s_ingress"
    assert (first["namespace"], first["service"], first["ready"]) == ("a", "m", "True")


def test_settings_that_are_rejected_are_told_beside_the_doors_with_what_to_do(doors: Running) -> None:
    body = {"data": {"ingress": '{"urlScheme": "ftp"}'}}
    doors.store.patch(doors.resource("ConfigMap"), "ome", "inferenceservice-config", body)
    printed = ask(doors, "get")
    assert (printed.code, len(printed.lines)) == (0, 3)
    (note,) = printed.err.splitlines()
    assert note.startswith(
        "note: ConfigMap ome/inferenceservice-config is rejected, and changes no door: key ingress, "
    )
    assert note.endswith("; to put it right: kubectl -n ome edit configmap inferenceservice-config")


def test_settings_that_may_not_be_read_are_no_matter_of_who_asks(doors: Running) -> None:
    doors.fail("list", ApiError(403, "Forbidden", "not for you"), times=1000, kind="ConfigMap")
    assert ask(doors, "get").err == ""


@pytest.mark.parametrize("arguments", [["m"], ["a/m"], ["m", "-n", "a"], ["m", "-A"], ["a/m", "-n", "b"]], ids=" ".join)
def test_a_service_is_named_in_its_namespace_or_with_it(doors: Running, arguments: list[str]) -> None:
    assert [row["service"] for row in ask(doors, "get", *arguments, "-o", "json").json] == ["m"]


def test_a_name_that_is_not_there_is_told_and_the_others_are_printed(doors: Running) -> None:
    printed = ask(doors, "get", "m", "q")
    assert (printed.code, printed.err) == (1, "error: there is no service q\n".replace(" q", " a/q"))
    assert [line[1] for line in printed.lines[1:]] == ["m"]


def test_another_namespace_has_no_services(doors: Running) -> None:
    printed = ask(doors, "get", "-n", "b")
    assert (printed.code, printed.out, printed.err) == (0, "", "no services in namespace b (-A: all of them)\n")


def test_a_held_door_has_the_backend_of_what_stands(doors: Running) -> None:
    doors.patch(SERVICE, "m", {"metadata": {"annotations": {"ome.io/ingress-domain": "No_Good"}}})
    (row,) = ask(settled(doors), "get", "m", "-o", "json").json
    assert (row["backend"], row["ready"], row["reason"]) == ("k8s_ingress", "False", "InvalidHost")


def test_a_door_beside_ome_has_its_url_from_its_condition() -> None:
    running = Running()
    running.settings({}, doorward="conditionType: doorward.io/DoorReady")
    running.add("m")
    (row,) = ask(settled(running), "get", "-o", "json").json
    assert (row["url"], row["ready"]) == ("http://m.a.example.com", "True")


def test_where_another_writes_the_status_doorwards_own_word_is_told(doors: Running) -> None:
    conditions = [
        {"type": "IngressReady", "status": "False", "reason": "Theirs"},
        {"type": "doorward.io/DoorReady", "status": "True", "message": "http://m.a.example.com"},
    ]
    status = {"url": "http://theirs.example.com", "conditions": conditions}
    doors.patch(SERVICE, "m", {"status": status}, subresource="status")
    assert ask(doors, "get", "m").lines[1][3:6] == ["http://m.a.example.com", "True", "-"]


def test_a_component_whose_service_is_gone_is_told_beside_a_door_that_stands(doors: Running) -> None:
    for name in ("m", "n"):
        doors.delete("Service", f"{name}-engine")
    settled(doors)
    assert [line[4:6] for line in ask(doors, "get").lines[1:]] == [
        ["True", "ServiceMissing"],
        ["True", "IngressDisabled, ServiceMissing"],
    ]
    (first, second) = ask(doors, "get", "-o", "json").json
    assert first["missingServices"] == ["m-engine"]
    assert (second["ready"], second["reason"]) == ("True", "IngressDisabled")


def test_a_door_that_waits_for_its_engine_says_so_and_no_more(doors: Running) -> None:
    doors.create(inference_service("new", annotations=RAW))
    settled(doors)
    assert ask(doors, "get", "new").lines[1][4:6] == ["False", "EngineNotReady"]
    assert ask(doors, "get", "new", "-o", "json").json[0]["missingServices"] == ["new-engine"]


def test_where_services_may_not_be_listed_none_is_called_missing(doors: Running) -> None:
    doors.delete("Service", "m-engine")
    doors.fail("list", ApiError(403, "Forbidden", "no"), times=1000, kind="Service")
    (row,) = ask(doors, "get", "m", "-o", "json").json
    assert "missingServices" not in row


def test_a_held_door_of_a_balancer_has_its_backend(doors: Running) -> None:
    balanced = {"ome.io/service-type": "LoadBalancer", "ome.io/disable-ingress": "true"}
    doors.create(component_service("l", "engine"))
    doors.create(inference_service("l", annotations={**RAW, **balanced}, ready=("engine",)))
    settled(doors).patch(SERVICE, "l", {"metadata": {"annotations": {"ome.io/deployment-mode": "None"}}})
    (row,) = ask(settled(doors), "get", "l", "-o", "json").json
    assert (row["reason"], row["backend"]) == ("InvalidDeploymentMode", "loadbalancer")


def test_a_terminal_shows_what_a_tenant_wrote_and_obeys_none_of_it(doors: Running) -> None:
    doors.patch(SERVICE, "m", {"status": {"url": "http://\x1b[2Jm\nb"}}, subresource="status")
    assert r"http://\x1b[2Jm\nb" in ask(doors, "get").out


def test_what_may_not_be_read_is_no_error(doors: Running) -> None:
    doors.fail("list", ApiError(403, "Forbidden", "no"), times=1000, kind="ConfigMap")
    doors.fail("list", ApiError(403, "Forbidden", "no"), times=1000, kind="Gateway.gateway.networking.k8s.io")
    printed = ask(doors, "get", "m")
    assert printed.code == 0
    assert printed.lines[1][:5] == ["a", "m", "k8s_ingress", "http://m.a.example.com", "True"]


def test_no_secret_is_looked_at(doors: Running) -> None:
    body = {"data": {"doorward": "authService: ome/doorward-authz:9191"}}
    doors.store.patch(doors.resource("ConfigMap"), "ome", "inferenceservice-config", body)
    guarded = {"doorward.io/auth": "api-key", "doorward.io/auth-secret": "keys"}
    doors.patch(SERVICE, "m", {"metadata": {"annotations": guarded}})
    asked = doors.fail("list", ApiError(403, "Forbidden", "no"), times=1000, kind="Secret")
    assert ask(doors, "get", "m").code == 0
    assert not asked


def test_a_cluster_that_does_not_answer_is_an_error(doors: Running) -> None:
    doors.fail("list", ApiError(0, "", "connection refused"), times=1000)
    printed = ask(doors, "get")
    assert (printed.code, printed.out) == (2, "")
    assert "connection refused" in printed.err


def test_a_name_that_makes_no_sense_is_an_error(doors: Running) -> None:
    printed = ask(doors, "get", "a/b/c")
    assert (printed.code, printed.err) == (2, "error: 'a/b/c' is no service; write NAME or NAMESPACE/NAME\n")


async def test_watching_tells_each_change_until_interrupted(doors: Running, capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []

    def lines() -> list[dict[str, str]]:
        said.append(capsys.readouterr().out)
        return [orjson.loads(line) for line in "".join(said).splitlines()]

    with reached(doors.cluster):
        question = getting.Question(format="json")
        asked = asyncio.create_task(getting.asked(None, None, question, watch=True))
        await until(lambda: len(lines()) == 2)
        doors.patch(SERVICE, "m", {"status": {"url": "http://elsewhere"}}, subresource="status")
        await until(lambda: len(lines()) == 3)
        doors.delete("Service", "m-engine")
        await until(lambda: len(lines()) == 4)
        doors.delete(SERVICE, "n")
        await until(lambda: len(lines()) == 5)
        os.kill(os.getpid(), signal.SIGINT)
        assert await asyncio.wait_for(asked, PATIENCE) == 0
    assert [(each["service"], each.get("url"), each.get("reason")) for each in lines()[2:]] == [
        ("m", "http://elsewhere", None),
        ("m", "http://elsewhere", None),
        ("n", None, "Deleted"),
    ]
    assert lines()[3]["missingServices"] == ["m-engine"]


def complete(running: Running, words: str) -> list[str]:
    env = {"COMP_WORDS": f"doorward {words}", "COMP_CWORD": str(len(words.split()))}
    return ask(running, _DOORWARD_COMPLETE="complete_bash", **env).out.split()


def test_a_shell_completes_services(doors: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completing, "WITHIN", PATIENCE)
    assert complete(doors, "get m") == ["m"]
    assert complete(doors, "get a/") == ["a/m", "a/n"]
    assert complete(doors, "get -n b m") == []


def test_a_shell_completes_nothing_where_the_cluster_fails(doors: Running) -> None:
    doors.fail("list", ApiError(0, "", "connection refused"), times=1000)
    assert complete(doors, "get m") == []
