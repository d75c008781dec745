"""Every event comes back from its bytes as it was, and no Secret's contents ever become bytes."""

from __future__ import annotations

import builtins
import types
import typing
from typing import Any, get_args, get_origin

import msgspec
import pytest
from doorward.journal import MemoryJournal, SqliteJournal
from doorward.journal.encoding import checksum, decode, decode_all, encode, without_secrets
from doorward.model.action import Action
from doorward.model.event import AnyEvent, Applied, Deleted, Issued, Observed, Record, Synced
from doorward.model.reference import Ref
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = st.text(max_size=20)
INTEGER = st.integers(min_value=-(2**63), max_value=2**63 - 1)
TIME = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | INTEGER | TIME | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
SCALARS = {str: TEXT, int: INTEGER, bool: st.booleans(), float: TIME, type(None): st.none(), Any: JSON}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a type as our structs use them, so that a field that is added is tried too."""
    if hint in SCALARS:
        return SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return st.builds(hint, **{field.name: values(field.type) for field in msgspec.structs.fields(hint)})
    if hint is Ref:
        return st.builds(Ref, TEXT, TEXT, TEXT)
    arguments = get_args(hint)
    match get_origin(hint):
        case typing.Literal:
            return st.sampled_from(arguments)
        case types.UnionType | typing.Union:
            return st.one_of([values(each) for each in arguments])
        case builtins.dict:
            return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
        case builtins.frozenset:
            return st.frozensets(values(arguments[0]), max_size=3)
        case builtins.tuple if arguments[-1] is Ellipsis:
            return st.lists(values(arguments[0]), max_size=3).map(tuple)
        case builtins.tuple:
            return st.tuples(*map(values, arguments))
    raise NotImplementedError(hint)


EVENTS = [values(event) for event in get_args(AnyEvent)]
RECORD = st.builds(Record, INTEGER, INTEGER, st.one_of(EVENTS))


@settings(deadline=None)
@given(RECORD)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    back = decode(encode(record))
    assert back == record
    assert type(back.event) is type(record.event)


@settings(deadline=None)
@given(st.lists(RECORD, max_size=4))
def test_so_does_a_list_of_them(records: list[Record]) -> None:
    assert decode_all(encode(records)) == records


def test_names_keep_their_types() -> None:
    synced = Synced(at=1.0, kind="Service", keys=frozenset({("a", "m"), ("a", "n")}))
    deleted = Deleted(at=1.0, ref=Ref("Service", "a", "m"))
    backs = [decode(encode(Record(number, 0, event))).event for number, event in ((1, synced), (2, deleted))]
    assert isinstance(backs[0], Synced)
    assert ("a", "m") in backs[0].keys
    assert isinstance(backs[1], Deleted)
    assert isinstance(backs[1].ref, Ref)


def test_a_body_under_another_number_has_another_checksum() -> None:
    assert checksum(1, b"body") != checksum(2, b"body")


SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "s",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hush", "kept": "yes"},
    },
    "data": {"tls.key": "hush"},
    "stringData": {"more": "hush"},
    "type": "kubernetes.io/tls",
}
ACTION_ON_A_SECRET = Action(id=1, verb="patch", ref=Ref("Secret", "a", "s"), service="", body={"data": {"k": "hush"}})


@pytest.mark.parametrize(
    "event",
    [
        Observed(at=1.0, kind="Secret", object=SECRET),
        Observed(at=1.0, kind="Secret", object={"metadata": {"name": "s"}, "data": {"k": "hush"}}),
        Applied(at=1.0, action=1, object=SECRET),
        Issued(at=1.0, action=ACTION_ON_A_SECRET),
        Issued(at=1.0, action=Action(id=1, verb="create", ref=Ref("X", "a", "s"), service="", body=SECRET)),
    ],
)
def test_the_contents_of_a_secret_never_enter_a_journal(event: AnyEvent, tmp_path: Any) -> None:
    for journal in (MemoryJournal(), SqliteJournal(tmp_path / "journal.db")):
        journal.append([Record(1, 0, event)])
        journal.snapshot([Record(1, 0, event)], through=1)
        kept = encode([*journal.replay(), *journal.restore()])
        assert b"hush" not in kept
        assert b"Secret" in kept or b'"s"' in kept
        journal.close()
    assert all(b"hush" not in file.read_bytes() for file in tmp_path.iterdir())


def test_what_else_a_secret_says_stays() -> None:
    (record,) = without_secrets([Record(1, 0, Observed(at=1.0, kind="Secret", object=SECRET))])
    assert isinstance(record.event, Observed)
    assert record.event.object["metadata"] == {"name": "s", "annotations": {"kept": "yes"}}
    assert record.event.object["type"] == "kubernetes.io/tls"
    assert SECRET["data"] == {"tls.key": "hush"}


def test_data_of_other_kinds_stays() -> None:
    event = Observed(at=1.0, kind="ConfigMap", object={"kind": "ConfigMap", "data": {"ingress": "{}"}})
    assert without_secrets([Record(1, 0, event)]) == [Record(1, 0, event)]
