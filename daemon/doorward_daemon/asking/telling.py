"""The story of one door, printed."""

from __future__ import annotations

from doorward.backends import Backends, installed_sources

from doorward_daemon.asking import journals
from doorward_daemon.asking.printing import echo, structured, table
from doorward_daemon.asking.services import About
from doorward_daemon.asking.story import COLUMNS, tell
from doorward_daemon.saying import say_error

__all__ = ["log"]


def log(where: str, service: str, namespace: str, since: str, format: str, cluster: str = "") -> int:
    """Print it; gives the exit status.  Raises JournalError, Unanswered."""
    ((namespace, name),) = About.of([service], namespace).names
    earliest = journals.since(since) if since else 0.0
    kinds = {source.resource.kind: source for source in Backends(sources=installed_sources()).sources.values()}
    with journals.opened(where, cluster) as journal:
        lines = list(tell(journal, namespace, name, kinds, journals.beginning(journal)))
    told = [line for line in lines if line.at >= earliest]
    if not lines:
        say_error(f"the journal knows no service {namespace}/{name}")
        return 1
    if format != "table":
        echo(structured([line.plain() for line in told], format), nl=False)
        return 0
    for line in table(COLUMNS, [line.cells() for line in told]) if told else ():
        echo(line)
    return 0
