"""``doorward plugin rights``: what a backend has to be allowed, and nothing else."""

from __future__ import annotations

import yaml
from doorward.backends import Backends
from doorward.model.reference import JsonObject
from doorward.runtime.permissions import backend_rules, cluster_rules
from doorward_daemon.commands import app
from typer.testing import CliRunner, Result


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plugin", "rights", *arguments])


def allowed(rules: list[JsonObject]) -> set[tuple[str, str, str]]:
    return {(r["apiGroups"][0], resource, verb) for r in rules for resource in r["resources"] for verb in r["verbs"]}


def test_a_role_and_its_binding_are_printed() -> None:
    result = run("k8s_ingress", "--namespace", "doors", "--service-account", "opener")
    assert result.exit_code == 0, result.output
    role, binding = yaml.safe_load_all(result.stdout)
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "doorward-k8s-ingress"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "opener", "namespace": "doors"}]
    assert ("networking.k8s.io", "ingresses", "create") in allowed(role["rules"])
    assert not [right for right in allowed(role["rules"]) if right[0] == "networking.istio.io"]


def test_what_backends_need_and_what_the_engine_needs_is_all_that_is_needed() -> None:
    backends = Backends()
    parts = [allowed(backend_rules(backends, name)) for name in backends.by_name]
    assert set().union(*parts) | allowed(cluster_rules(Backends({}))) == allowed(cluster_rules(backends))


def test_a_backend_that_is_not_installed_is_named_with_those_that_are() -> None:
    result = run("nobody")
    assert result.exit_code == 2
    assert "no backend 'nobody' is installed" in result.stderr
    assert "k8s_ingress" in result.stderr
