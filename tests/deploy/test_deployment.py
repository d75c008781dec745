"""The Deployment of ``deploy/doorward.yaml`` starts a daemon that exists, and asks it what it answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
import yaml
from doorward.model.reference import JsonObject
from doorward_daemon.commands import app

from tests.conftest import Kubectl

DEPLOY = Path(__file__).parents[2] / "deploy" / "doorward.yaml"


@pytest.fixture
def container() -> JsonObject:
    deployment = next(doc for doc in yaml.safe_load_all(DEPLOY.read_text()) if doc["kind"] == "Deployment")
    found: JsonObject = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def test_its_arguments_are_understood(container: JsonObject) -> None:
    program, command, *arguments = container["args"]
    group = typer.main.get_command(app)
    assert (program, group.name) == ("doorward", "doorward")
    context = group.make_context("doorward", [command, *arguments], resilient_parsing=True)
    run = group.get_command(context, command)  # type: ignore[attr-defined]
    assert run.make_context(command, arguments).params["journal"] == "/var/lib/doorward/journal.sqlite"


def test_it_writes_only_where_there_is_a_volume(container: JsonObject) -> None:
    journal = Path(container["args"][-1].removeprefix("--journal="))
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert str(journal.parent) in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_it_is_known_by_the_name_of_its_pod(container: JsonObject) -> None:
    fields = {each["name"]: each["valueFrom"]["fieldRef"]["fieldPath"] for each in container["env"]}
    assert fields == {"POD_NAMESPACE": "metadata.namespace", "POD_NAME": "metadata.name"}


def test_its_probes_ask_what_the_daemon_answers(container: JsonObject) -> None:
    paths = [container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")]
    assert paths == ["/healthz", "/readyz"]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]


@pytest.mark.cluster
def test_a_real_api_server_takes_all_of_it(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin="{apiVersion: v1, kind: Namespace, metadata: {name: ome}}")
    # Strict: a field that the server doesn't know is an error.
    told = kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=DEPLOY.read_text())
    assert len(told.splitlines()) == 8
