"""``doorward plugins``."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
from doorward.backends import Backends
from doorward.hooks import hookimpl
from doorward.model.door import Door, Rendering
from doorward.runtime.permissions import backend_rules
from doorward_daemon.asking import installed

from tests.cli.asking import ask


def test_each_plugin_is_named_with_what_it_opens() -> None:
    printed = ask(None, "plugins")
    assert (printed.code, printed.err) == (0, "")
    assert printed.lines[0] == list(installed.COLUMNS)
    opens = {line[0]: line[-1] for line in printed.lines[1:]}
    assert opens["istio"] == "Serverless"
    assert opens["gateway_api"] == "RawDeployment, MultiNode with enableGatewayAPI"
    assert opens["k8s_ingress"] == "RawDeployment, MultiNode; Serverless of another ingress class"
    assert opens["loadbalancer"] == "LoadBalancer, NodePort by a Service"
    assert opens["ome"] == "-"


def test_programs_are_told_kinds_and_rights() -> None:
    told = {each["name"]: each for each in ask(None, "plugins", "-o", "json").json}
    assert told == {each["name"]: each for each in ask(None, "plugins", "-o", "yaml").yaml}
    assert told["istio"]["writes"] == ["VirtualService.networking.istio.io"]
    assert told["istio"]["rights"] == backend_rules(Backends(), "istio")
    assert told["kserve"]["kind"] == "source"
    assert told["ome"]["version"] == "0.1.0"


class Claiming:
    @staticmethod
    @hookimpl
    def select(door: Door) -> str | None:
        return "pigeon_post" if door.ingress_class == "pigeon-post" else None


def others(monkeypatch: pytest.MonkeyPatch, **modules: str) -> None:
    entries = [EntryPoint(name, value, "doorward") for name, value in modules.items()]
    monkeypatch.setattr(installed, "entry_points", lambda **_: entries)


def test_a_class_of_a_backends_own_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    others(monkeypatch, pigeon_post=f"{__name__}:Claiming", istio="doorward_istio")
    told = {each["name"]: each for each in ask(None, "plugins", "-o", "json").json}
    assert told["pigeon_post"]["opens"] == ["Serverless, RawDeployment, MultiNode of ingress class pigeon-post"]


def test_a_plugin_that_cannot_be_used_says_why_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    others(monkeypatch, broken="no_such_module", istio="doorward_istio")
    printed = ask(None, "plugins")
    assert printed.code == 1
    assert "ModuleNotFoundError: No module named 'no_such_module'" in printed.lines[1][-1]
    assert printed.lines[2][0] == "istio"


class Refusing(Claiming):
    @staticmethod
    @hookimpl
    def render(door: Door) -> Rendering | None:
        if door.backend != "pigeon_post":
            return None
        return Rendering(refused="pigeons don't know Knative" if door.serverless else "")


def test_what_a_backend_refuses_when_it_is_to_render_it_is_not_told_as_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    others(monkeypatch, pigeon_post=f"{__name__}:Refusing", istio="doorward_istio")
    told = {each["name"]: each for each in ask(None, "plugins", "-o", "json").json}
    assert told["pigeon_post"]["opens"] == ["RawDeployment, MultiNode of ingress class pigeon-post"]
    assert told["istio"]["opens"] == ["Serverless"]
