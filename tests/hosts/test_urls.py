"""How URLs are built from addresses, and which are taken from others."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from doorward.model.urls import is_address, is_plain, url
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("2001:db8::7", "http://[2001:db8::7]"),
        ("::ffff:192.0.2.1", "http://[::ffff:192.0.2.1]"),
        ("192.0.2.1", "http://192.0.2.1"),
        ("lb.cloud.test", "http://lb.cloud.test"),
    ],
)
def test_an_address_of_ipv6_is_written_in_brackets(address: str, expected: str) -> None:
    assert is_address(address)
    assert url("http", address) == expected
    assert is_plain(expected)


@pytest.mark.parametrize("odd", ["", " ", "a b", "a/b", "[::1]", "::1%lo", "a..b", "a@b", "x" * 254, None, 7])
def test_what_is_no_address(odd: object) -> None:
    assert not is_address(odd)


@given(st.text(max_size=30))
def test_a_plain_url_is_read_alike_by_everybody(text: str) -> None:
    for whole in (text, f"http://{text}", f"https://a.b{text}"):
        if is_plain(whole):
            parts = urlsplit(whole)
            assert parts.scheme in ("http", "https")
            assert parts.geturl().rstrip("/") == whole.rstrip("/")
            assert (parts.username, parts.query, parts.fragment) == (None, "", "")
            assert is_address(parts.hostname)
