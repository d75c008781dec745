"""Go templates, the hosts and paths that they give, and the expressions that ingress-nginx is given for these paths."""

from __future__ import annotations

import re
from typing import Any

from doorward.model import template
from doorward.model.hosts import (
    LONGEST_HOST,
    LONGEST_PATH,
    clean_path,
    domain_problem,
    host_problem,
    overlaps,
    path_problem,
    plain_host,
    plain_prefix,
    segment_prefix,
)
from doorward_k8s_ingress import rewriting

from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

FIELDS = frozenset({"Name", "Namespace", "IngressDomain", "Annotations", "Labels"})
WORDS = (
    "{{", "}}", "{{- ", " -}}", ".Name", ".Namespace", ".IngressDomain", ".Annotations.a", ".Labels.team",
    ".Annotations", "index ", ' "example.com/a"', "`raw`", '"\\x41"', '"\\u00e4"', '"', "`", "/*", "*/", ".", "-",
    "a", "example.com", "/", "/models/", "{{.Name}}", "{{.Namespace}}", "m", "svc", "|", "printf", "$x", "0",
    "%41", " ",
)  # fmt: skip
VALUES = ("m", "a", "example.com", "xn--bnk-5qa", "x" * 63, "models", "v1", "/v1", "a.b", "9", "-", "")


def make(choices: Choices) -> Any:
    source = choices.text(WORDS, 12)
    if choices.once_in(64):
        source *= 64
    values = {name: choices.text(VALUES, 2) for name in ("Name", "Namespace", "IngressDomain", "a", "team")}
    return {"source": source, "values": values, "other": choices.text(WORDS, 4)}


def check(value: Any) -> None:
    given = value["values"]
    values = {name: given[name] for name in ("Name", "Namespace", "IngressDomain")}
    texts = {**values, "Annotations": {"a": given["a"], "example.com/a": given["a"]}, "Labels": {"team": given["team"]}}
    for most in (LONGEST_HOST, LONGEST_PATH):
        try:
            made = template.compile(value["source"], FIELDS).render(texts, most)
        except template.TemplateError as error:
            made, told = value["source"], error.message
        else:
            told = ""
            assert len(made) <= most
        assert len(told) < 600, "a message that quotes all of a template"
        a_host(made)
        a_path(made, value["other"])


def a_host(text: str) -> None:
    for problem in (host_problem(text), domain_problem(text)):
        assert problem is None or 0 < len(problem) < 400
    if host_problem(text) is None:
        assert re.fullmatch(r"[-a-z0-9.]{3,253}", text), "a host with something else in it"
        assert plain_host(text) == text, "a host that proxies compare as another one"
        assert text.encode("idna").decode() == text, "a host that DNS knows by another name"


def a_path(text: str, other: str) -> None:
    problem = path_problem(text)
    assert problem is None or 0 < len(problem) < 400
    assert plain_prefix(plain_prefix("/" + other)).startswith("/")
    if problem is not None:
        return
    path = clean_path(text)
    assert not re.search(r"[\x00-\x20\x7f-\U0010ffff\"\\;{}<>^`|?#\[\]]|//|/\.{1,2}(/|$)|%2[eEfF]", path)
    assert plain_prefix(path) == path, "a path that a proxy reads as another one"
    if path_problem(other) is None and not overlaps(path, other):
        assert not overlaps(plain_prefix(path), plain_prefix(other))
    for route in ("/", "/v1/decoder"):
        expression = rewriting.pattern(path, route)
        assert not re.search(r"[\x00-\x20\";{}]", expression), "what ends a string of nginx's, or a directive"
        whole = path if route == "/" else path + route
        # nginx's (?-i: within an expression that ignores case says the same as this.
        assert re.match("^" + expression.replace("(?-i:", "(?:"), whole + "/x")
        assert not re.match("^" + expression.replace("(?-i:", "(?:"), whole + "x")
        claimed = rewriting.literal_prefix(expression)
        assert segment_prefix(path, claimed)
        assert segment_prefix(claimed, whole)


TARGET = Target(
    name="templates",
    make=make,
    check=check,
    share=35,
)
