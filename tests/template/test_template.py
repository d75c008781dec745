"""Templates: what they render, what they refuse, and that Go agrees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from doorward.model.template import TemplateError, TooLong, Values, compile
from hypothesis import given, settings
from hypothesis import strategies as st

HOST = frozenset({"Name", "Namespace", "IngressDomain", "Annotations", "Labels"})
PATH = frozenset({"Name", "Namespace"})
VALUES: Values = {
    "Name": "m",
    "Namespace": "a",
    "IngressDomain": "example.com",
    "Annotations": {"a.b/c": "x", "foo": "y", "m": "z", "Name": "nn"},
    "Labels": {"team": "t", "x": "w"},
}


def render(source: str) -> str:
    return compile(source, HOST).render(VALUES)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("plain.example.com", "plain.example.com"),
        ("{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}", "m.a.example.com"),
        ("/models/{{.Name}}/{{.Namespace}}", "/models/m/a"),
        ("{{ .Annotations.foo }}-{{.Labels.team}}", "y-t"),
        ('{{ index .Annotations "a.b/c" }}', "x"),
        ("{{ index .Annotations `a.b/c` }}", "x"),
        ("{{ index .Annotations .Name }}", "z"),
        ("{{ index .Annotations .Labels.x }}{{/* none */}}", None),
        ('{{ "}}" }}{{"{{"}}', "}}{{"),
        (r'{{ "a\x2db\u002d\055\n\"" }}', 'a-b--\n"'),
        (" a {{- .Name -}} \n b", " amb"),
        ("a \r\n\t{{- .Name }} b", "am b"),
        ("a {{- /* c */ -}} b", "ab"),
        ("{{ .Name\n}}", "m"),
        ("}} {a}", "}} {a}"),
    ],
)
def test_a_template_renders_as_go_does(source: str, text: str | None) -> None:
    if text is None:
        with pytest.raises(TemplateError, match='no key "w"'):
            render(source)
    else:
        assert render(source) == text


@pytest.mark.parametrize(
    ("source", "column", "words"),
    [
        ("{{ if .Name }}x{{ end }}", 4, "if isn't supported"),
        ('a{{ printf "%s" .Name }}', 5, "printf isn't supported"),
        ("{{ .Name | lower }}", 10, "pipeline"),
        ("{{ $x }}", 4, "variable"),
        ("{{ (.Name) }}", 4, "parenthesis"),
        ("{{ 5 }}", 4, "number"),
        ("{{ -5 }}", 4, "number"),
        ("{{ 'c' }}", 4, "character constant"),
        ("{{ nil }}", 4, "nil isn't supported"),
        ("{{ . }}", 4, ". alone"),
        ("{{ .Foo }}", 4, ".Foo isn't known here"),
        ("{{ .Annotations }}", 4, "is a map"),
        ("{{ .Name.x }}", 4, ".Name is text and has no .x"),
        ("{{ .Labels.team.x }}", 4, ".Labels.team is text and has no .x"),
        ("{{ .Labels.a-b }}", 13, "'-'"),
        ("{{ index .Name `x` }}", 4, ".Name is no map"),
        ("{{ index .Labels }}", 4, "one key"),
        ("{{ index .Labels `a` `b` }}", 4, "one key"),
        ("{{ .Name .Name }}", 10, "only one value"),
        ('{{ "a".Name }}', 7, "space is missing"),
        ("{{}}", 1, "empty"),
        ("x{{ .Name", 2, "isn't closed"),
        ("{{ .Name }", 10, "'}'"),
        ('{{ "a }}', 4, "string isn't closed"),
        ("{{/* a }}", 3, "comment isn't closed"),
        ("{{/* a */ }}", 10, "alone"),
        (r'{{ "\q" }}', 4, "escape"),
        (r'{{ "\'" }}', 4, "escape"),
        (r'{{ "\ud800" }}', 4, "out of range"),
        (r'{{ "\400" }}', 4, "out of range"),
        (r'{{ "\xff" }}', 4, "UTF-8"),
        ("{{-.Name}}", 3, "'-'"),
    ],
)
def test_what_is_not_understood_is_refused_by_name_and_column(source: str, column: int, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile(source, HOST)
    assert caught.value.column == column
    assert words in caught.value.message
    assert str(caught.value) == f"column {column}: {caught.value.message}"


def test_a_field_of_another_place_is_refused() -> None:
    with pytest.raises(TemplateError, match=r"\.IngressDomain isn't known here; there is \.Name, \.Namespace"):
        compile("/{{ .IngressDomain }}", PATH)


@pytest.mark.parametrize("source", ["{{ .Labels.nope }}", "{{ index .Labels `nope` }}", "{{ .Annotations.nope }}"])
def test_a_key_that_is_not_there_is_an_error_never_a_hole(source: str) -> None:
    with pytest.raises(TemplateError, match='has no key "nope"') as caught:
        render("ab" + source)
    assert caught.value.column == 6


def test_a_field_without_a_value_is_an_error() -> None:
    with pytest.raises(TemplateError, match=r"\.Namespace has no value"):
        compile("{{ .Namespace }}", PATH).render({"Name": "m"})


def test_the_same_source_is_compiled_once() -> None:
    assert compile("{{ .Name }}-once", PATH) is compile("{{ .Name }}-once", PATH)


GO = json.loads((Path(__file__).parent / "go.json").read_text())


def test_go_renders_the_same() -> None:
    """``go.json`` holds sources with what Go 1.26 makes of them for ``VALUES`` (null: an error); see ``render.go``."""
    assert len(GO) >= 400
    for source, expected in GO:
        try:
            rendered: str | None = render(source)
        except TemplateError:
            rendered = None
        assert rendered == expected, source


@settings(deadline=None)
@given(
    st.text()
    | st.lists(st.sampled_from(["{{", "}}", "-", " ", ".Name", '"', "\\", "`", "index", "/*", "*/"])).map("".join)
)
def test_a_template_renders_or_is_refused_with_a_template_error(source: str) -> None:
    try:
        template = compile(source, HOST)
    except TemplateError as refusal:
        column = refusal.column
    else:
        column = 1
        assert isinstance(template.render(VALUES), str)
    assert 1 <= column <= len(source) + 1


@settings(deadline=None)
@given(st.text(), st.text())
def test_values_are_inserted_as_they_are(before: str, name: str) -> None:
    text = before.replace("{", "(")
    assert compile(text + "{{.Name}}", PATH).render({"Name": name}) == text + name


@settings(deadline=None)
@given(st.text(alphabet=st.characters(blacklist_characters='"\\\n')))
def test_a_quoted_string_is_itself(text: str) -> None:
    assert compile('{{ "' + text + '" }}', PATH).render({}) == text


def test_a_template_has_at_most_1024_characters() -> None:
    assert compile("x" * 1024, HOST).render(VALUES) == "x" * 1024
    with pytest.raises(TooLong, match="1025 characters"):
        compile("x" * 1025, HOST)


def test_rendering_stops_at_the_length_that_its_reader_has_use_for() -> None:
    assert compile("{{.Name}}xx", HOST).render(VALUES, 3) == "mxx"
    with pytest.raises(TooLong, match="more than 2 characters"):
        compile("{{.Name}}xx", HOST).render(VALUES, 2)


def test_a_key_is_quoted_from_its_beginning() -> None:
    values = {"Annotations": {"b": "k" * 500}}
    with pytest.raises(TemplateError) as refused:
        compile("{{index .Annotations .Annotations.b}}", HOST).render(values)
    assert "k" * 99 in str(refused.value)
    assert len(str(refused.value)) < 200
