"""``doorward replay``."""

from __future__ import annotations

from pathlib import Path

import pytest
from doorward.door import addresses
from doorward.model.settings import Settings
from doorward.replaying import Replay
from doorward.state.inference_service import InferenceService
from doorward.testing.simulator import generate
from doorward.testing.simulator.runner import Run

from tests.cli.asking import Asked, ask
from tests.cli.lived import INGRESS, SERVICE, Lived

PIGEONS = Path(__file__).with_name("pigeons.py")


@pytest.fixture
def lived(tmp_path: Path) -> Lived:
    lived = Lived(tmp_path / "journal")
    lived.open("m", "n")
    lived.advance(60)
    return lived


def replay(lived: Lived, *arguments: str | Path) -> Asked:
    return ask(None, "replay", "--journal", lived.keep_records(), *arguments)


def test_the_same_version_would_have_done_the_same(lived: Lived) -> None:
    lived.annotate("m", **{"ome.io/ingress-domain": "example.org"})
    lived.configure('{"urlScheme": "https", "additionalIngressDomains": ["example.net"]}')
    lived.delete(INGRESS, "a", "n")
    lived.rest()
    lived.restart()
    lived.annotate("m", **{"ome.io/ingress-domain": "No_Good"})
    lived.annotate("n", **{"ome.io/disable-ingress": "true"})
    lived.delete(SERVICE, "a", "n")
    lived.rest()
    printed = replay(lived)
    assert printed.code == 0, printed.out
    assert printed.lines[0][0] == "NAMESPACE"
    assert [line[:5] for line in printed.lines[1:]] == [["a", "m", "k8s_ingress", "https://m.a.example.org", "False"]]
    assert replay(lived, "-o", "json").json["compared"] >= 15


@pytest.mark.parametrize("seed", [8, 20])
def test_bad_days_are_replayed_without_a_difference(seed: int) -> None:
    run = Run(generate(seed))
    run.play()
    records, engine = run.replicas[0].records, Replay(run.world.backends)
    assert [found for record in records if (found := engine.follow(record))] == []
    assert engine.pending() == []
    assert engine.compared > 5


def test_a_version_that_decides_otherwise_is_found_out(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    number = next(r.number for r in lived.records if getattr(getattr(r.event, "action", None), "verb", "") == "status")

    def scheme(service: InferenceService, settings: Settings) -> str:
        return "https" if service.name == "m" else settings.url_scheme

    monkeypatch.setattr(addresses, "_scheme", scheme)
    printed = replay(lived, "-o", "json")
    assert printed.code == 1
    found = printed.json["differences"]
    assert {each["service"] for each in found} == {"m"}
    assert (found[0]["record"], found[0]["then"]) == (
        number,
        "status InferenceService a/m (status.address, status.annotations, status.conditions, status.url): status: True",
    )


def test_a_write_that_was_not_made_is_named_at_the_end(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_scheme", lambda *_: "https")
    lived.advance(60)
    found = replay(lived, "-o", "json", "--since", str(lived.engine.number)).json["differences"]
    assert [(each["service"], each["then"]) for each in found] == [("m", ""), ("n", "")]
    assert found[0]["now"] == "status InferenceService a/m (status.url): status: True"


def test_the_doors_are_shown_as_they_were(lived: Lived) -> None:
    before = lived.engine.number
    lived.annotate("m", **{"ome.io/ingress-domain": "example.org"})
    lived.advance(3600)
    lived.delete(SERVICE, "a", "n")
    lived.rest()
    for at in (str(before), "2026-01-01T00:01:00Z"):
        printed = replay(lived, "--at", at, "-o", "json")
        assert printed.code == 0
        assert [(door["service"], door["url"]) for door in printed.json["doors"]][1:] == [
            ("n", "http://n.a.example.com")
        ], at
    assert [door["service"] for door in replay(lived, "-o", "json").json["doors"]] == ["m"]
    assert [door["service"] for door in replay(lived, "m", "-n", "a", "--at", str(before), "-o", "yaml").yaml["doors"]]


def test_another_plugin_is_tried_on_the_same_history(lived: Lived) -> None:
    printed = replay(lived, "--with", PIGEONS)
    assert printed.code == 1
    assert printed.lines[1][:3] == ["a", "m", "k8s_ingress"]
    assert "  then: create Ingress a/m: the door opens\n  now:  create Ingress a/m: the door opens\n" in printed.out
    assert "        spec.rules[m.a.example.com]" in printed.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "100000"], "there is no record 100000; the newest is"),
        (["--at", "2025-01-01T00:00:00Z"], "there is no record by 2025-01-01T00:00:00Z; the first is of 2026-01-01"),
        (["--with", "no_such_module"], "plugin no_such_module can't be loaded: ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_answered_is_said(lived: Lived, arguments: list[str], words: str) -> None:
    printed = replay(lived, *arguments)
    assert (printed.code, printed.out) == (2, "")
    assert words in printed.err
