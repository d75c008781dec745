"""The ways to a door of which each is tried, and the rows of the table of components."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.dataplane.contour import BOUND, PLAIN, Contour
from tests.dataplane.istio import ENTRANCES, Istio
from tests.dataplane.starting import Proxy
from tests.e2e.doors import RAW

HTTPROUTE = {**RAW, "doorward.io/backend": "gateway_api"}
PROXIES: dict[str, Proxy] = {"istio": Istio(), "contour": Contour()}


class Way(NamedTuple):
    """How a door is asked for, and the port of the proxy at which it is reached."""

    annotations: dict[str, str]
    port: int
    serverless: bool = False
    path_door: bool = True
    sets_headers: bool = True
    reads_port_names: bool = True
    """Whether the name of a component's port tells what it speaks, as its ``appProtocol`` does everywhere."""
    proxy: str = "istio"


WAYS = {
    "virtualservice": Way({}, ENTRANCES["istio"], serverless=True),
    "raw-virtualservice": Way({**RAW, "doorward.io/backend": "istio"}, ENTRANCES["istio"]),
    # Istio's Ingress controller can't take a prefix off.
    "ingress": Way(RAW, ENTRANCES["k8s_ingress"], path_door=False, sets_headers=False),
    "multinode-ingress": Way(
        {"ome.io/deployment-mode": "MultiNode"}, ENTRANCES["k8s_ingress"], path_door=False, sets_headers=False
    ),
    "serverless-ingress": Way({"doorward.io/backend": "k8s_ingress"}, ENTRANCES["k8s_ingress"], serverless=True),
    "httproute": Way(HTTPROUTE, ENTRANCES["gateway_api"]),
    "contour-ingress": Way(
        RAW, PLAIN.port, path_door=False, sets_headers=False, reads_port_names=False, proxy="contour"
    ),
    "contour-bound-ingress": Way(
        {"ome.io/deployment-mode": "MultiNode", "ome.io/ingress-class": BOUND.ingress_class},
        BOUND.port,
        path_door=False,
        sets_headers=False,
        reads_port_names=False,
        proxy="contour",
    ),
    "contour-httproute": Way(HTTPROUTE, BOUND.port, reads_port_names=False, proxy="contour"),
}
ROWS = {
    "e": ("engine",),
    "er": ("engine", "router"),
    "ed": ("engine", "decoder"),
    "erd": ("engine", "router", "decoder"),
}
"""By the end of a service's name."""


def ways_of(proxy: str) -> dict[str, Way]:
    return {way: wanted for way, wanted in WAYS.items() if wanted.proxy == proxy}


every_way = pytest.mark.parametrize("way", WAYS)
every_proxy = pytest.mark.parametrize("proxy", PROXIES)
