"""A journal decided again, and what came of it printed."""

from __future__ import annotations

import msgspec
import typer
from doorward.backends import BackendError, Backends, installed_sources
from doorward.journal import Journal
from doorward.model.counting import counted
from doorward.model.event import Issued
from doorward.model.quoting import visible
from doorward.model.reference import JsonObject
from doorward.model.timestamp import rfc3339
from doorward.replaying import Difference, Replay

from doorward_daemon.asking import journals
from doorward_daemon.asking.differences import differences, named
from doorward_daemon.asking.doors import COLUMNS, rows
from doorward_daemon.asking.failing import Unanswered
from doorward_daemon.asking.loading import loaded
from doorward_daemon.asking.printing import echo, filled, structured, styled, table
from doorward_daemon.asking.services import About

__all__ = ["Question", "replay"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked; ``namespace`` is empty for all of them."""

    names: tuple[str, ...] = ()
    namespace: str = ""
    at: str = ""
    since: str = ""
    plugins: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """None: those that the journal has doors of."""
    cluster: str = ""
    """Whose journal, in a database that has several."""
    format: str = "table"


def replay(where: str, question: Question) -> int:
    """Print the doors and the differences; gives the exit status.  Raises JournalError, Unanswered."""
    about = About.of(question.names, question.namespace, everywhere=not question.namespace)
    with journals.opened(where, question.cluster) as journal:
        try:
            engine = Replay(Backends(loaded(question.plugins), sources=question.sources or _sources(journal)))
        except (BackendError, ValueError) as error:
            raise Unanswered(str(error)) from error
        end = journals.number_at(journal, question.at) if question.at else journal.last_number
        found = [each for each in _compared(engine, journal, question.since, end) if about.has(each.service)]
        newest = journal.chain(end)
    moment = filled({"record": end, "time": rfc3339(newest[0].event.at) if newest else ""})
    if question.format != "table":
        doors = [row.plain() for row in rows(engine, about, then=True)]
        told = {"at": moment, "compared": engine.compared, "doors": doors}
        echo(structured({**told, "differences": [_plain(each) for each in found]}, question.format), nl=False)
    else:
        _print(engine, about, found, moment)
    return 1 if found else 0


def _sources(journal: Journal) -> list[str]:
    """The sources that it may have doors of: of those of some objects of a kind, the ones that were written for."""
    actions = (record.event.action for record in journal.replay() if isinstance(record.event, Issued))
    written = {action.ref.kind for action in actions if action.verb == "status"}
    each = {name: Backends(sources=[name]) for name in installed_sources()}
    return [name for name, one in each.items() if not one.selecting or one.sources.keys() & written]


def _compared(engine: Replay, journal: Journal, since: str, end: int) -> list[Difference]:
    """What differs up to a record, and from there on."""
    first = next(journal.replay(), None)
    start = journals.number_at(journal, since) if since else first.number - 1 if first else end
    start = min(start, end)
    engine.begin(journal.restore(start))
    found = []
    for record in journal.replay(start):
        if record.number > end:
            break
        if difference := engine.follow(record):
            found.append(difference)
    return [*found, *engine.pending(journal.replay(end))]


def _print(engine: Replay, about: About, found: list[Difference], moment: JsonObject) -> None:
    shown = rows(engine, about, then=True)
    now = engine.now
    for line in table(COLUMNS, [row.cells(now) for row in shown]) if shown else ():
        echo(line)
    at = ", ".join(map(str, moment.values()))
    typer.echo(f"as of record {at}; {counted(engine.compared, 'write')} compared", err=True)
    for each in found:
        number = f"record {each.number}, {rfc3339(each.at)}"
        echo(styled(f"{visible(str(each.service))}, {number}", "bold"))
        echo(f"  then: {visible(each.then) or 'nothing'}")
        echo(styled(f"  now:  {visible(each.now) or 'nothing'}", "yellow"))
        for what in _how(each):
            echo(f"        {visible(what)}")


def _plain(each: Difference) -> JsonObject:
    where = {"namespace": each.service.namespace, "service": each.service.name, "kind": each.service.kind}
    told = {**where, "record": each.number, "time": rfc3339(each.at), "then": each.then, "now": each.now}
    return {**told, **filled({"how": _how(each)})}


def _how(each: Difference) -> list[str]:
    """In what two writes of the same sort differ."""
    return list(map(named, differences(*each.bodies))) if each.bodies else []
