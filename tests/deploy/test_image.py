"""The image: what its Containerfile puts together starts as nobody, in a root without a shell that stays as it is."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from doorward_daemon.commands import app

from tests.deploy.images import ROOT, SHELLS, Confined, confined_to, load, need_a_root_of_its_own, programs_of
from tests.packaging.test_distributions import PACKAGES
from tests.packaging.test_pins import pins

CONTAINERFILE = ROOT / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in CONTAINERFILE.read_text().splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first stage puts together; in place of what pip would get, what is installed here."""
    image, root = load(), tmp_path_factory.mktemp("image")
    patch = pytest.MonkeyPatch()
    patch.setattr(image, "install", install)
    patch.setattr(image.compileall, "compile_dir", lambda *_, **__: True)
    with patch.context():
        image.main(root)
    patch.undo()
    root.chmod(0o755)
    return root


def install(target: Path) -> None:
    for name in pins("doorward.txt"):
        try:
            found = distribution(name)
        except ModuleNotFoundError:  # for another Python, or system
            continue
        for file in found.files or ():
            here = Path(str(found.locate_file(file)))
            if ".." not in file.parts and "__pycache__" not in file.parts and here.is_file():
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(here, target / file)
    for member, package in PACKAGES.items():
        shutil.copytree(ROOT / member / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
        name = "doorward-core" if member == "core" else f"doorward-{Path(member).name.replace('_', '-')}"
        metadata = Path(str(distribution(name).locate_file("."))).glob(f"{name.replace('-', '_')}-*.dist-info")
        for folder in metadata:
            shutil.copytree(folder, target / folder.name)


@pytest.fixture
def confined(root: Path) -> Confined:
    """Runs a program in the image: as its user, with a root that can't be written."""
    need_a_root_of_its_own()
    return confined_to(root)


def test_it_begins_with_no_more_than_was_put_together_and_runs_as_nobody() -> None:
    stages = CONTAINERFILE.read_text().split("\nFROM ")
    last = [line.split(maxsplit=1) for line in ("FROM " + stages[-1]).splitlines()]
    assert last[0] == ["FROM", "scratch"]
    assert ["USER", "65532:65532"] in last
    assert [words[1] for words in last if words[0] == "COPY"] == ["--from=build /image /"]
    assert "RUN" not in {words[0] for words in last}
    (command,) = (words[1] for words in last if words[0] == "CMD")
    assert json.loads(command) == ["doorward", "run"]
    assert load().USER == 65532


def test_the_first_stage_has_what_it_works_with_and_no_shell_s_help() -> None:
    ignored = (ROOT / ".containerignore").read_text()
    copied = [shlex.split(words)[0] for name, words in instructions() if name == "COPY" and "--from" not in words]
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored.splitlines()
    assert [json.loads(words) for name, words in instructions() if name == "RUN"] == [
        ["python", "deploy/image.py", "/image"]
    ]
    image = load()
    assert set(image.MEMBERS) == PACKAGES.keys()
    assert all(any(Path(member).is_relative_to(source) for source in copied) for member in image.MEMBERS)


def test_what_is_pinned_is_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = load()
    ran: list[list[str]] = []
    monkeypatch.setattr(image, "run", ran.append)
    monkeypatch.setenv("PLUGINS", "doorward-hello==1.0 another")
    image.install(tmp_path)
    assert [command[1:4] for command in ran] == [["-m", "pip", "install"]] * 3
    assert "--require-hashes" in ran[0]
    assert ran[0][-1] == str(ROOT / "requirements" / "doorward.txt")
    assert [Path(each).relative_to(ROOT) for each in ran[1][-len(PACKAGES) :]] == [Path(each) for each in image.MEMBERS]
    assert ran[2][-2:] == ["doorward-hello==1.0", "another"]


def test_there_is_neither_a_shell_nor_anything_that_belongs_to_root_alone(root: Path) -> None:
    assert not programs_of(root) & SHELLS
    modes = {file: file.stat().st_mode for file in root.rglob("*") if not file.is_symlink()}
    assert not [file for file, mode in modes.items() if mode & 0o6000]


def test_it_starts_as_nobody_in_a_root_that_cannot_be_written(confined: Confined) -> None:
    done = confined("doorward", "--version")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"doorward \d+\.\d+\.\d+\n", done.stdout)


def test_it_has_every_command_and_every_backend(confined: Confined) -> None:
    done = confined("doorward", "install", "--output", "yaml")
    assert done.returncode == 0, done.stderr
    for resource in ("virtualservices", "httproutes", "ingresses", "inferenceservices"):
        assert resource in done.stdout
    names = {command.name for command in app.registered_commands}
    assert names <= set(re.findall(r"^  (\w+) ", confined("doorward", "--help").stdout, re.MULTILINE))


def test_it_speaks_tls_and_has_the_certificates_of_authorities(confined: Confined) -> None:
    asked = "import getpass, sqlite3, ssl; print(len(ssl.create_default_context().get_ca_certs()), getpass.getuser())"
    done = confined(str(Path(sys.executable).resolve()), "-c", asked)
    assert done.returncode == 0, done.stderr
    count, user = done.stdout.split()
    assert user == "doorward"
    assert int(count) > 0 or not Path("/etc/ssl/certs/ca-certificates.crt").exists()
