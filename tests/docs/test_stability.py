"""What is promised to those who build on doorward (docs/stability.md, What is public)."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pluggy
import pytest
from doorward import hooks
from doorward.backends import Backends
from doorward.hooks import Deprecated, Watch, hookimpl
from doorward.model.door import Claim, Door, Rendering, Standing, Warning, manifest
from doorward.model.reference import Resource
from doorward_daemon import logs

from tests.docs.promised import FOLDER, NAMES, implementable

VERSIONS = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", VERSIONS, ids=lambda file: file.stem)
@pytest.mark.parametrize("what", NAMES)
def test_what_a_version_promised_is_there(file: Path, what: str) -> None:
    """Before a version is released, its file is written anew: ``python -m tests.docs.promised``."""
    assert set(json.loads(file.read_text())[what]) - NAMES[what]() == set()


def test_a_version_has_promised_something_of_each() -> None:
    assert VERSIONS
    assert all(json.loads(file.read_text())[what] for file in VERSIONS for what in NAMES)


class AsOldAsTheFirst:
    """A backend as it could be written for 0.1, with no argument and no field that it doesn't need."""

    RESOURCE = Resource("Old.example.com", "olds")

    @hookimpl
    def watches(self) -> Sequence[Watch]:
        verbs = ("list", "watch", "create", "patch", "delete")
        return [Watch(resource=self.RESOURCE, verbs=verbs, owned="spec")]

    @hookimpl
    def select(self, door: Door) -> str | None:
        return "old" if door.ingress_class == "old" else None

    @hookimpl
    def render(self, door: Door) -> Rendering:
        objects = (manifest("example.com/v1", "Old", door.name, {"hosts": list(door.hosts)}),)
        return Rendering(objects=objects, warnings=(Warning("Old", "it is old"),))

    @hookimpl
    def claims(self, manifest: dict[str, dict[str, list[str]]]) -> Sequence[Claim]:
        return [Claim(host) for host in manifest["spec"]["hosts"]]

    @hookimpl
    def status(self) -> Standing:
        return Standing()


def test_a_backend_needs_no_argument_and_no_field_that_came_later() -> None:
    backends = Backends({"old": AsOldAsTheFirst()})
    door = Door(namespace="a", name="m", ingress_class="old", hosts=("m.example.com",))
    assert backends.select(door, door.settings) == "old"
    rendering = backends.by_name["old"].render(door, {}.get)
    assert rendering is not None
    assert [claim.host for claim in backends.claims("Old.example.com", rendering.objects[0])] == ["m.example.com"]
    assert backends.by_name["old"].status(door, {}).state == "accepted"


def test_every_hook_says_since_when_it_is_there() -> None:
    named = {name for name in implementable() if "(" not in name}
    assert named
    assert {name for name in named if ".. versionadded:: " not in (getattr(hooks, name).__doc__ or "")} == set()


def test_a_hook_that_is_to_go_is_told_to_authors_and_operators(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = pluggy.HookspecMarker("doorward")
    said = Deprecated("hook old is to go in 0.3; implement new")

    @marker(warn_on_impl=said)
    def old(door: Door) -> None:
        """A hook that is to go."""

    @marker(warn_on_impl_args={"kind": Deprecated("argument kind is to go")})
    def other(kind: str) -> None:
        """A hook with an argument that is to go."""

    manager = pluggy.PluginManager("doorward")
    manager.add_hookspecs(SimpleNamespace(old=old, other=other))
    plugin = SimpleNamespace(old=hookimpl(lambda door: door), other=hookimpl(lambda kind: kind))
    with pytest.warns(Deprecated) as told:
        manager.register(plugin)
    assert [str(each.message) for each in told] == [str(said), "argument kind is to go"]
    with warnings.catch_warnings():
        logs.configure("json")
        warnings.warn(said, stacklevel=1)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["message"]) == ("deprecated", "warning", str(said))
    assert line["where"].startswith(__file__)
