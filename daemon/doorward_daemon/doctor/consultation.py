"""From the command line to what is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import structlog
import typer
from doorward.backends import OME, NoSource
from doorward.cluster.kube import AccessError
from doorward.cluster.protocol import ApiError, Cluster
from doorward.model.counting import counted
from doorward.model.quoting import visible

from doorward_daemon.asking.failing import NO_ANSWER, Unanswered
from doorward_daemon.asking.printing import echo, structured
from doorward_daemon.doctor import names
from doorward_daemon.doctor.checks import Wanted, findings
from doorward_daemon.doctor.examination import examined
from doorward_daemon.doctor.finding import Finding, Severity
from doorward_daemon.doctor.request import Step, travel
from doorward_daemon.doctor.running import REASONS, Presence, look_for
from doorward_daemon.reaching import reached
from doorward_daemon.saying import say_error

__all__ = ["Consultation", "Told", "consult", "look_into"]


_COLORS: Mapping[Severity, str] = {
    "fault": typer.colors.RED,
    "warning": typer.colors.YELLOW,
    "remark": typer.colors.CYAN,
}


class Consultation(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    settings_namespace: str = "ome"
    lease: str = "doorward"
    url: str = ""
    account: str = "doorward"
    network: bool = True
    request: bool = False
    path: str = "/v1/models"
    to: str = ""
    output: str = "table"
    again: str = "doorward doctor"
    """The command line that asks this."""
    start: str = ""
    """The command line that begins a doorward before the same cluster, from here; empty: that isn't the way."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    services: int
    findings: tuple[Finding, ...]
    daemon: Presence
    """Whether a doorward runs, as far as anything tells."""
    requests: Mapping[str, tuple[Step, ...]] = {}
    """By service, how far a request came."""

    @property
    def wrong(self) -> int:
        """How many things are wrong: remarks aren't."""
        return sum(finding.severity != "remark" for finding in self.findings)

    @property
    def well(self) -> bool:
        """Whether nothing is wrong, and every request arrived."""
        return not self.wrong and all(steps[-1].well for steps in self.requests.values())


async def consult(kubeconfig: Path | None, context: str | None, asked: Consultation) -> int:
    """Look at a real cluster and print what was found; gives the exit status."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # findings are what is printed
    try:
        cluster = reached(kubeconfig, context)
    except AccessError as error:
        return _failed(str(error))
    try:
        told = await look_into(cluster, asked)
    except (ApiError, LookupError, NoSource, Unanswered) as error:
        return _failed(str(error))
    finally:
        await cluster.close()
    _print(told, asked.output)
    return 0 if told.well else 1


async def look_into(cluster: Cluster, asked: Consultation, wanted: Wanted | None = None) -> Told:
    """Look at a cluster.

    Raises ApiError, NoSource, LookupError for a name that no service has, and Unanswered for what can't
    be one.
    """
    wanted = wanted or Wanted(
        named=bool(asked.names),
        lease=asked.lease,
        url=asked.url,
        again=asked.again,
        start=asked.start,
        account=asked.account,
        look_up=names.resolve if asked.network else None,
    )
    examination = await examined(
        cluster,
        settings_namespace=asked.settings_namespace,
        namespaces=asked.namespaces,
        sources=asked.sources or (OME,),
        names=asked.names,
    )
    presence = await look_for(examination, wanted.lease, wanted.url, again=wanted.again)
    found = await findings(examination, wanted, presence)
    look_up = wanted.look_up or names.resolve
    travelled = {
        patient.name: tuple(await travel(patient, asked.path, asked.to, look_up))
        for patient in examination.patients
        if asked.request
    }
    return Told(services=len(examination.patients), findings=tuple(found), daemon=presence, requests=travelled)


def _failed(message: str) -> int:
    say_error(message)
    return NO_ANSWER


def _print(told: Told, output: str) -> None:
    if output == "table":
        _print_table(told)
    else:
        echo(structured(msgspec.to_builtins(told), output), nl=False)


def _print_table(told: Told) -> None:
    for finding in told.findings:
        typer.secho(f"{finding.about}: ", bold=True, nl=False)
        typer.secho(finding.reason, fg=_COLORS[finding.severity], bold=True, nl=False)
        typer.echo("" if finding.severity == "fault" else f" ({finding.severity})")
        _print_lines("cause", (finding.cause,))
        _print_lines("seen", finding.evidence)
        _print_lines("try", finding.remedy)
        typer.echo()
    for service, steps in told.requests.items():
        typer.secho(f"{service}: a request", bold=True)
        for step in steps:
            typer.secho(f"  {'ok' if step.well else 'FAILED':<8}", fg=_color(step.well), nl=False)
            typer.echo(f"{step.name:<8} {visible(step.said)}")
        typer.echo()
    _print_presence(told)
    what = counted(told.wrong, "finding") if told.wrong else "nothing is wrong"
    if remarks := len(told.findings) - told.wrong:
        what += f", {counted(remarks, 'remark')}"
    typer.secho(f"{counted(told.services, 'service')} looked at: {what}", fg=_color(not told.wrong))


def _print_presence(told: Told) -> None:
    """Whether a doorward runs, unless a finding says so."""
    if any(finding.reason in REASONS for finding in told.findings):
        return
    typer.secho("doorward: ", bold=True, nl=False)
    if told.daemon.state == "runs":
        typer.echo("runs")
    else:
        typer.echo("nobody was seen; one without a Lease that has nothing to do leaves no trace")
    _print_lines("seen", told.daemon.seen)
    _print_lines("try", told.daemon.look[:1])
    typer.echo()


def _color(well: bool) -> str:
    return str(typer.colors.GREEN if well else typer.colors.RED)


def _print_lines(title: str, lines: Sequence[str]) -> None:
    for number, line in enumerate(lines):
        typer.echo(f"  {title if not number else '':<7}{visible(line)}")
