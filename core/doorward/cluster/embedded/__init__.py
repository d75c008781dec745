"""An API server in memory: for tests, for ``demo``, and for simulators that need thousands of clusters a minute.

:class:`Store` is the server: synchronous, deterministic, with faults to switch on.  :class:`EmbeddedCluster` puts it
behind the protocol that the shell speaks.  It is as good as its likeness: ``tests/contract`` holds it and a real
kube-apiserver to the same answers.
"""

from doorward.cluster.embedded.cluster import EmbeddedCluster
from doorward.cluster.embedded.discovery import BUILT_IN, Kind, kind_of_definition
from doorward.cluster.embedded.faults import Faults, Request
from doorward.cluster.embedded.store import Changes, Store

__all__ = ["BUILT_IN", "Changes", "EmbeddedCluster", "Faults", "Kind", "Request", "Store", "kind_of_definition"]
