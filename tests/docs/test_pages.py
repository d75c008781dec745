"""The pages of the documentation tell the truth about the code, all of it, and lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from doorward.backends import Backends
from doorward.model.settings import DEPLOY_FIELDS, DOORWARD_FIELDS, INGRESS_FIELDS, Settings, spelling
from doorward.runtime.permissions import cluster_rules
from doorward_daemon.main import app
from typer.testing import CliRunner

from tests.docs import PAGES, REFERENCE, ROOT, TUTORIAL, blocks, commands, promised
from tests.docs.rendered import renewed

DOCS = ROOT / "docs"
EXAMPLES = "".join(file.read_text() for file in sorted((ROOT / "examples").rglob("*.py")))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The rows below a heading, by their first cell, bare of backticks."""
    section = (DOCS / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if line[:1] == "|"]
    return {row[0].strip("` "): [cell.strip("` ") for cell in row[1:]] for row in rows[2:]}


def quoted(page: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", (DOCS / page).read_text()))


@pytest.mark.parametrize("page", [*PAGES, *REFERENCE], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@by_page
def test_every_page_is_listed(page: Path) -> None:
    if page.parent == DOCS and page.name != "index.md":
        assert f"({page.name})" in (DOCS / "index.md").read_text()
        assert f"(docs/{page.name})" in (ROOT / "README.md").read_text()


@by_page
def test_what_is_shown_as_rendered_is_what_is_rendered(page: Path) -> None:
    assert page.read_text() == renewed(page.read_text())


@by_page
def test_python_on_a_page_is_that_of_the_examples(page: Path) -> None:
    """The examples are run by their own tests, and the tutorial is followed by one."""
    for block in blocks(page, "python") if page != TUTORIAL else ():
        assert dedent(block.text).strip() in dedent(EXAMPLES) or indented_in_examples(block.text), block.text


def indented_in_examples(text: str) -> bool:
    return any("\n".join(" " * by + line if line else line for line in text.splitlines()) in EXAMPLES for by in (4, 8))


@by_page
def test_what_is_to_be_rendered_can_be(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for command in commands(page):
        if command.startswith("./dev run doorward render"):
            result = CliRunner().invoke(app, command.split()[3:], env={"POD_NAMESPACE": None})
            assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("heading", "fields"),
    [("Key `ingress`", INGRESS_FIELDS), ("Key `deploy`", DEPLOY_FIELDS), ("Key `doorward`", DOORWARD_FIELDS)],
)
def test_every_setting_is_told_with_its_default(heading: str, fields: tuple[str, ...]) -> None:
    told = {name: cells[0] for name, cells in table("settings.md", heading).items() if name != "ingress"}
    assert told == {spelling(field): default(field) for field in fields}


def default(field: str) -> str:
    value = Settings.model_fields[field].default
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value or "none")


def test_every_annotation_is_told() -> None:
    assert promised.annotations() <= quoted("annotations.md")


def test_every_reason_is_told() -> None:
    assert promised.reasons() <= quoted("status.md")


def test_the_rights_are_those_that_are_needed() -> None:
    rows = "".join(
        f"| {rule['apiGroups'][0] or 'core'} | {', '.join(rule['resources'])} | {', '.join(rule['verbs'])} |\n"
        for rule in cluster_rules(Backends())
    )
    assert f"|---|---|---|\n{rows}\n" in (DOCS / "operations.md").read_text()


def test_every_metric_is_told() -> None:
    assert promised.metrics() <= {name.removesuffix("_total") for name in quoted("operations.md")}


def test_what_the_doctor_finds_is_told() -> None:
    files = (ROOT / "daemon" / "doorward_daemon" / "doctor").glob("*.py")
    code = "".join(file.read_text() for file in files)
    reasons = set(re.findall(r'(?:reason=|finding\()"(\w+)"', code))
    assert len(reasons) > 10
    assert reasons <= quoted("doctor.md") | set(table("status.md", "Warning events"))
