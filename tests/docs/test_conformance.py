"""The page of promises names each rule of the kit, in its order."""

from __future__ import annotations

import re

from doorward.testing.conformance.report import RULES

from tests.docs import ROOT


def test_every_promise_is_on_its_page() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text().partition("## The promises")[2].partition("## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    assert rows[1:] == [(rule.name, rule.promise) for rule in RULES]
