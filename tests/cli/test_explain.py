"""``doorward explain``."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from doorward.cluster.embedded import Request
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject
from doorward_daemon.asking import journals

from tests.cli.asking import Asked, ask, settled
from tests.engine.stage import component_service, inference_service
from tests.shell.running import INGRESS, RAW, SERVICE, Running

SETTINGS = """\
# The settings.
apiVersion: v1
kind: ConfigMap
metadata: {name: inferenceservice-config, namespace: ome}
data:
  deploy: '{"defaultDeploymentMode": "RawDeployment"}'
  ingress: |
    {
      "ingressDomain": "models.example.org",
      "urlScheme": "https"
    }
  doorward: |
    ingress:
      pathTemplate: /x/{{.Name}}
"""
LLAMA = """\
apiVersion: ome.io/v1beta1
kind: InferenceService
metadata:
  name: llama
  namespace: chat
  annotations:
    ome.io/ingress-class: nginx
    ome.io/ingress-domain-template: "{{.Name}}.{{.IngressDomain}}"
spec:
  engine: {}
"""


@pytest.fixture
def doors(capsys: pytest.CaptureFixture[str]) -> Running:
    running = Running()
    running.settings({"ingressDomain": "example.org"}, doorward="overlapSeconds: 0")
    running.add("m")
    settled(running)
    capsys.readouterr()
    return running


def add_elsewhere(doors: Running, name: str, namespace: str) -> None:
    doors.create(component_service(name, "engine", namespace))
    doors.create(inference_service(name, namespace, annotations=RAW, ready=("engine",)))


def because(printed: Asked, part: str, value: str = "") -> list[JsonObject]:
    found = [each for each in printed.json["parts"] if each["part"] == part and value in ("", each["value"])]
    assert len(found) == 1, printed.out
    places: list[JsonObject] = found[0]["because"]
    return places


def test_each_part_has_its_cause_and_each_object_its_state(doors: Running) -> None:
    printed = ask(doors, "explain", "m")
    assert (printed.code, printed.err) == (0, "")
    lines = [line.split("   ") for line in printed.out.splitlines()]
    assert lines[0] == ["InferenceService a/m  http://m.a.example.org  True"]
    told = {line[0]: [cell.strip() for cell in line[1:] if cell.strip()] for line in lines if len(line) > 1}
    assert told["PART"] == ["VALUE", "BECAUSE"]
    assert told["class"] == ["istio", "setting ingressClassName (default)"]
    domain = "ConfigMap ome/inferenceservice-config, key ingress, field ingressDomain"
    assert told["host"][0] == "m.a.example.org"
    assert told["host"][1].startswith(f"setting domainTemplate (default); setting ingressDomain ({domain}; by ")
    assert told["Ingress a/m"] == ["k8s_ingress", "stands"]
    assert told["Service a/m"] == ["cluster_local", "stands"]


def test_who_wrote_an_annotation_and_when_is_told(doors: Running) -> None:
    body = {"metadata": {"annotations": {"ome.io/ingress-class": "nginx"}}}
    doors.patch(SERVICE, "m", body, field_manager="kubectl-annotate")
    printed = ask(doors, "explain", "a/m", "-o", "json")
    (place,) = because(printed, "class")
    assert (place["cause"], place["manager"]) == ("annotation ome.io/ingress-class", "kubectl-annotate")
    assert (place["object"], place["field"], place["value"]) == (
        "InferenceService a/m",
        "metadata.annotations",
        "nginx",
    )
    assert place["at"].endswith("Z")


def test_what_is_about_to_happen_to_an_object_is_told(doors: Running) -> None:
    before = doors.store.resource_version
    doors.delete(INGRESS, "m")
    doors.patch(SERVICE, "m", {"metadata": {"annotations": {"ome.io/disable-ingress": "true"}}})
    states = {each["name"]: each for each in ask(doors, "explain", "m", "-o", "json").json["objects"]}
    assert states["m"]["state"] == "stands"
    doors.patch(SERVICE, "m", {"metadata": {"annotations": {"ome.io/disable-ingress": None}}})
    told = [each["state"] for each in ask(doors, "explain", "m", "-o", "yaml").yaml["objects"]]
    assert told == ["to be created: the door opens", "stands"]
    assert int(doors.store.resource_version) == int(before) + 3


def test_a_refusal_is_told_with_the_place_that_it_names(doors: Running) -> None:
    doors.patch(SERVICE, "m", {"metadata": {"annotations": {"ome.io/ingress-domain": "No_Good"}}}, field_manager="joe")
    printed = ask(settled(doors), "explain", "m")
    assert printed.code == 1
    lines = printed.out.splitlines()
    refusal = next(n for n, line in enumerate(lines) if line.startswith("refused: InvalidHost: annotation ome.io/"))
    assert lines[refusal + 1].startswith("  annotation ome.io/ingress-domain (metadata.annotations; by joe ")
    annotate = "kubectl -n a annotate inferenceservices.ome.io m "
    assert lines[refusal + 2].startswith(
        f"  to put it right: {annotate}--overwrite ome.io/ingress-domain=DOMAIN  # now 'No_Good': "
    )
    (obstacle,) = ask(doors, "explain", "m", "-o", "json").json["obstacles"]
    assert obstacle["remedy"][1].startswith(f"{annotate}ome.io/ingress-domain-  # or do without")
    assert "Ingress a/m   -         stands, and is held" in lines


def test_a_host_that_is_denied_is_told(doors: Running) -> None:
    body = {"data": {"doorward": "namespaceDomains: {a: [example.net]}"}}
    doors.store.patch(doors.resource("ConfigMap"), "ome", "inferenceservice-config", body)
    printed = ask(doors, "explain", "m", "-o", "json")
    assert printed.code == 1
    (denied,) = [each for each in printed.json["obstacles"] if each["sort"] == "denied"]
    assert denied["reason"] == "DomainNotAllowed"
    (place,) = denied["places"]
    assert (place["cause"], place["field"]) == ("setting namespaceDomains", "key doorward, field namespaceDomains")


def test_a_component_that_is_not_ready_is_waited_for(doors: Running) -> None:
    doors.patch(SERVICE, "m", {"spec": {"decoder": {}}})
    printed = ask(doors, "explain", "m")
    assert printed.code == 0
    assert "waits: DecoderNotReady: " in printed.out


def test_the_journal_tells_with_which_record_a_cause_came_to_be(doors: Running, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    settled(doors, journal=journal)
    doors.patch(SERVICE, "m", {"metadata": {"annotations": {"ome.io/ingress-class": "nginx"}}})
    settled(doors, journal=journal)
    printed = ask(doors, "explain", "m", "--journal", journal, "-o", "json")
    (place,) = because(printed, "class")
    (edit,) = [
        each
        for each in ask(doors, "log", "a/m", "--journal", journal, "-o", "json").json
        if each["what"] == "annotation ome.io/ingress-class: nginx"
    ]
    assert (place["record"], place["recorded"]) == (edit["record"], edit["time"])
    (mode,) = because(printed, "mode")
    assert mode["record"] < place["record"]
    assert because(printed, "host")[1]["record"] < place["record"]


def test_files_are_explained_by_their_lines_without_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    (tmp_path / "llama.yaml").write_text(LLAMA)
    running = Running()
    running.fail("list", ApiError(0, "", "no cluster is asked"), times=1000)
    printed = ask(running, "explain", "chat/llama", "-f", tmp_path, "-o", "json")
    assert (printed.code, printed.err) == (0, "")

    def lines(part: str) -> list[tuple[str, int]]:
        return [(Path(each["file"]).name, each["line"]) for each in because(printed, part)]

    assert lines("class") == [("llama.yaml", 7)]
    assert lines("host") == [("llama.yaml", 8), ("settings.yaml", 9)]
    assert lines("mode") == [("settings.yaml", 6)]
    assert lines("scheme") == [("settings.yaml", 10)]
    assert lines("path") == [("settings.yaml", 14), ("settings.yaml", 9)]
    assert lines("route /") == [("llama.yaml", 10)]
    text = ask(running, "explain", "llama", "-n", "chat", "-f", tmp_path / "llama.yaml").out
    assert f"annotation ome.io/ingress-class ({tmp_path / 'llama.yaml'}, line 7)" in text


def test_a_list_as_kubectl_prints_it_has_lines_too() -> None:
    indented = LLAMA.replace("\n", "\n  ").rstrip()
    text = f"apiVersion: v1\nkind: List\nitems:\n- {indented}\n"
    printed = ask(None, "explain", "chat/llama", "-f", "-", "-o", "json", stdin=text)
    assert because(printed, "class")[0]["line"] == 10


def test_without_settings_nothing_is_decided_and_that_is_said(doors: Running) -> None:
    doors.fail("list", ApiError(403, "Forbidden", "not for you"), times=1000, kind="ConfigMap")
    printed = ask(doors, "explain", "m")
    assert "note: ConfigMap may not be listed; what depends on it can't be told" in printed.err
    assert "refused: InvalidSettings: ConfigMap ome/inferenceservice-config may not be read" in printed.out
    assert "edit configmap" not in printed.out


def reject(doors: Running) -> None:
    ingress = '{"ingressDomain": "elsewhere.example.org", "urlScheme": "ftp"}'
    body = {"data": {"ingress": ingress}}
    doors.store.patch(doors.resource("ConfigMap"), "ome", "inferenceservice-config", body, field_manager="joe")


def test_what_keeps_settings_from_counting_is_told_and_that_the_last_good_ones_are_out_of_sight(doors: Running) -> None:
    reject(doors)
    printed = ask(doors, "explain", "m")
    assert printed.code == 2
    lines = printed.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("refused: InvalidSettings: "))
    assert "key ingress, field urlScheme: " in lines[at]
    assert lines[at + 1].startswith("  ConfigMap ome/inferenceservice-config, key ingress (by joe ")
    assert "holds to the last good settings" in lines[at + 2]
    assert "--journal" in lines[at + 2]
    assert lines[at + 2].endswith("to put it right: kubectl -n ome edit configmap inferenceservice-config")
    assert "Ingress a/m" in printed.out
    told = ask(doors, "explain", "m", "-o", "json").json
    assert told["settings"] == {"state": "none"}
    assert [each["sort"] for each in told["obstacles"]] == ["refused"]


def test_the_journal_tells_the_last_good_settings_and_the_answer_goes_by_those(doors: Running, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    settled(doors, journal=journal)
    good = ask(doors, "explain", "m", "--journal", journal, "-o", "json").json
    assert good["settings"] == {"state": "newest"}
    reject(doors)
    settled(doors, journal=journal)
    printed = ask(doors, "explain", "m", "--journal", journal, "-o", "json")
    assert printed.code == 0
    told = printed.json
    assert [each["value"] for each in told["parts"]] == [each["value"] for each in good["parts"]]
    domain = because(printed, "host")[1]
    assert domain["object"] == "last good ConfigMap ome/inferenceservice-config"
    assert (domain["field"], "manager" in domain) == ("key ingress, field ingressDomain", False)
    assert told["settings"] == {"state": "last good", "record": domain["record"], "time": domain["recorded"]}
    obstacle = told["obstacles"][0]
    assert (obstacle["sort"], obstacle["reason"]) == ("warning", "InvalidSettings")
    assert f"this answer goes by those: record {domain['record']}, {domain['recorded']}; " in obstacle["note"]
    assert [each["state"] for each in told["objects"]] == ["stands", "stands"]


def test_settings_that_were_deleted_are_known_by_the_journal_alone(doors: Running, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    settled(doors, journal=journal)
    doors.store.delete(doors.resource("ConfigMap"), "ome", "inferenceservice-config")
    printed = ask(doors, "explain", "m")
    assert "note: there is no ConfigMap ome/inferenceservice-config: this answer goes by the defaults" in printed.err
    printed = ask(doors, "explain", "m", "--journal", journal, "-o", "json")
    assert because(printed, "host")[0]["cause"] == "setting domainTemplate"
    assert printed.json["parts"] != []
    assert printed.json["settings"]["state"] == "last good"
    assert "was deleted" in printed.json["obstacles"][0]["message"]


def test_a_component_whose_service_is_gone_is_told_at_its_route_with_what_to_do(doors: Running) -> None:
    doors.delete("Service", "m-engine")
    printed = ask(settled(doors), "explain", "m")
    assert printed.code == 0
    assert "engine: Service m-engine:80 isn't in the cluster" in printed.out
    lines = printed.out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("missing: ServiceMissing: Service a/m-engine of "))
    assert lines[at + 1].endswith("kubectl -n a describe inferenceservices.ome.io m")
    told = ask(doors, "explain", "m", "-o", "json").json
    (route,) = [each for each in told["parts"] if each["part"] == "route /"]
    assert (route["value"], route["problem"]) == ("engine: Service m-engine:80", "isn't in the cluster")
    assert told["door"]["missingServices"] == ["m-engine"]


def test_a_class_that_is_not_there_is_told_where_it_can_be_told(doors: Running) -> None:
    told = "missing: IngressClassMissing: Ingress a/m names class istio, and there is no IngressClass istio: "
    printed = ask(doors, "explain", "m")
    assert (printed.code, told in printed.out) == (0, True)
    kinds = doors.resource("IngressClass.networking.k8s.io")
    made = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "istio"}}
    doors.store.create(kinds, "", {**made, "spec": {"controller": "istio.io/ingress-controller"}})
    assert "IngressClassMissing" not in ask(doors, "explain", "m").out


def test_a_class_is_not_called_missing_where_classes_may_not_be_seen(doors: Running) -> None:
    doors.fail("list", ApiError(403, "Forbidden", "not for you"), times=1000, kind="IngressClass.networking.k8s.io")
    assert "IngressClassMissing" not in ask(doors, "explain", "m").out


def test_a_service_that_may_not_be_seen_is_not_called_missing(doors: Running) -> None:
    doors.delete("Service", "m-engine")
    settled(doors)
    doors.fail("list", ApiError(403, "Forbidden", "not for you"), times=1000, kind="Service")
    assert "isn't in the cluster" not in ask(doors, "explain", "m").out


def test_who_may_read_one_namespace_is_told_of_that_one(doors: Running) -> None:
    def refuse(request: Request, *_: object) -> None:
        if request.verb == "list" and not request.namespace:
            raise ApiError(403, "Forbidden", "not everywhere")

    doors.store.faults.before.append(refuse)
    printed = ask(doors, "explain", "m")
    assert "note: only namespace a may be read: hosts of others are out of sight" in printed.err
    assert "Ingress a/m   k8s_ingress     stands" in printed.out


def test_every_door_is_told_under_a_heading_of_its_own(doors: Running) -> None:
    add_elsewhere(doors, "n", "b")
    doors.patch(SERVICE, "m", {"metadata": {"annotations": {"ome.io/ingress-domain": "No_Good"}}})
    printed = ask(settled(doors), "explain", "-A")
    lines = printed.out.splitlines()
    heads = [n for n, line in enumerate(lines) if line.startswith("InferenceService ")]
    assert [lines[n].split()[1] for n in heads] == ["a/m", "b/n"]
    assert lines[heads[1] - 1] == ""
    assert [line for line in lines[heads[1] :] if line.startswith("Service b/n")]
    assert printed.code == 1
    told = ask(doors, "explain", "-A", "-o", "json").json
    assert [each["door"]["service"] for each in told] == ["m", "n"]
    assert told[0] == ask(doors, "explain", "m", "-o", "json").json


def test_without_a_name_the_doors_of_the_namespace_are_told(doors: Running) -> None:
    add_elsewhere(doors, "n", "b")
    settled(doors)
    assert [each["door"]["service"] for each in ask(doors, "explain", "-o", "json").json] == ["m"]
    assert [each["door"]["service"] for each in ask(doors, "explain", "-n", "b", "-o", "yaml").yaml] == ["n"]
    several = ask(doors, "explain", "m", "b/n", "b/q", "-o", "json")
    assert [each["door"]["service"] for each in several.json] == ["m", "n"]
    assert (several.code, several.err.splitlines()[-1]) == (2, "error: there is no service b/q")
    nobody = ask(doors, "explain", "-n", "nowhere")
    assert (nobody.code, nobody.out, nobody.err) == (0, "", "no services in namespace nowhere (-A: all of them)\n")


def test_where_no_service_may_be_seen_that_there_is_none_is_no_answer(doors: Running) -> None:
    doors.fail("list", ApiError(403, "Forbidden", "not for you"), times=1000, kind=SERVICE)
    printed = ask(doors, "explain", "-A", "-o", "json")
    assert (printed.code, printed.json) == (2, [])


def test_what_is_wrong_with_the_settings_is_said_once_of_many_doors(doors: Running, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    add_elsewhere(doors, "n", "b")
    settled(doors, journal=journal)
    reject(doors)
    printed = ask(doors, "explain", "-A", "--journal", journal)
    assert printed.out.count("InvalidSettings") == 1
    assert printed.out.startswith("warning: InvalidSettings: ")
    assert printed.code == 0
    told = ask(doors, "explain", "-A", "--journal", journal, "-o", "json").json
    assert [each["obstacles"][0]["reason"] for each in told] == ["InvalidSettings"] * 2


def test_the_journal_is_read_once_however_many_doors_are_told(doors: Running, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    add_elsewhere(doors, "n", "b")
    settled(doors, journal=journal)
    for namespace, name in (("a", "m"), ("b", "n")):
        body = {"metadata": {"annotations": {"ome.io/ingress-class": "nginx"}}}
        doors.store.patch(doors.resource(SERVICE), namespace, name, body)
        settled(doors, journal=journal)
    with patch.object(journals, "whole", wraps=journals.whole) as read:
        told = ask(doors, "explain", "-A", "--journal", journal, "-o", "json").json
    assert read.call_count == 2, "once for the last good settings, once for all doors"
    records = [
        place["record"]
        for each in told
        for part in each["parts"]
        if part["part"] == "class"
        for place in part["because"]
        if place["cause"] == "annotation ome.io/ingress-class"
    ]
    assert len(set(records)) == 2


def test_all_doors_of_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(LLAMA)
    (tmp_path / "two.yaml").write_text(LLAMA.replace("name: llama", "name: qwen").replace("chat", "other"))
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    for everywhere in ([], ["-A"]):
        printed = ask(None, "explain", *everywhere, "-f", tmp_path, "-o", "json")
        assert [each["door"]["service"] for each in printed.json] == ["llama", "qwen"]
    assert len(ask(None, "explain", "-n", "other", "-f", tmp_path, "-o", "json").json) == 1


@pytest.mark.parametrize("arguments", [["q"], ["b/m"]], ids=" ".join)
def test_a_service_that_is_not_there_is_told(doors: Running, arguments: list[str]) -> None:
    printed = ask(doors, "explain", *arguments)
    assert (printed.code, printed.out) == (2, "")
    assert "error: there is no service " in printed.err


@pytest.mark.parametrize("arguments", [["mm"], ["a/mm"], ["aa/m"]], ids=" ".join)
def test_a_service_of_nearly_that_name_is_suggested(arguments: list[str]) -> None:
    world = Running()
    world.settings()
    world.add("n", "llama")
    typed = [each.replace("mm", "lama").replace("/m", "/llama") for each in arguments]
    for command in ("explain", "get"):
        printed = ask(world, command, *typed, *(["-A"] if command == "get" else []))
        assert printed.err.endswith("; did you mean a/llama?\n")
    assert "did you mean" not in ask(world, "explain", "other").err
