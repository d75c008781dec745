"""A network of the tests' own: a namespace whose only interface is its loopback, and sockets and processes in it.

Every address of it is local, so that nothing that is sent there can leave.  The namespace has no name; the kernel
removes it with the last process in it, and that process dies with the tests, however they end.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Callable
from typing import Any

from tests.controlplane.server import die_with

GATEWAY = "10.201.0.1"
"""Where Envoy listens."""
PODS = "10.202.0.0/16"
"""Where pods answer: all of these addresses are the namespace's own."""
_CLONE_NEWNET = 0x40000000


class Network:
    """The namespace, from its making until :meth:`close`."""

    def __init__(self) -> None:
        parent = os.getpid()

        def apart() -> None:
            _call("unshare", _CLONE_NEWNET)
            die_with(parent)

        self._holder = subprocess.Popen(["sleep", "infinity"], stdin=subprocess.DEVNULL, preexec_fn=apart)
        self._path = f"/proc/{self._holder.pid}/ns/net"
        for command in (
            "link set lo up",
            f"address add {GATEWAY}/32 dev lo",
            f"route add local {PODS} dev lo",
        ):
            subprocess.run(["ip", *command.split()], check=True, preexec_fn=self.entering())

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
