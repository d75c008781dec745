"""What is a check at all."""

from __future__ import annotations

import pytest
from doorward_daemon.authz.question import read


@pytest.mark.parametrize(
    "target",
    ["", "/", "/door", "/door/nginx", "/door/nginx/a", "/door/nginx/a/", "/door/nginx//m", "/door/squid/a/m",
     "/door//a/m", "/host", "/host/", "/host/squid", "/hosts/envoy", "/Door/nginx/a/m", "//door/nginx/a/m", "*",
     "http://x/door/nginx/a/m", "m.example.com:443"],
)  # fmt: skip
def test_anything_else_is_none(target: str) -> None:
    assert read(target, lambda _: ()) is None
