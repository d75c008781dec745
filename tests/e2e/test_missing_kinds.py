"""A kind whose CRD isn't installed is noticed, said, and taken up when it appears."""

from __future__ import annotations

from tests.controlplane.definitions import CRDS, install_definitions
from tests.controlplane.providers import ApiServer
from tests.e2e.daemon import Daemon
from tests.e2e.doors import DOORS, INGRESS
from tests.e2e.place import place
from tests.e2e.world import world_of
from tests.patience import PATIENCE


async def test_a_kind_that_appears_later_opens_the_doors_that_wait_for_it(fresh_api_server: ApiServer) -> None:
    kubeconfig = fresh_api_server.kubeconfig
    present = [CRDS / "ome" / "inferenceservices-open.yaml", CRDS / "istio" / "virtualservices.yaml"]
    await install_definitions(kubeconfig, present)
    with place(kubeconfig, INGRESS, serve=False) as made, Daemon(kubeconfig, made.namespaces) as daemon:
        status, text = daemon.readyz()
        assert status == 200
        assert "HTTPRoute.gateway.networking.k8s.io isn't served by this cluster" in text
        async with world_of(kubeconfig, made.namespaces, daemon, without=["HTTPRoute"]) as world:
            await world.add("routed", DOORS["gateway_api"].annotations)
            await world.add("meshed", DOORS["istio"].annotations)
            await world.stands("meshed")
            told = await world.reports("routed", "KindNotServed")
            assert "HTTPRoute" in told["message"]
        await install_definitions(kubeconfig, [CRDS / "gateway-api" / "httproutes.yaml"])
        async with world_of(kubeconfig, made.namespaces, daemon) as world:
            world.answer()
            await world.stands("routed", within=PATIENCE)
            assert world.reaches(f"http://routed.{world.namespace}.example.com/") == "routed-engine"
            await world.stands("meshed")
        assert "HTTPRoute" not in daemon.readyz()[1]
