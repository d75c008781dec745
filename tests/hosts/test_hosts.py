"""Which hosts and paths are allowed, and how prefixes relate."""

from __future__ import annotations

import re

import pytest
from doorward.model.hosts import (
    clean_path,
    domain_problem,
    host_problem,
    is_in_cluster,
    overlaps,
    path_problem,
    segment_prefix,
)
from doorward.model.template import compile
from hypothesis import given, settings
from hypothesis import strategies as st

LABEL63 = "a" * 63
HOST253 = ".".join([LABEL63, LABEL63, LABEL63, "a" * 61])


@pytest.mark.parametrize("host", ["m.a.example.com", "a.b", "1.a", "xn--a.b", "a-b.c--d", LABEL63 + ".a", HOST253])
def test_a_lower_case_dns_name_of_two_labels_is_a_host(host: str) -> None:
    assert host_problem(host) is None
    assert domain_problem(host) is None


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("", "empty"),
        ("localhost", "1 label"),
        ("M.example.com", "capital"),
        ("no_good.example.com", "'_'"),
        ("*.example.com", "'*'"),
        ("m.example.com/x", "'/'"),
        ("m.example.com:80", "':'"),
        ("m.example.com.", "empty label"),
        (".example.com", "empty label"),
        ("m..com", "empty label"),
        ("-m.example.com", "'-'"),
        ("m-.example.com", "'-'"),
        ("m.example.com\n", "'\\n'"),
        ("m.exämple.com", "'ä'"),
        ("1.2.3.4", "IP address"),
        ("10.1", "digits alone"),
        ("m.example.123", "digits alone"),
        (LABEL63 + "a.b", "64 characters"),
        ("a" + HOST253, "254 characters"),
        ("ß.example.com", "'ß'"),
    ],
)
def test_anything_else_is_no_host(host: str, words: str) -> None:
    assert words in (host_problem(host) or "")


def test_a_domain_may_have_one_label() -> None:
    assert domain_problem("localhost") is None
    assert "empty" in (domain_problem("") or "")


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("m.a.svc.cluster.local", True),
        ("cluster.local", True),
        ("1-2-3-4.a.pod.cluster.local", True),
        ("m.a.svc", True),
        ("m.a", False),
        ("m.a.svc.example.com", False),
        ("m.a.xcluster.local", False),
        ("m.asvc", False),
    ],
)
def test_names_below_the_clusters_domain_and_short_forms_of_them_are_inside(name: str, inside: bool) -> None:
    assert is_in_cluster(name, "cluster.local") is inside


@pytest.mark.parametrize(
    "path", ["/a", "/models/m/a", "/a/", "/a.b/~c-d_e", "/a%20b%C3%BC", "/a/.well-known", "/$x(1)+"]
)
def test_an_absolute_path_is_a_path(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "start with"),
        ("a/b", "start with"),
        ("http://x/a", "start with"),
        ("//x/a", "//"),
        ("/a//b", "//"),
        ("/a//", "//"),
        ("/a/../b", ".."),
        ("/..", ".."),
        ("/a?b=c", "query"),
        ("/a#b", "fragment"),
        ("/", "whole host"),
        ("/a b", "character"),
        ("/a\n", "character"),
        ("/a%", "character"),
        ("/{a}", "character"),
        ("/a\\b", "character"),
        ("/a%2Fb", "encoded"),
        ("/%2e%2e/b", "encoded"),
        ("/a/./b", "segment '.'"),
        ("/a/.", "segment '.'"),
        ("/a;b", "';'"),
        ("/a/..;/b", ".."),
        ("/%41", "write 'A'"),
        ("/a%7Eb", "'~'"),
        ("/a%3Bb", "write ';'"),
        ("/a%252eb", "means more"),
        ("/a%5cb", "means more"),
        ("/a%3fb", "means more"),
        ("/a%00", "means more"),
        ("/a%0Ab", "means more"),
        ("/a%7f", "means more"),
        ("/%c3%bc", "write that"),
        ("/" + "a" * 1024, "1025"),
    ],
)
def test_anything_else_is_no_path(path: str, words: str) -> None:
    assert words in (path_problem(path) or "")


def test_a_trailing_slash_is_dropped() -> None:
    assert clean_path("/models/m/") == "/models/m"
    assert clean_path("/models/m") == "/models/m"


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/v1/decoder", "/v1/decoder", True),
        ("/v1/decoder", "/v1/decoder/", True),
        ("/v1/decoder", "/v1/decoder/x", True),
        ("/v1/decoder/", "/v1/decoder", True),
        ("/v1/decoder", "/v1/decoders", False),
        ("/v1/decoder", "/v1", False),
        ("/", "/", True),
        ("/", "/anything", True),
        ("", "/anything", True),
    ],
)
def test_prefixes_match_whole_segments(prefix: str, path: str, expected: bool) -> None:
    assert segment_prefix(prefix, path) is expected


def test_prefixes_overlap_where_one_holds_the_other() -> None:
    assert overlaps("/", "/a")
    assert overlaps("/a", "/")
    assert overlaps("/a/b", "/a")
    assert overlaps("/a/", "/a")
    assert not overlaps("/a", "/ab")
    assert not overlaps("/a/b", "/a/c")


PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=4).map(lambda parts: "/" + "/".join(parts))


@settings(deadline=None)
@given(PATHS, PATHS, PATHS)
def test_a_path_below_two_prefixes_means_that_they_overlap(a: str, b: str, path: str) -> None:
    assert overlaps(a, b) == overlaps(b, a)
    if segment_prefix(a, path) and segment_prefix(b, path):
        assert overlaps(a, b)
    assert segment_prefix(a, path) == ([*a.split("/")[1:]] == path.split("/")[1:][: a.count("/")] or a == "/")


@settings(deadline=None)
@given(st.text(alphabet="aZ9-._/ é", max_size=12), st.text(alphabet="ab-.", max_size=70))
def test_a_rendered_host_passes_or_is_refused(name: str, domain: str) -> None:
    host = compile("{{.Name}}.x{{.IngressDomain}}", frozenset({"Name", "IngressDomain"})).render(
        {"Name": name, "IngressDomain": domain}
    )
    labels = host.split(".")
    fine = len(host) <= 253 and all(
        re.fullmatch("[a-z0-9-]{1,63}", each) and each[0] != "-" and each[-1] != "-" for each in labels
    )
    assert (host_problem(host) is None) == (fine and not labels[-1].isdigit())


@settings(deadline=None)
@given(st.text())
def test_a_problem_is_a_phrase_and_never_an_exception(text: str) -> None:
    for check in (host_problem, domain_problem, path_problem):
        problem = check(text)
        assert problem is None or problem
    if path_problem("/" + text) is None:
        assert "//" not in text
        assert clean_path("/" + text)
