"""What the kit tries on a real API server, on the backends that come with doorward and on wrong ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import yaml
from doorward.hooks import Door, Watch, hookimpl
from doorward.testing import Evaluator, pytest_plugin
from doorward.testing.conformance import served
from doorward.testing.conformance.report import RULES, Finding, Report, try_rule
from doorward.testing.conformance.rule import Rule
from doorward.testing.conformance.subject import Subject

from tests.conformance.greeting import GREETING, Greeting, GreetingEvaluator
from tests.conformance.test_built_in import BUILT_IN
from tests.controlplane.definitions import CRDS
from tests.controlplane.providers import ApiServer

DEFINITION = yaml.safe_load("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: greetings.hello.example.com}
spec:
  group: hello.example.com
  names: {kind: Greeting, plural: greetings}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              hosts: {type: array, items: {type: string}}
              routes:
                type: array
                items: {type: object, properties: {prefix: {type: string}, service: {type: string}}}
              tone: {type: object, properties: {language: {type: string, default: en}}}
          status: {type: object, properties: {greeted: {type: boolean}}}
""")

by_rule = pytest.mark.parametrize("rule", served.RULES, ids=lambda rule: rule.name.replace(" ", "-"))


def tried(rule: Rule, server: ApiServer, backend: Greeting) -> Finding:
    more = {"kubeconfig": server.kubeconfig, "definitions": [DEFINITION]}
    return try_rule(rule, Subject("greeting", GreetingEvaluator(), backend, examples=10, **more))


RULES_ON_A_SERVER = [rule.name for rule in served.RULES]


def rule(name: str) -> Rule:
    return next(rule for rule in RULES if rule.name == name)


@pytest.mark.cluster
@by_rule
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_backend_that_comes_with_doorward_keeps_its_promise(name: str, rule: Rule, ome_api_server: ApiServer) -> None:
    evaluator: Evaluator = BUILT_IN[name]
    more: Any = {"kubeconfig": ome_api_server.kubeconfig, "definitions": evaluator.definitions}
    finding = try_rule(rule, Subject(name, evaluator, **more))
    assert finding.outcome == "kept", finding.what


@pytest.mark.cluster
@by_rule
def test_a_backend_with_definitions_of_its_own_keeps_its_promise(rule: Rule, ome_api_server: ApiServer) -> None:
    finding = tried(rule, ome_api_server, Greeting())
    assert finding.outcome == "kept", finding.what


class NeedsARight(Greeting):
    @hookimpl
    def watches(self) -> Sequence[Watch]:
        verbs = ("list", "watch", "create", "delete")
        return (Watch(resource=GREETING, verbs=verbs, owned="spec", hosts=("hosts",)),)


class MayNotLook(Greeting):
    @hookimpl
    def watches(self) -> Sequence[Watch]:
        verbs = ("create", "patch", "delete")
        return (Watch(resource=GREETING, verbs=verbs, owned="spec", hosts=("hosts",)),)


class WritesAFieldThatIsDropped(Greeting):
    def greeting(self, door: Door) -> dict[str, Any]:
        made = super().greeting(door)
        made["spec"]["mood"] = "friendly"
        return made


class LeavesADefaultOut(Greeting):
    def greeting(self, door: Door) -> dict[str, Any]:
        made = super().greeting(door)
        made["spec"]["tone"] = {}
        return made


class WritesWhatIsRefused(Greeting):
    def greeting(self, door: Door) -> dict[str, Any]:
        made = super().greeting(door)
        made["spec"]["tone"] = "friendly"
        return made


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("backend", "broken", "word"),
    [
        (NeedsARight, "rights on a server", "patch of a Greeting.hello.example.com is forbidden"),
        (MayNotLook, "rights on a server", "list and watch of Greeting.hello.example.com aren't among the verbs"),
        (WritesAFieldThatIsDropped, "canonical on a server", "spec.mood is dropped"),
        (LeavesADefaultOut, "canonical on a server", "spec.tone.language becomes 'en' by default"),
        (WritesWhatIsRefused, "canonical on a server", "the server refuses Greeting.hello.example.com"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_wrong_with_a_backend_is_named(
    backend: type[Greeting], broken: str, word: str, ome_api_server: ApiServer
) -> None:
    finding = tried(rule(broken), ome_api_server, backend())
    assert finding.outcome == "broken"
    assert word in finding.what


@pytest.fixture(scope="module", name="installed")
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where that backend is installed, with a file of its definition."""
    folder = tmp_path_factory.mktemp("greeting")
    about = folder / "greeting-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[doorward]\ngreeting = greeting_backend:BACKEND\n")
    module = "from tests.conformance.greeting import Greeting\n\nBACKEND = Greeting()\n"
    (folder / "greeting_backend.py").write_text(module)
    (folder / "greeting.yaml").write_text(yaml.safe_dump(DEFINITION))
    return folder


def on_the_command_line(folder: Path, *options: object) -> subprocess.CompletedProcess[str]:
    """Have pytest try what needs a server."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "server", "--doorward-backend=greeting"]
    command += ["--doorward-evaluator=tests.conformance.greeting:GreetingEvaluator", "--doorward-examples=10"]
    paths = os.pathsep.join((str(folder), str(Path(__file__).parents[2])))
    environ = {**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1", "COLUMNS": "200"}
    done = [*command, *map(str, options)]
    return subprocess.run(done, cwd=folder, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.cluster
def test_the_server_and_its_definitions_are_named_on_the_command_line(
    installed: Path, ome_api_server: ApiServer
) -> None:
    files = (installed / "greeting.yaml", CRDS / "ome" / "inferenceservices-open.yaml")
    named = [f"--doorward-definitions={file}" for file in files]
    report = installed / "report.json"
    server = f"--doorward-kubeconfig={ome_api_server.kubeconfig}"
    done = on_the_command_line(installed, server, *named, f"--doorward-report={report}")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {each["rule"]: each["outcome"] for each in orjson.loads(report.read_bytes())["findings"]}
    assert {name: found.get(name) for name in RULES_ON_A_SERVER} == dict.fromkeys(RULES_ON_A_SERVER, "kept")


class Options:
    """The options of a command line, as pytest gives them to plugins."""

    def __init__(self, **told: Any) -> None:
        self.told = {"evaluator": "tests.conformance.greeting:GreetingEvaluator", "definitions": [], **told}

    def getoption(self, name: str) -> Any:
        return self.told.get(name.removeprefix("doorward_"))

    def getini(self, name: str) -> str:
        return ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"definitions": ["nowhere.yaml"]}, "--doorward-definitions nowhere.yaml: "),
        ({"kubeconfig": "nowhere"}, "--doorward-kubeconfig nowhere: there is no such file"),
    ],
    ids=["definitions", "kubeconfig"],
)
def test_a_file_that_is_of_no_use_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(pytest.UsageError, match=words):
        pytest_plugin._subject(cast(pytest.Config, Options(**options)), "greeting")


def test_what_is_no_definition_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rights.yaml"
    file.write_text("kind: Role\n---\nkind: RoleBinding\n")
    with pytest.raises(pytest.UsageError, match=r"rights\.yaml: Role is no CustomResourceDefinition"):
        pytest_plugin._read(file)


@by_rule
def test_without_an_api_server_it_is_not_tried_and_not_kept(rule: Rule) -> None:
    finding = try_rule(rule, Subject("greeting", GreetingEvaluator(), Greeting()))
    assert (finding.outcome, finding.what) == (
        "not tried",
        "there is no API server; name one: --doorward-kubeconfig=FILE",
    )
    report = Report(backend="greeting", findings=(finding,))
    assert report.kept == (0, 0)
    assert report.to_text().endswith("1 wasn't tried")
