"""What came out: which promises a backend keeps, and what shows it where it doesn't."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from doorward.model.counting import counted
from doorward.model.reference import JsonObject
from doorward.testing.conformance import living, rendering, served
from doorward.testing.conformance.breach import Breach
from doorward.testing.conformance.evaluator import Evaluator
from doorward.testing.conformance.rule import Rule
from doorward.testing.conformance.subject import NotTried, Subject

__all__ = ["RULES", "Finding", "Report", "conform", "try_rule"]

RULES = (*rendering.RULES, *living.RULES, *served.RULES)
"""All of them, in the order in which they are tried: what a rendering has wrong comes before what follows."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One promise, and what came of it."""

    rule: str
    """Its name (docs/conformance.md, The promises)."""
    promise: str
    """What is promised, in one sentence."""
    outcome: Literal["kept", "broken", "doesn't apply", "not tried"]
    """What came of it; it doesn't apply to a backend that doesn't do what it is about."""
    what: str = ""
    """What is broken, with the smallest that shows it; or why it wasn't tried."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All promises of one backend, in their order."""

    backend: str
    """The backend's name."""
    findings: tuple[Finding, ...]
    """One for each rule."""

    @property
    def broken(self) -> list[Finding]:
        """The promises that aren't kept."""
        return [each for each in self.findings if each.outcome == "broken"]

    @property
    def kept(self) -> tuple[int, int]:
        """How many promises are kept, and of how many; those that don't apply or weren't tried don't count."""
        asked = sum(each.outcome in ("kept", "broken") for each in self.findings)
        return asked - len(self.broken), asked

    @property
    def summary(self) -> str:
        """``NAME keeps 24 of 26 promises``."""
        kept, asked = self.kept
        return f"{self.backend} keeps {kept} of {asked} promises"

    def to_text(self) -> str:
        """A line for each promise, and below those that are broken what shows it."""
        marks = {"kept": "kept   ", "broken": "BROKEN ", "doesn't apply": "  --   ", "not tried": "  ??   "}
        lines = []
        for each in self.findings:
            lines.append(f"{marks[each.outcome]} {each.rule:<26} {each.promise}")
            lines += [f"            {line}" for line in each.what.splitlines()]
        untried = sum(each.outcome == "not tried" for each in self.findings)
        left = counted(untried, "wasn't", "weren't")
        return "\n".join([*lines, "", self.summary + (f"; {left} tried" if untried else "")])

    def to_badge(self) -> JsonObject:
        """What a badge shows, in the form of an endpoint of shields.io."""
        kept, asked = self.kept
        color = "red" if self.broken else "brightgreen"
        return {"schemaVersion": 1, "label": "doorward backend", "message": f"{kept}/{asked}", "color": color}


def conform(
    name: str,
    evaluator: Evaluator,
    plugin: object = None,
    *,
    examples: int = 100,
    kubeconfig: Path | None = None,
    definitions: Sequence[JsonObject] = (),
) -> Report:
    """Try every promise on a backend: the installed one of that name, or ``plugin``, a module or object with hooks.

    ``examples`` says on how many doors each promise is tried.  ``kubeconfig`` names a real API server; without one, the
    promises that need it aren't tried.  ``definitions`` are the CustomResourceDefinitions that it is to have beyond its
    own.  A backend that can't be loaded is a finding; raises ValueError for an evaluator whose ``config`` can't be the
    settings.
    """
    subject = Subject(name, evaluator, plugin, examples=examples, kubeconfig=kubeconfig, definitions=definitions)
    return Report(backend=name, findings=tuple(try_rule(rule, subject) for rule in RULES))


def try_rule(rule: Rule, subject: Subject) -> Finding:
    told = Finding(rule=rule.name, promise=rule.promise, outcome="kept")
    try:
        if not rule.applies(subject):
            return msgspec.structs.replace(told, outcome="doesn't apply")
        if rule.served and subject.kubeconfig is None:
            raise NotTried("there is no API server; name one: --doorward-kubeconfig=FILE")
        rule.check(subject)
    except Breach as breach:
        return msgspec.structs.replace(told, outcome="broken", what=str(breach))
    except NotTried as why:
        return msgspec.structs.replace(told, outcome="not tried", what=str(why))
    return told
