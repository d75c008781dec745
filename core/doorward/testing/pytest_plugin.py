"""``pytest --doorward-backend=NAME``: the kit as a plugin of pytest.

It does nothing without its options; what it needs beyond pytest is imported with it.
"""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from doorward.model.reference import JsonObject
    from doorward.testing.conformance.report import Finding, Report
    from doorward.testing.conformance.subject import Subject

SUITE = "doorward.testing.conformance.suite"
_OPTIONS = {
    "backend": "the backend whose promises are tried, as users name it",
    "evaluator": "MODULE:CLASS of its Evaluator, which tells how requests travel by its objects",
    "kubeconfig": "the kubeconfig of a real API server, for the promises that need one",
    "report": "a file for the report, as JSON; beside it NAME.badge.json, for a badge",
}
_EXAMPLES = 100


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("doorward", "conformance of a doorward backend")
    for name, help in _OPTIONS.items():
        group.addoption(f"--doorward-{name}", metavar=name.upper(), help=help)
        parser.addini(f"doorward_{name}", help, default="")
    files = "a file of CustomResourceDefinitions that the API server is to have; may be given again"
    group.addoption("--doorward-definitions", metavar="FILE", action="append", default=[], help=files)
    count = f"on how many doors each promise is tried (default: {_EXAMPLES})"
    group.addoption("--doorward-examples", metavar="N", type=int, help=count)


def option(config: pytest.Config, name: str) -> str:
    """An option of the command line, else of pytest's configuration."""
    return str(config.getoption(f"doorward_{name}") or config.getini(f"doorward_{name}") or "")


def pytest_configure(config: pytest.Config) -> None:
    name = option(config, "backend")
    if not name:
        _refuse_to_do_nothing(config)
        return
    if not find_spec("hypothesis"):
        raise pytest.UsageError("--doorward-backend needs hypothesis: install doorward-core[testing]")
    config.stash[_PLAYED] = Played(name, _subject(config, name))
    suite = find_spec(SUITE)
    assert suite is not None
    assert suite.origin is not None
    config.args.append(suite.origin)


def _refuse_to_do_nothing(config: pytest.Config) -> None:
    """Nobody gives an option for no backend: what names one hasn't been read, and without it all would be green.

    pytest looks for its configuration beside the arguments that are there, and takes an option's value for one of them
    unless ``=`` stands between (``_pytest/config/findpaths.py``).
    """
    given = [name for name in (*_OPTIONS, "definitions", "examples") if config.getoption(f"doorward_{name}")]
    if given:
        raise pytest.UsageError(
            f"--doorward-{given[0]} is given, and no backend is named: add --doorward-backend NAME; where pytest's "
            f"configuration names it, write --doorward-{given[0]}=… with =, since pytest takes a file after a blank "
            "for a path of tests, and looks for its configuration there"
        )


def _subject(config: pytest.Config, name: str) -> Subject:
    from doorward.testing.conformance.subject import Subject

    where = option(config, "evaluator")
    module, _, attribute = where.partition(":")
    if not module or not attribute:
        raise pytest.UsageError(
            f"--doorward-evaluator {where!r}: name the Evaluator of backend {name} as MODULE:CLASS, for example "
            "tests.evaluator:Evaluator"
        )
    try:
        evaluator = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise pytest.UsageError(f"--doorward-evaluator {where}: {error}") from error
    where = option(config, "kubeconfig")
    if where and not Path(where).expanduser().is_file():
        raise pytest.UsageError(f"--doorward-kubeconfig {where}: there is no such file")
    return Subject(
        name,
        evaluator() if isinstance(evaluator, type) else evaluator,
        examples=config.getoption("doorward_examples") or _EXAMPLES,
        kubeconfig=Path(where).expanduser() if where else None,
        definitions=[each for file in config.getoption("doorward_definitions") for each in _read(Path(file))],
    )


def _read(file: Path) -> list[JsonObject]:
    import yaml

    try:
        found = [each for each in yaml.safe_load_all(file.read_text()) if each]
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise pytest.UsageError(f"--doorward-definitions {file}: {error}") from error
    for each in found:
        kind = each.get("kind") if isinstance(each, dict) else type(each).__name__
        if kind != "CustomResourceDefinition":
            raise pytest.UsageError(f"--doorward-definitions {file}: {kind} is no CustomResourceDefinition")
    return found


class Played:
    """The promises tried so far, and what came of them."""

    def __init__(self, name: str, subject: Subject) -> None:
        from doorward.testing.conformance.report import RULES

        self.name = name
        self.subject = subject
        self.rules = {rule.name: rule for rule in RULES}
        self.findings: dict[str, Finding] = {}

    def try_rule(self, name: str) -> Finding:
        from doorward.testing.conformance.report import try_rule

        self.findings[name] = try_rule(self.rules[name], self.subject)
        return self.findings[name]

    def report(self) -> Report:
        from doorward.testing.conformance.report import Report

        return Report(backend=self.name, findings=tuple(self.findings.values()))


_PLAYED = pytest.StashKey[Played]()


@pytest.fixture
def doorward_played(pytestconfig: pytest.Config) -> Played:
    """The backend that is tried."""
    return pytestconfig.stash[_PLAYED]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "doorward_rule" in metafunc.fixturenames:
        played = metafunc.config.stash[_PLAYED]
        metafunc.parametrize("doorward_rule", list(played.rules), ids=[name.replace(" ", "-") for name in played.rules])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    played = config.stash.get(_PLAYED, None)
    if played is None or not played.findings:
        return
    report = played.report()
    terminalreporter.section(f"doorward: backend {played.name}")
    terminalreporter.write_line(report.to_text())
    if where := option(config, "report"):
        import msgspec

        path = Path(where)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
        path.with_suffix(".badge.json").write_text(json.dumps(report.to_badge()) + "\n")
