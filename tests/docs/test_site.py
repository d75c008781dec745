"""The documentation's site has every page, needs nothing from outside, and isn't built where something is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.controlplane.packages import NotInstalled
from tests.docs import ROOT, site
from tests.docs.site import Entry, Pages, Unfinished, build, in_toml, missing, navigation

INDEX = """# doorward

| You want to | Read |
|---|---|
| begin | [Getting started](begin.md) |
| **Look up** | |
| more | [Words](words.md), [A guide](guides/one.md) |
"""


@pytest.fixture(scope="module")
def zensical() -> Path:
    try:
        return site.zensical(lambda _: None)
    except NotInstalled as error:
        if providers.required():
            raise
        pytest.skip(f"the documentation's site isn't built: {error}")


def pages(folder: Path, **more: str) -> Path:
    """A documentation of four pages, and a file beside it."""
    docs = folder / "docs"
    (docs / "guides").mkdir(parents=True)
    texts = {"index": INDEX, "begin": "# Begin\n", "words": "# Words\n\n## A word\n", "guides/one": "# One\n", **more}
    for name, text in texts.items():
        (docs / f"{name}.md").write_text(text)
    (folder / "example.yaml").write_text("kind: Example\n")
    return docs


def test_the_first_page_is_the_navigation() -> None:
    entries = navigation(INDEX)
    assert entries == [
        Entry("", "doorward", "index.md"),
        Entry("", "Getting started", "begin.md"),
        Entry("Look up", "Words", "words.md"),
        Entry("Look up", "A guide", "guides/one.md"),
    ]
    assert '{ "Look up" = [{ "Words" = "words.md" }, { "A guide" = "guides/one.md" }] }' in in_toml(entries)


def test_every_page_is_in_the_navigation_once() -> None:
    assert missing(navigation((ROOT / "docs" / "index.md").read_text()), ROOT / "docs") == []


def test_a_page_that_is_not_in_the_navigation_is_named(tmp_path: Path) -> None:
    docs = pages(tmp_path, forgotten="# Forgotten\n")
    with pytest.raises(Unfinished, match=r"docs/forgotten\.md isn't in the table"):
        build(docs, tmp_path / "site", tmp_path)


def test_what_is_listed_and_not_there_or_twice_is_named(tmp_path: Path) -> None:
    entries = [*navigation(INDEX), Entry("", "Begin", "begin.md"), Entry("", "Gone", "gone.md")]
    problems = missing(entries, pages(tmp_path))
    assert problems == ["docs/index.md lists gone.md, which isn't there", "docs/index.md lists begin.md twice"]


def test_what_a_page_leads_to_outside_of_the_documentation_is_a_page_too(tmp_path: Path) -> None:
    block = "<!-- shows it -->\n```\n[not](../../example.yaml)\n```\n"
    docs = pages(tmp_path, **{"guides/one": f"# One\n\n[it](../../example.yaml), [all](../../more)\n\n{block}"})
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.py").write_text("a = 1\n")
    Pages(docs, tmp_path / "out").write()
    one = (tmp_path / "out" / "guides" / "one.md").read_text()
    assert "[it](../repository/example.yaml.md), [all](../repository/more.md)" in one
    assert "[not](../../example.yaml)" in one
    assert "<!--" not in one
    assert "kind: Example" in (tmp_path / "out" / "repository" / "example.yaml.md").read_text()
    assert "[a.py](more/a.py.md)" in (tmp_path / "out" / "repository" / "more.md").read_text()


def test_links_that_lead_nowhere_end_the_build(tmp_path: Path, zensical: Path) -> None:
    docs = pages(tmp_path, begin="# Begin\n\n[a](nowhere.md), [b](words.md#no-such-word)\n")
    with pytest.raises(Unfinished) as told:
        build(docs, tmp_path / "site", zensical)
    for wrong in ("page does not exist", "anchor does not exist", "begin.md:3"):
        assert wrong in str(told.value)
    assert not (tmp_path / "site").exists()


def test_a_link_out_of_the_documentation_that_leads_nowhere_ends_the_build(tmp_path: Path) -> None:
    docs = pages(tmp_path, begin="# Begin\n\n[a](../nowhere.yaml)\n")
    with pytest.raises(Unfinished, match=r"docs/begin\.md: \.\./nowhere\.yaml leads nowhere"):
        build(docs, tmp_path / "site", tmp_path)


def test_a_site_needs_nothing_from_another_address(tmp_path: Path, zensical: Path) -> None:
    build(pages(tmp_path), tmp_path / "site", zensical)
    files = [*(tmp_path / "site").rglob("*.html")]
    assert {"index.html", "words.html"} <= {file.name for file in files}
    for file in files:
        tags = re.findall(r"<(?:link|script|img|iframe|source)\b[^>]*>", file.read_text())
        assert [tag for tag in tags if re.search(r'(?:src|href)="(?:https?:)?//', tag)] == [], file
    for file in (tmp_path / "site").rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", file.read_text()), file
