"""``doorward run --once``, and the same without writing anything."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.controlplane.providers import ApiServer
from tests.e2e.doors import DOORS, INGRESS
from tests.e2e.place import place
from tests.e2e.rights import account, documents
from tests.e2e.world import World, world_of
from tests.patience import PATIENCE


async def run(kubeconfig: Path, world: World, *options: str) -> tuple[int, str]:
    """Status and output of a run to its end; the log goes elsewhere."""
    namespaces = [part for name in world.namespaces for part in ("--namespace", name)]
    command = [sys.executable, "-m", "doorward_daemon", "run", "--kubeconfig", str(kubeconfig), *namespaces, *options]
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "POD_NAMESPACE": world.namespaces[0]},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, log = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode is not None
    assert process.returncode == 0, log.decode()
    return process.returncode, out.decode()


async def test_a_dry_run_writes_nothing_and_a_single_pass_everything(api_server: ApiServer, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    with place(api_server.kubeconfig, INGRESS, serve=False, doorward="overlapSeconds: 1") as made:
        async with world_of(api_server.kubeconfig, made.namespaces) as world:
            await account(api_server.kubeconfig, documents(world.namespaces[0]), kubeconfig)
            for door, wanted in DOORS.items():
                await world.add(f"m-{door.replace('_', '-')}", wanted.annotations, labels=wanted.labels)
            await world.create(
                {
                    "apiVersion": "ome.io/v1beta1",
                    "kind": "InferenceService",
                    "metadata": {"name": "unready"},
                    "spec": {"engine": {}},
                }
            )
            before = await world.versions()
            status, said = await run(kubeconfig, world, "--once", "--dry-run")
            assert status == 0
            for expected in ("create Ingress", "create VirtualService", "create HTTPRoute", "would be written"):
                assert expected in said
            assert await world.versions() == before
            assert world.events() == []

            status, said = await run(kubeconfig, world, "--once")
            assert status == 0
            # Nobody has accepted the HTTPRoute or given the load balancer an address, and the run doesn't wait for it.
            assert "6 services, 3 with a door that stands" in said
            # The events tell of gateways, in namespaces that it isn't to look at.
            assert "written: 8 creations, 2 events, 6 statuses" in said
            assert f"{world.namespace}/unready: EngineNotReady" in said
            assert f"{world.namespace}/m-loadbalancer: LoadBalancerPending" in said

            world.answer()
            await world.answered()
            status, said = await run(kubeconfig, world, "--once")
            assert status == 0
            assert "6 services, 5 with a door that stands" in said
            assert "written: 1 event, 2 statuses" in said
            await world.stands(*(f"m-{door.replace('_', '-')}" for door in DOORS))

            after = await world.versions()
            status, said = await run(kubeconfig, world, "--once")
            assert "written: nothing" in said
            assert await world.versions() == after
