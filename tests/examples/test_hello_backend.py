"""``examples/hello_backend``: somebody else's backend, installed as they would, and run through the engine."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from doorward.backends import Backends
from doorward.cluster.embedded import Store
from doorward.engine import Engine
from doorward.model.reference import JsonObject
from doorward.runtime.offline import Clock, Offline
from doorward_daemon.demo.view import rows

from tests.engine.stage import Stage, component_service, definitions, inference_service, settings
from tests.examples import EXAMPLES, load

HELLO = {"ome.io/deployment-mode": "RawDeployment", "ome.io/ingress-class": "hello"}
HELLO_ROUTE = "HelloRoute.hello.example.com"


class HelloStage(Stage):
    """A stage with the example's backend beside those that are installed."""

    def __init__(self) -> None:
        hello = load("hello_backend/hello_backend.py")
        backends = Backends({**{e.name: e.load() for e in entry_points(group="doorward")}, "hello": hello})
        clock = Clock()
        store = Store([*definitions(), hello.HELLO_ROUTE], clock=clock)
        Offline.__init__(self, Engine(backends), store, clock)

    def open(self, name: str = "m", **annotations: str) -> None:
        self.create(component_service(name, "engine"))
        self.create(inference_service(name, annotations={**HELLO, **annotations}, ready=("engine",)))
        self.start()
        self.settle()

    def greet(self, name: str = "m") -> None:
        self.patch(HELLO_ROUTE, "a", name, {"status": {"greeted": True}}, subresource="status")
        self.settle()


@pytest.fixture
def stage() -> HelloStage:
    return HelloStage()


def test_the_demo_names_it_though_nothing_there_knows_of_it(stage: HelloStage) -> None:
    stage.open()
    assert [row.backend for row in rows(stage.engine)] == ["hello"]


def test_its_class_is_opened_by_it(stage: HelloStage) -> None:
    stage.open()
    assert stage.get(HELLO_ROUTE, "a", "m")["spec"] == {
        "hosts": ["m.a.example.com"],
        "routes": [{"prefix": "/", "service": "m-engine", "port": 80}],
    }
    assert stage.ours() == {"HelloRoute/m", "Service/m"}


def test_a_door_is_ready_when_the_gateway_has_taken_its_route(stage: HelloStage) -> None:
    stage.open()
    assert (stage.condition()["status"], stage.condition()["reason"]) == ("False", "Pending")
    stage.greet()
    assert stage.condition()["status"] == "True"
    assert stage.service()["status"]["url"] == "http://m.a.example.com"


def test_what_it_can_not_open_is_said(stage: HelloStage) -> None:
    stage.open(**{"ome.io/deployment-mode": "Serverless"})
    assert stage.condition()["reason"] == "BackendUnsupported"
    assert "Hello doesn't know Knative" in stage.condition()["message"]


def test_its_hosts_are_claimed(stage: HelloStage) -> None:
    stage.open()
    stage.greet()
    stage.create(component_service("n", "engine"))
    template = {"ome.io/ingress-domain-template": "m.a.example.com"}
    stage.create(inference_service("n", annotations={**HELLO, **template}, ready=("engine",)))
    stage.settle()
    assert stage.condition("n")["reason"] == "HostConflict"


def test_a_held_door_keeps_the_hosts_that_it_may_keep(stage: HelloStage) -> None:
    stage.open(**{"ome.io/ingress-additional-domains": "apps.example.com"})
    stage.patch("InferenceService.ome.io", "a", "m", {"spec": {"engine": {"timeoutSeconds": "soon"}}})
    stage.create(settings(doorward="namespaceDomains: {a: [apps.example.com]}"))
    stage.settle()
    assert stage.condition()["reason"] == "InvalidSpec"
    assert stage.get(HELLO_ROUTE, "a", "m")["spec"]["hosts"] == ["m.a.apps.example.com"]


def test_its_package_is_found_once_it_is_installed(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=EXAMPLES / "hello_backend", check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    service = inference_service("m", annotations=HELLO)
    command = [sys.executable, "-m", "doorward_daemon", "render", "--simulate", "-f", "-"]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(command, input=yaml.safe_dump(service), env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    objects: list[JsonObject] = yaml.safe_load(done.stdout)["items"]
    assert [o["metadata"]["name"] for o in objects if o["kind"] == "HelloRoute"] == ["m"]
