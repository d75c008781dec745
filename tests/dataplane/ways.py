"""The ways to a door of which each is tried, and the rows of the table of components."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.dataplane.plane import ENTRANCES
from tests.e2e.doors import RAW


class Way(NamedTuple):
    """How a door is asked for, and the port of the proxy at which it is reached."""

    annotations: dict[str, str]
    port: int
    serverless: bool = False
    path_door: bool = True
    sets_headers: bool = True


WAYS = {
    "virtualservice": Way({}, ENTRANCES["istio"], serverless=True),
    "raw-virtualservice": Way({**RAW, "doorward.io/backend": "istio"}, ENTRANCES["istio"]),
    # Istio's Ingress controller can't take a prefix off.
    "ingress": Way(RAW, ENTRANCES["k8s_ingress"], path_door=False, sets_headers=False),
    "multinode-ingress": Way(
        {"ome.io/deployment-mode": "MultiNode"}, ENTRANCES["k8s_ingress"], path_door=False, sets_headers=False
    ),
    "serverless-ingress": Way({"doorward.io/backend": "k8s_ingress"}, ENTRANCES["k8s_ingress"], serverless=True),
    "httproute": Way({**RAW, "doorward.io/backend": "gateway_api"}, ENTRANCES["gateway_api"]),
}
ROWS = {
    "e": ("engine",),
    "er": ("engine", "router"),
    "ed": ("engine", "decoder"),
    "erd": ("engine", "router", "decoder"),
}
"""By the end of a service's name."""

every_way = pytest.mark.parametrize("way", WAYS)
