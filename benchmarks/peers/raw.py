"""The same writes with nobody who decides: worked out beforehand, and made by a client in Go."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import orjson
from doorward.backends import Backends
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import MERGE_PATCH
from doorward.model.action import Action
from doorward.state.transform import FIELD_MANAGER

from benchmarks.cluster.population import INFERENCE_SERVICES, SERVICES, everything, in_cluster
from benchmarks.cluster.server import Servers
from benchmarks.engine_alone import converge
from benchmarks.figure import tell
from benchmarks.peers import programs


class Raw(msgspec.Struct, frozen=True):
    writes: int
    seconds: float
    """From the first request to the last answer."""


def raw(servers: Servers, state: Path) -> Raw:
    """What doorward writes on a cold start before a copy of this API server, without doorward."""
    program = programs.built(tell) / "raw"
    with servers.copy(state) as (kubeconfig, _):
        lines = in_cluster(kubeconfig, _lines)
        environ = {**os.environ, "KUBECONFIG": str(kubeconfig)}
        run = subprocess.run([str(program)], input=lines, stdout=subprocess.PIPE, env=environ, check=True)
    made = msgspec.json.decode(run.stdout, type=Raw)
    tell(f"raw: {made.writes} writes, {made.seconds:.1f} s")
    return made


async def _lines(cluster: KubeCluster) -> bytes:
    """One line for each service, with its writes in their order."""
    documents = [
        orjson.dumps(obj) for kind in (INFERENCE_SERVICES, SERVICES) for obj in await everything(cluster, kind)
    ]
    backends = Backends()
    of_service: dict[str, list[dict[str, object]]] = {}
    for action in converge(documents, backends).actions:
        of_service.setdefault(action.service, []).append(_request(action, backends))
    return b"\n".join(orjson.dumps(requests) for requests in of_service.values())


def _request(action: Action, backends: Backends) -> dict[str, object]:
    resource, ref = backends.resources[action.ref.kind], action.ref
    version = action.version or None
    query = "?" + urlencode({"fieldManager": FIELD_MANAGER})
    if action.verb == "create":
        method, content, path = "POST", "application/json", resource.path(ref.namespace, version=version)
    elif action.verb == "status":
        method, content = "PATCH", MERGE_PATCH
        path = resource.path(ref.namespace, ref.name, version=version, subresource="status")
    else:
        raise ValueError(f"a cold start asks for {action.verb} of {ref}")
    return {"method": method, "path": path + query, "contentType": content, "body": action.body}
