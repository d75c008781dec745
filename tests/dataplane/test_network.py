"""The tests' own network: it is apart, and it goes."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from tests.dataplane.network import GATEWAY, Network

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making a network namespace needs root")


def test_its_addresses_are_there_and_here_they_are_not() -> None:
    network = Network()
    try:
        with network.socket() as server, network.socket() as client, socket.socket() as outside:
            server.bind((GATEWAY, 80))
            server.listen()
            client.connect((GATEWAY, 80))
            with pytest.raises(OSError, match=os.strerror(errno.EADDRNOTAVAIL)):
                outside.bind((GATEWAY, 0))
    finally:
        network.close()


def test_nothing_leads_out_of_it() -> None:
    network = Network()
    try:
        with network.socket() as client, pytest.raises(OSError, match=os.strerror(errno.ENETUNREACH)):
            client.connect(("192.0.2.1", 80))
    finally:
        network.close()
