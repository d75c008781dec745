"""``doorward log``."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.asking import Asked, ask
from tests.cli.lived import INGRESS, SERVICE, Lived


@pytest.fixture
def lived(tmp_path: Path) -> Lived:
    return Lived(tmp_path / "journal")


def log(lived: Lived, *arguments: str) -> Asked:
    return ask(None, "log", *arguments, "--journal", lived.keep_records())


def told(lived: Lived, *arguments: str) -> list[tuple[str, str]]:
    return [(each["what"], each.get("because", "")) for each in log(lived, "a/m", "-o", "json", *arguments).json]


def test_a_door_has_a_story_from_its_service_to_its_status(lived: Lived) -> None:
    lived.open("m", "n")
    printed = log(lived, "m", "-n", "a")
    assert (printed.code, printed.err) == (0, "")
    assert printed.lines[0] == ["TIME", "RECORD", "WHAT", "BECAUSE"]
    assert [line[2] for line in printed.lines[1:]] == [
        "InferenceService a/m is seen, created 2026-01-01T00:00:00Z",
        "condition EngineReady: True",
        "created Ingress a/m",
        "created Service a/m",
        "reported True http://m.a.example.com",
    ]
    assert printed.lines[3][3].startswith("the door opens; Service a/m-engine was seen (")


def test_an_edit_is_told_with_what_was_before_and_what_came_of_it(lived: Lived) -> None:
    lived.open("m")
    lived.annotate("m", **{"ome.io/ingress-domain": "example.org"})
    lived.annotate("m", **{"ome.io/ingress-domain": "example.net"})
    lines = log(lived, "a/m", "-o", "json").json
    edit = next(each for each in lines if each["what"].endswith("example.org → example.net"))
    assert edit["what"] == "annotation ome.io/ingress-domain: example.org → example.net"
    change = next(each for each in lines if each.get("cause") == edit["record"])
    assert change["what"] == "changed Ingress a/m (spec.rules)"
    assert change["because"] == f"the door changes; InferenceService a/m was seen ({edit['record']})"


def test_an_edit_of_the_settings_is_told_by_what_it_led_to(lived: Lived) -> None:
    lived.open("m")
    lived.configure('{"urlScheme": "https"}')
    assert ("reported True https://m.a.example.com", "settings: urlScheme: http → https") in told(lived)


def test_whoever_meddled_is_named(lived: Lived) -> None:
    lived.open("m")
    body = {"spec": {"ingressClassName": "nginx"}}
    lived.patch(INGRESS, "a", "m", body, field_manager="kubectl-edit")
    lived.rest()
    lived.delete(INGRESS, "a", "m")
    lived.rest()
    what = [each for each, _ in told(lived)]
    assert "Ingress a/m: spec.ingressClassName: istio → nginx (kubectl-edit changed it)" in what
    assert what.index("somebody deleted Ingress a/m") < len(what) - 1


def test_a_refusal_is_told_in_its_own_words(lived: Lived) -> None:
    lived.open("m")
    lived.annotate("m", **{"ome.io/ingress-domain": "No_Good"})
    what, because = told(lived)[-1]
    assert what.startswith("reported False InvalidHost: annotation ome.io/ingress-domain 'No_Good'")
    assert because.startswith("InferenceService a/m was seen")


def test_the_story_goes_on_through_a_restart_and_through_a_new_service_of_the_name(lived: Lived) -> None:
    lived.open("m")
    lived.restart()
    lived.delete(SERVICE, "a", "m")
    lived.delete("Service", "a", "m-engine")
    lived.rest()
    lived.open("m")
    what = [each for each, _ in told(lived)]
    gone = what.index("InferenceService a/m was deleted")
    assert "Ingress a/m was collected" in what[gone:]
    assert "created Ingress a/m" in what[gone:]


def test_what_retention_forgot_is_known_all_the_same(lived: Lived) -> None:
    from doorward.journal import SqliteJournal

    lived.open("m")
    lived.keep_records(snapshot=True)
    journal = SqliteJournal(lived.path, retention_age=0.0)
    journal.prune(lived.clock() + 1.0)
    journal.close()
    lived.annotate("m", **{"ome.io/ingress-domain": "example.org"})
    assert [what for what, _ in told(lived)][:2] == [
        "annotation ome.io/ingress-domain: example.org",
        "changed Ingress a/m (spec.rules)",
    ]


def test_since_leaves_out_what_came_before(lived: Lived) -> None:
    lived.open("m")
    lived.advance(7200)
    lived.annotate("m", **{"ome.io/ingress-domain": "example.org"})
    assert told(lived, "--since", "2026-01-01T01:00:00Z")[0][0] == "annotation ome.io/ingress-domain: example.org"
    assert len(told(lived, "--since", f"{int(time.time() - lived.clock()) + 60}s")) < len(told(lived))
    assert told(lived, "--since", "1s") == []


def test_a_damaged_journal_is_told_as_far_as_it_is_whole(lived: Lived) -> None:
    lived.open("m")
    lived.keep_records()
    lived.annotate("m", **{"ome.io/ingress-domain": "example.org"})
    path = lived.keep_records()
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE records SET body = 'x' WHERE number = (SELECT max(number) FROM records)")
        database.commit()
    printed = ask(None, "log", "a/m", "--journal", path, "-o", "json")
    assert printed.json[0]["what"].startswith("InferenceService a/m is seen")
    assert "the journal is damaged here" in printed.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["a/q"], 1, "the journal knows no service a/q"),
        (["a/m", "--since", "yesterday"], 2, "'yesterday' is no time; write one such as"),
    ],
)
def test_what_cannot_be_answered_is_said(lived: Lived, arguments: list[str], code: int, words: str) -> None:
    lived.open("m")
    printed = log(lived, *arguments)
    assert (printed.code, printed.out) == (code, "")
    assert words in printed.err


def test_a_journal_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    printed = ask(None, "log", "a/m", "--journal", tmp_path / "none")
    assert (printed.code, "isn't there; name the file that the daemon writes" in printed.err) == (2, True)
