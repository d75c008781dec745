"""The tests' own network: it is apart, and nothing leads out of it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from tests.dataplane.binaries import Parts
from tests.dataplane.network import GATEWAY, Network


@pytest.fixture
def network(parts: Parts) -> Iterator[Network]:
    network = Network()
    yield network
    network.close()


def test_its_addresses_are_there_and_here_they_are_not(network: Network) -> None:
    with network.socket() as server, network.socket() as client, socket.socket() as outside:
        server.bind((GATEWAY, 80))
        server.listen()
        client.connect((GATEWAY, 80))
        with pytest.raises(OSError, match=os.strerror(errno.EADDRNOTAVAIL)):
            outside.bind((GATEWAY, 0))


def test_nothing_leads_out_of_it(network: Network) -> None:
    with network.socket() as client, pytest.raises(OSError, match=os.strerror(errno.ENETUNREACH)):
        client.connect(("192.0.2.1", 80))
