"""The documentation as a site: ``./dev docs`` builds it into ``dist/site``, and fails where a link leads nowhere.

The pages are those of ``docs/``, in the order of the first page's table, which is the navigation.  What they
link to elsewhere in the repository becomes a page, too, so that the site is whole by itself.  Zensical turns Markdown
into pages and follows each link; ``requirements/docs.txt`` pins it, and it is installed into the cache.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.controlplane.binaries import Tell
from tests.controlplane.packages import NotInstalled, packages
from tests.docs import ROOT

CONFIGURATION = ROOT / "zensical.toml"
TARGET = ROOT / "dist" / "site"
BESIDE = "repository"
"""Where the site has what isn't in ``docs/``."""
LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml", ".json": "json"}

_FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_NOTE = re.compile(r"^<!-- .* -->\n(?=```)", re.MULTILINE)
"""What a block is, for the tests."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
_LISTED = re.compile(r"\[([^\]]+)\]\(([\w/.-]+\.md)\)")


class Unfinished(Exception):
    """The site can't be built; the message says why, and what to do."""


class Entry(NamedTuple):
    """A page of the navigation, and the section that it is in; none for those that come first."""

    section: str
    title: str
    page: str


def navigation(index: str) -> list[Entry]:
    """The pages that the table of ``index.md`` names, each once, under the bold words above them."""
    entries = [Entry("", "doorward", "index.md")]
    section = ""
    for line in index.splitlines():
        if heading := re.fullmatch(r"\| \*\*(.+)\*\* \| \|", line):
            section = heading[1]
        elif line.startswith("| "):
            entries += [Entry(section, title, page) for title, page in _LISTED.findall(line)]
    return entries


def missing(entries: Sequence[Entry], docs: Path) -> list[str]:
    """What is wrong with a navigation: pages that it hasn't got, has twice, or that aren't there."""
    listed = [entry.page for entry in entries]
    there = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    problems = [f"docs/{page} isn't in the table of docs/index.md; add it there" for page in sorted(there - {*listed})]
    problems += [f"docs/index.md lists {page}, which isn't there" for page in sorted({*listed} - there)]
    return problems + [f"docs/index.md lists {page} twice" for page in sorted({*listed}) if listed.count(page) > 1]


def in_toml(entries: Sequence[Entry]) -> str:
    """The setting ``nav``, each section once, where its first page is."""
    sections: dict[str, list[str]] = {}
    for entry in entries:
        sections.setdefault(entry.section, []).append(f"{{ {json.dumps(entry.title)} = {json.dumps(entry.page)} }}")
    first = sections.pop("", [])
    rest = [f"{{ {json.dumps(title)} = [{', '.join(pages)}] }}" for title, pages in sections.items()]
    return "nav = [\n" + "".join(f"    {line},\n" for line in (*first, *rest)) + "]\n"


# -- pages


class Pages:
    """The pages of a site in the making: those of ``docs/``, and what they lead to."""

    def __init__(self, docs: Path, into: Path) -> None:
        self._docs = docs
        self._root = docs.parent
        self._into = into
        self._waiting: list[Path] = []
        self._begun: set[Path] = set()

    def write(self) -> None:
        """Raises Unfinished where a link leads out of the repository."""
        for file in sorted(self._docs.rglob("*")):
            if file.is_file():
                self._place(file)
        while self._waiting:
            file = self._waiting.pop()
            place = self._page(file)
            place.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".md":
                place.write_text(self._relinked(file))
            elif file.is_relative_to(self._docs):
                shutil.copy(file, place)
            else:
                place.write_text(self._shown(file))

    def _place(self, file: Path) -> Path:
        if file not in self._begun:
            self._begun.add(file)
            self._waiting.append(file)
        return self._page(file)

    def _page(self, file: Path) -> Path:
        if file.is_relative_to(self._docs):
            return self._into / file.relative_to(self._docs)
        page = self._into / BESIDE / file.relative_to(self._root)
        return page if file.suffix == ".md" else page.with_name(f"{page.name}.md")

    def _relinked(self, file: Path) -> str:
        """A page whose links lead to where the site has what they name."""

        def link(found: re.Match[str]) -> str:
            if found[2].startswith(("https://", "http://", "mailto:")):
                return found[0]
            target = (file.parent / found[2]).resolve()
            if target.is_relative_to(self._docs) and not target.exists():
                return found[0]  # Zensical names it, and its line.
            if not target.is_relative_to(self._root) or not target.exists():
                raise Unfinished(f"{file.relative_to(self._root)}: {found[2]} leads nowhere")
            return f"{found[1]}{os.path.relpath(self._place(target), self._page(file).parent)}{found[3]}"

        parts = _FENCED.split(_NOTE.sub("", file.read_text()))
        return "".join(part if part.startswith("```") else _LINK.sub(link, part) for part in parts)

    def _shown(self, file: Path) -> str:
        """A page with a file of the repository, or with what a folder has."""
        name = file.relative_to(self._root)
        head = f"---\nsearch:\n  exclude: true\n---\n# {name}\n\n"
        if file.is_dir():
            inner = [each for each in sorted(file.iterdir()) if each.is_file()]
            links = (os.path.relpath(self._place(each), self._page(file).parent) for each in inner)
            return head + "".join(f"- [{each.name}]({link})\n" for each, link in zip(inner, links, strict=True))
        return f"{head}``````{LANGUAGES.get(file.suffix, 'text')}\n{file.read_text()}``````\n"


# -- building


def zensical(tell: Tell) -> Path:
    """A folder for PYTHONPATH with Zensical, at the version that is pinned.  Raises NotInstalled."""
    return packages("docs", "Zensical", tell)


def build(docs: Path, target: Path, installed: Path) -> None:
    """Build ``docs`` into ``target``, which is replaced, with the packages of a folder.  Raises Unfinished."""
    entries = navigation((docs / "index.md").read_text())
    if problems := missing(entries, docs):
        raise Unfinished("\n".join(problems))
    with TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        Pages(docs.resolve(), folder / "docs").write()
        text = CONFIGURATION.read_text().replace("[project]\n", f"[project]\n{in_toml(entries)}", 1)
        (folder / "zensical.toml").write_text(text)
        environ = {**os.environ, "PYTHONPATH": str(installed)}
        run = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict"],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if run.returncode:
            raise Unfinished(_COLOUR.sub("", run.stdout).partition("Traceback")[0].strip())
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder / "site", target)


def main(arguments: Sequence[str]) -> int:
    target = Path(arguments[0]).absolute() if arguments else TARGET
    try:
        build(ROOT / "docs", target, zensical(lambda message: print(message, file=sys.stderr)))
    except (Unfinished, NotInstalled) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"the site is in {target}: open {target / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
