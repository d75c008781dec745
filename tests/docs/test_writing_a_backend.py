"""The tutorial is followed, from nothing to a door that is rendered by a wheel which somebody else has installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.controlplane.providers import ApiServer
from tests.docs import ROOT, TUTORIAL
from tests.docs.environment import write
from tests.docs.following import Reader, edited, sections

SECTIONS = sections(TUTORIAL)
CLUSTER = "On a real cluster"


@pytest.fixture(scope="module", name="followed")
def _followed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    """The reader at the end of each section but the one that needs a cluster."""
    reader = Reader.at(tmp_path_factory.mktemp("reader"))
    clone(reader.folder / "doorward")
    reader.environ["PYTEST_ADDOPTS"] = "--doorward-examples 10"
    reader.environ["PIP_NO_COMPILE"] = "1"
    at = {}
    for heading, blocks in SECTIONS.items():
        if heading != CLUSTER:
            for block in blocks:
                reader = reader.follow(block)
        at[heading] = reader
    return at


def test_it_leads_to_a_wheel_that_somebody_else_installs(followed: dict[str, Reader]) -> None:
    end = followed["Somebody else installs it"]
    assert Path(end.environ["VIRTUAL_ENV"]).name == "theirs"
    installed = Path(end.environ["VIRTUAL_ENV"]).glob("lib/*/site-packages/doorward_turnstile/__init__.py")
    written = end.folder / "doorward-turnstile" / "doorward_turnstile" / "__init__.py"
    assert [file.read_text() for file in installed] == [written.read_text()]


def clone(folder: Path) -> None:
    """What stands for the reader's clone: its ``./dev build`` builds from this one."""
    folder.mkdir()
    build = f'cd "{ROOT}" && exec "{sys.executable}" -m tests.packaging.building "$OLDPWD/dist"'
    write(folder / "dev", f'[ "$1" = build ] && {build}', Path(sys.executable))


@pytest.mark.cluster
def test_the_backend_opens_a_door_on_a_real_cluster(
    followed: dict[str, Reader], own_api_server: ApiServer, tmp_path: Path
) -> None:
    reader, kubectl = followed["Look at a door"], providers.kubectl()
    assert kubectl is not None
    (tmp_path / "kubectl").symlink_to(kubectl)
    reader.environ["KUBECONFIG"] = str(own_api_server.kubeconfig)
    reader.environ["PATH"] += os.pathsep + str(tmp_path)
    for block in SECTIONS[CLUSTER]:
        reader = reader.follow(block)


def test_a_part_of_a_file_takes_the_place_of_what_has_its_name() -> None:
    text = "A = 1\n\n\n@a\ndef f():\n    return 1\n\n\ndef g():\n    pass\n"
    part = "@b\ndef f():\n    return h()\n\n\ndef h():\n    return 2\n"
    expected = "A = 1\n\n\n@b\ndef f():\n    return h()\n\n\ndef h():\n    return 2\n\n\ndef g():\n    pass\n"
    assert edited(text, part) == expected


def test_what_a_page_says_falsely_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("## A\n\n```sh\necho b c; false\n```\n\n<!-- prints -->\n```\nb\n```\n")
    commands, printed = sections(page)["A"]
    reader = Reader.at(tmp_path / "home")
    with pytest.raises(AssertionError, match="ended with 1"):
        reader.follow(commands)
    with pytest.raises(AssertionError, match="isn't printed"):
        reader.follow(commands._replace(note="fails")).follow(printed)
