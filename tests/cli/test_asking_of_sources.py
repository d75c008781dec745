"""Questions about services of other kinds, among them those that are only some of a kind."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.cli.asking import ask, settled
from tests.shell.running import Running
from tests.sources.stage import labelled, slice_of

SOURCE = ("--source", "service")


@pytest.fixture
def plain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Running, Path]:
    running, journal = Running(), tmp_path / "journal"
    running.settings({}, doorward="overlapSeconds: 0")
    for obj in (labelled(), slice_of(), {**labelled("other"), "metadata": {"name": "other", "namespace": "a"}}):
        running.create(obj)
    settled(running, journal=journal, sources=("service",))
    capsys.readouterr()
    return running, journal


def test_plain_services_are_asked_about_as_others_are(plain: tuple[Running, Path]) -> None:
    running, journal = plain
    (row,) = ask(running, "get", *SOURCE, "-o", "json").json
    assert (row["service"], row["kind"], row["url"], row["ready"]) == ("m", "Service", "http://m.a.example.com", "True")
    told = ask(running, "explain", "m", *SOURCE, "-o", "json").json
    assert {part["part"]: part["value"] for part in told["parts"]}["host"] == "m.a.example.com"
    lines = [each["what"] for each in ask(None, "log", "a/m", "--journal", journal, "-o", "json").json]
    assert lines[0].startswith("Service a/m is seen")
    assert "created Ingress a/m" in lines
    replayed = ask(None, "replay", "--journal", journal, "-o", "json")
    assert (replayed.code, [door["service"] for door in replayed.json["doors"]]) == (0, ["m"])
    assert replayed.json["compared"] >= 2


def test_without_the_source_they_are_no_services(plain: tuple[Running, Path]) -> None:
    running, _ = plain
    assert ask(running, "get").err == "no services in namespace a (-A: all of them)\n"
    assert ask(running, "explain", "m").code == 2


def test_an_edit_of_one_is_shown(plain: tuple[Running, Path]) -> None:
    running, _ = plain
    edited = labelled()
    edited["metadata"]["annotations"] = {"doorward.io/ingress-domain": "example.org"}
    printed = ask(running, "diff", "-f", "-", *SOURCE, stdin=orjson.dumps(edited).decode())
    assert printed.out.splitlines()[-1] == "  a/m: http://m.a.example.com → http://m.a.example.org", printed.err
