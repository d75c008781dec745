"""The pages of the documentation tell the truth about the code, all of it, and lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from doorward.backends import Backends
from doorward.model.settings import DEPLOY_FIELDS, DOORWARD_FIELDS, INGRESS_FIELDS, Settings, spelling
from doorward.runtime.permissions import cluster_rules
from doorward_daemon.commands import app
from typer.testing import CliRunner

from tests.docs import PAGES, REFERENCE, ROOT, TUTORIAL, blocks, commands, promised
from tests.docs.rendered import objects, renewed

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
    if page.is_relative_to(DOCS) and page.name != "index.md":
        name = page.relative_to(DOCS)
        assert f"({name})" in (DOCS / "index.md").read_text()
        assert f"(docs/{name})" in (ROOT / "README.md").read_text()


@by_page
def test_pictures_need_no_script(page: Path) -> None:
    """What draws a diagram comes from another address: pictures are text, or SVG."""
    assert not list(blocks(page, "mermaid"))


@by_page
def test_what_is_shown_as_rendered_is_what_is_rendered(page: Path) -> None:
    assert page.read_text() == renewed(page.read_text())


@by_page
def test_python_on_a_page_is_that_of_the_examples(page: Path) -> None:
    """The examples are run by their own tests, and the tutorial is followed by one."""
    for block in blocks(page, "python") if page != TUTORIAL else ():
        assert dedent(block.text).strip() in dedent(EXAMPLES) or indented_in_examples(block.text), block.text


PUBLIC = {"doorward", "doorward.hooks", "doorward.testing"}
TEMPLATE = sorted((ROOT / "daemon" / "doorward_daemon" / "plugin" / "template").rglob("*.in"))


def test_readers_are_shown_what_is_public_and_nothing_else() -> None:
    """The pages, the examples, and what authors of backends begin with: one way to each name."""
    shown = [block.text for page in PAGES for block in blocks(page, "python")]
    shown += [EXAMPLES, *(file.read_text() for file in TEMPLATE)]
    imported = {found for text in shown for found in re.findall(r"^\s*from (doorward(?:\.[\w.]+)?) import", text, re.M)}
    assert imported == PUBLIC


BY_NAME = re.compile(
    r"\b(?:pip|pipx|uv tool) install [^\n`]*?(?<![\w./-])'?doorward(?:-core|-daemon)?(?=[\s'`\[=]|$)", re.M
)


def test_nothing_is_installed_by_a_name_that_no_index_has() -> None:
    """What has an extra is for who has doorward already: pip looks at what is installed first."""
    pages = {page.name: page.read_text() for page in PAGES}
    pages |= {str(file.name): file.read_text() for file in (*TEMPLATE, *(ROOT / "examples").rglob("*.py"))}
    told = {name: BY_NAME.findall(text) for name, text in pages.items()}
    assert {name: found for name, found in told.items() if found} == {
        "monitoring.md": ["pip install 'doorward"],
    }


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


def test_every_annotation_is_told_and_no_other() -> None:
    domains = ("ome.io/", "networking.ome.io/", "networking.knative.dev/", "doorward.io/")
    told = {key for key in quoted("annotations.md") if key.startswith(domains) and re.fullmatch(r"[\w.-]+/[\w-]+", key)}
    assert told == promised.annotations()


def test_what_every_object_bears_is_told() -> None:
    for obj in objects("examples/llama.yaml").values():
        metadata = obj["metadata"]
        keys = {*metadata.get("labels", {}), *(key for key in metadata.get("annotations", {}) if "doorward.io/" in key)}
        assert keys <= quoted("annotations.md")


REASONS = ("True", "Waiting", "For you to solve", "Warning events")


def reasons_told(heading: str) -> set[str]:
    """The names that first cells quote; the first one's first backtick is off by then."""
    return {name for cell in table("status.md", heading) for name in cell.split("`")[0::2] if name[:1].isupper()}


def test_every_reason_is_told_and_no_other() -> None:
    told = {name for heading in REASONS for name in reasons_told(heading)}
    assert promised.reasons() <= told
    components = {name for name in told if name.endswith("NotReady")}
    assert told - promised.reasons() - components <= promised.found(r'"([A-Z][A-Za-z]+)"')


def test_what_refuses_a_door_and_what_warns_is_told_where_readers_look() -> None:
    refusals, warnings = (promised.found(rf'\b{word}\(\s*"([A-Za-z]+)"') for word in ("Refusal", "Warning"))
    assert refusals <= reasons_told("For you to solve") | reasons_told("Waiting")
    assert warnings <= reasons_told("Warning events")


@pytest.mark.parametrize("heading", REASONS[1:])
def test_every_reason_has_a_cause_and_a_remedy(heading: str) -> None:
    rows = table("status.md", heading)
    assert rows
    assert {reason for reason, cells in rows.items() if len(cells) != 2 or not all(cells)} == set()


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
