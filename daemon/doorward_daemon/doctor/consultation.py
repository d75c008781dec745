"""From the command line to what is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import orjson
import structlog
import typer
import yaml
from doorward.backends import OME, NoSource
from doorward.cluster.kube import AccessError, KubeCluster
from doorward.cluster.protocol import ApiError, Cluster

from doorward_daemon.asking.failing import Unanswered
from doorward_daemon.doctor import names
from doorward_daemon.doctor.checks import Wanted, findings
from doorward_daemon.doctor.examination import examining
from doorward_daemon.doctor.finding import Finding
from doorward_daemon.doctor.request import Step, travel

__all__ = ["Consultation", "Told", "consult", "look_into"]


class Consultation(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    names: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    settings_namespace: str = "ome"
    lease: str = "doorward"
    account: str = "doorward"
    network: bool = True
    request: bool = False
    path: str = "/v1/models"
    to: str = ""
    output: str = "table"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    services: int
    findings: tuple[Finding, ...]
    requests: Mapping[str, tuple[Step, ...]] = {}
    """By service, how far a request came."""

    @property
    def well(self) -> bool:
        """Whether nothing is wrong, and every request arrived."""
        return not self.findings and all(steps[-1].well for steps in self.requests.values())


async def consult(kubeconfig: Path | None, context: str | None, asked: Consultation) -> int:
    """Look at a real cluster and print what was found; gives the exit status."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # findings are what is printed
    try:
        cluster = (
            KubeCluster.connect(context) if kubeconfig is None else KubeCluster.from_kubeconfig(kubeconfig, context)
        )
    except AccessError as error:
        return _failed(str(error))
    try:
        told = await look_into(cluster, asked)
    except TimeoutError:
        return _failed(f"{cluster.server} doesn't answer in time")
    except (ApiError, LookupError, NoSource, Unanswered) as error:
        return _failed(str(error))
    finally:
        await cluster.close()
    _print(told, asked.output)
    return 0 if told.well else 1


async def look_into(cluster: Cluster, asked: Consultation, wanted: Wanted | None = None) -> Told:
    """Look at a cluster.

    Raises ApiError, TimeoutError, NoSource, LookupError for a name that no service has, and Unanswered for what can't
    be one.
    """
    wanted = wanted or Wanted(
        named=bool(asked.names),
        lease=asked.lease,
        account=asked.account,
        look_up=names.resolve if asked.network else None,
    )
    async with examining(
        cluster,
        settings_namespace=asked.settings_namespace,
        namespaces=asked.namespaces,
        sources=asked.sources or (OME,),
        names=asked.names,
    ) as examination:
        found = await findings(examination, wanted)
        look_up = wanted.look_up or names.resolve
        travelled = {
            patient.name: tuple(await travel(patient, asked.path, asked.to, look_up))
            for patient in examination.patients
            if asked.request
        }
        return Told(services=len(examination.patients), findings=tuple(found), requests=travelled)


def _failed(message: str) -> int:
    typer.secho("error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
    typer.echo(message, err=True)
    return 2


def _print(told: Told, output: str) -> None:
    if output == "json":
        typer.echo(orjson.dumps(msgspec.to_builtins(told), option=orjson.OPT_INDENT_2).decode())
    elif output == "yaml":
        typer.echo(yaml.safe_dump(msgspec.to_builtins(told), sort_keys=False, allow_unicode=True, width=120), nl=False)
    else:
        _print_table(told)


def _print_table(told: Told) -> None:
    for finding in told.findings:
        typer.secho(f"{finding.about}: ", bold=True, nl=False)
        typer.secho(finding.reason, fg=typer.colors.RED, bold=True)
        _print_lines("cause", (finding.cause,))
        _print_lines("seen", finding.evidence)
        _print_lines("try", finding.remedy)
        typer.echo()
    for service, steps in told.requests.items():
        typer.secho(f"{service}: a request", bold=True)
        for step in steps:
            typer.secho(f"  {'ok' if step.well else 'FAILED':<8}", fg=_color(step.well), nl=False)
            typer.echo(f"{step.name:<8} {step.said}")
        typer.echo()
    many = len(told.findings)
    what = f"{many} finding{'s' if many != 1 else ''}" if many else "nothing is wrong"
    services = f"{told.services} service{'s' if told.services != 1 else ''}"
    typer.secho(f"{services} looked at: {what}", fg=_color(not many))


def _color(well: bool) -> str:
    return str(typer.colors.GREEN if well else typer.colors.RED)


def _print_lines(title: str, lines: Sequence[str]) -> None:
    for number, line in enumerate(lines):
        typer.echo(f"  {title if not number else '':<7}{line}")
