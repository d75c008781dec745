"""Whether the daemon is ready, and what there is to say about it."""

from __future__ import annotations

from doorward.lease import Candidate
from doorward.runtime.shell import Shell


def readiness(shell: Shell, candidate: Candidate | None = None) -> tuple[bool, list[str]]:
    """Whether the daemon is ready, to lead or to stand by, and what there is to say about it."""
    engine = shell.engine
    said = []
    if candidate and candidate.problem:
        said.append(f"lease {candidate.namespace}/{candidate.name}: {candidate.problem}")
    elif candidate and not shell.leading:
        said.append(f"stands by: {candidate.holder or 'nobody'} leads")
    if engine.unsynced:
        said.append(f"not listed yet: {', '.join(engine.unsynced)}")
    in_force = engine.settings is not None
    for problem in engine.problems:
        said.append(f"settings: {problem}" + ("; the last good ones stay in force" if in_force else ""))
    if not in_force and not engine.problems and not engine.unsynced:
        said.append("settings: none are in force")
    for kind, state in engine.missing.items():
        what = "isn't served by this cluster" if state == "absent" else "may not be listed"
        said.append(": ".join(filter(None, (f"{kind} {what}", engine.why_missing(kind)))))
    for (kind, _), why in shell.unwatched.items():
        said.append(f"{kind} may not be watched, and is listed again and again: {why}")
    if shell.journal_problem:
        said.append(shell.journal_problem)
    return engine.ready and not (candidate and candidate.problem), said
