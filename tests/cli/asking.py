"""The commands that ask, called in this process before the embedded cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import yaml
from doorward.cluster.protocol import Cluster
from doorward_daemon.asking import looking
from doorward_daemon.commands import app
from doorward_daemon.daemon import Options, reconcile
from typer.testing import CliRunner

from tests.cli.rendering import Printed
from tests.shell.running import Running


class Asked(Printed):
    """What came of it."""

    @property
    def lines(self) -> list[list[str]]:
        """The cells of a table."""
        return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in self.out.splitlines()]

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)

    @property
    def yaml(self) -> Any:
        return yaml.safe_load(self.out)


@contextmanager
def reached(cluster: Cluster, namespace: str = "a") -> Iterator[None]:
    """Have commands reach this cluster, and its namespace ``namespace``, whatever kubeconfig there is."""
    with patch.object(looking, "connect", lambda *_: looking.Reached(cluster, namespace)):
        yield


def ask(running: Running | None, *arguments: str | Path, stdin: str | None = None, **env: str | None) -> Asked:
    """Call a command; Asked tells of its end."""
    with reached(running.cluster if running else Running().cluster):
        result = CliRunner().invoke(app, [*map(str, arguments)], input=stdin, env={"POD_NAMESPACE": None, **env})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Asked(result.exit_code, result.stdout, result.stderr)


def settled(running: Running, **options: Any) -> Running:
    """The same cluster, once the daemon has done what there is to do."""
    asyncio.run(reconcile(running.cluster, Options(once=True, **options)))
    return running
