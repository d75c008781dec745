"""A network of the tests' own: a namespace whose only interface is its loopback, and sockets and processes in it.

Every address of it is local, so that nothing that is sent there can leave.  The namespace has no name; the kernel
removes it with the last process in it, and that process dies with the tests, however they end.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Callable
from socket import inet_aton
from typing import Any

from tests.controlplane.server import die_with

GATEWAY = "10.201.0.1"
"""Where Envoy listens."""
AUTHZ = "10.201.0.2"
"""Where the authorization service answers, in tests that have one."""
PODS = "10.202.0.0/16"
"""Where pods answer."""
_MASK = "255.0.0.0"
"""Of the loopback's address: Linux takes every address that it covers for its own."""
_CLONE_NEWNET = 0x40000000
# From linux/sockios.h and linux/if.h.
_SET_FLAGS, _SET_ADDRESS, _SET_MASK = 0x8914, 0x8916, 0x891C
_UP = 1


class Network:
    """The namespace, from its making until :meth:`close`."""

    def __init__(self) -> None:
        parent = os.getpid()

        def apart() -> None:
            _call("unshare", _CLONE_NEWNET)
            die_with(parent)

        self._holder = subprocess.Popen(["sleep", "infinity"], stdin=subprocess.DEVNULL, preexec_fn=apart)
        self._path = f"/proc/{self._holder.pid}/ns/net"
        with self.socket(type=socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
            # An alias, so that 127.0.0.1 stays.
            for request, address in ((_SET_ADDRESS, GATEWAY), (_SET_MASK, _MASK)):
                fcntl.ioctl(control, request, struct.pack("16sHH4s8x", b"lo:0", socket.AF_INET, 0, inet_aton(address)))

    def entering(self) -> Callable[[], None]:
        """For ``preexec_fn`` of a process that is to run in the namespace, and to die with this one."""
        parent = os.getpid()

        def enter() -> None:
            self._enter(self._path)
            die_with(parent)

        return enter

    def socket(self, family: int = socket.AF_INET, type: int = socket.SOCK_STREAM, proto: int = 0) -> socket.socket:
        """A socket of the namespace, for a process that isn't in it; the calling thread is back when this returns."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            self._enter(self._path)
            try:
                return socket.socket(family, type, proto)
            finally:
                _call("setns", home, _CLONE_NEWNET)
        finally:
            os.close(home)

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()

    @staticmethod
    def _enter(path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            _call("setns", descriptor, _CLONE_NEWNET)
        finally:
            os.close(descriptor)


def _call(function: str, *arguments: Any) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
