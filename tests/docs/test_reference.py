"""The reference is that of the code, and leaves nothing out."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent

import pytest
from doorward.backends import Backends
from doorward.cluster.embedded import EmbeddedCluster
from doorward.engine import Engine
from doorward.runtime.shell import Shell
from doorward_daemon.metrics import Metrics

from tests.docs import REFERENCE, metrics
from tests.docs.reference import PAGES, Page, everything, raised, text, untold


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_what_the_docstrings_say(page: Page) -> None:
    assert page.file.read_text() == text(page), "run: python -m tests.docs.reference"


def test_the_page_of_metrics_is_what_the_code_says() -> None:
    assert metrics.FILE.read_text() == metrics.page(), "run: python -m tests.docs.reference"


async def test_the_page_of_metrics_has_what_a_scrape_has(tmp_path: Path) -> None:
    shell = Shell(Engine(Backends()), EmbeddedCluster())
    made = {each.name.removesuffix("_total"): each for each in metrics.metrics()}
    scraped = list(Metrics(shell, tmp_path / "journal.sqlite").registry.collect())
    ours = [family for family in scraped if family.name.startswith("doorward_")]
    assert len(ours) > 10
    for family in ours:
        assert (made[family.name].kind, made[family.name].text) == (family.type, family.documentation)


def test_there_are_no_other_pages() -> None:
    assert {*(page.file for page in PAGES), metrics.FILE} == set(REFERENCE)


def test_every_public_object_is_told_with_its_fields_and_errors() -> None:
    assert [each for public in everything().values() for each in untold(public.object)] == []


def test_each_is_told_once_wherever_it_can_be_imported_from() -> None:
    names = [(public.page.name, public.name) for public in everything().values()]
    assert len(names) == len(set(names))
    assert {"doorward.hooks.render", "doorward.model.door.Door", "doorward.model.answer.ApiError"} <= set(everything())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise ValueError('no')", {"ValueError"}),
        ("raise errors.Gone from None", {"Gone"}),
        ("raise error", set()),
        ("raise", set()),
        ("raise NotImplementedError", set()),
        ("try:\n    pass\nexcept OSError as e:\n    raise Lost(1) from e", {"Lost"}),
    ],
)
def test_errors_that_a_function_raises_are_seen(body: str, expected: set[str]) -> None:
    assert raised(ast.parse(dedent(body))) == expected
