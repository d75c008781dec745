"""``examples/embedded_controller.py``: the shell as one task of somebody else's controller."""

from __future__ import annotations

import pytest
from doorward.cluster.embedded import EmbeddedCluster

from tests.examples import load
from tests.shell.running import SERVICE, Running, until


async def test_doors_open_while_the_controller_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    running = Running(EmbeddedCluster())
    running.add("m", "n")
    controller = load("embedded_controller.py")
    services = await controller.control(running.cluster, until(lambda: running.ready("m", "n")))
    assert services == 2
    assert running.get(SERVICE, "m")["status"]["url"] == "http://m.a.example.com"  # type: ignore[index]
    assert "create Ingress a/m: the door opens -> Applied" in capsys.readouterr().out
