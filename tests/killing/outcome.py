"""What has to stand in the end: what ``doorward render`` makes of the same inputs, and nothing beside it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from doorward.backends import Backends
from doorward_daemon.manifests import Document
from doorward_daemon.rendering import render

from tests.killing.client import Json
from tests.killing.onlooker import OWNER, Onlooker, described, key_of
from tests.killing.replicas import LONG

DOORS = ("Service", "Ingress", "HTTPRoute", "VirtualService")
SIMULATED = "//203.0.113."
"""Begins the address that ``render`` gives a load balancer."""
_ALTERNATIVE = re.compile(r"-alt-[0-9a-f]{5}$")


def differences(onlooker: Onlooker, namespaces: Collection[str]) -> list[str]:
    """What isn't as it should be; each begins with the object."""
    standing = [obj for obj in onlooker.of("InferenceService", "ConfigMap", *DOORS) if _namespace(obj) in namespaces]
    ours = {_place(obj): obj for obj in standing if obj["kind"] in DOORS and _owner(obj)}
    services = {key_of(obj): obj for obj in standing if obj["kind"] == "InferenceService"}
    given = [_as_given(obj) for obj in standing if obj["kind"] in ("InferenceService", "ConfigMap", "Service")]
    settings = next(_namespace(obj) for obj in standing if obj["metadata"]["name"] == "inferenceservice-config")
    documents = [Document("the cluster", 1, obj) for obj in given if obj and not _owner(obj)]
    rendered = render(documents, Backends(), settings_namespace=settings, simulate=True)
    wanted = {_place(obj): obj for obj in rendered.objects}
    found = [f"{key}: is missing" for key in wanted.keys() - ours.keys()]
    found += [f"{key}: stands, of {_owner(ours[key])}, and nobody asks for it" for key in ours.keys() - wanted.keys()]
    for key in wanted.keys() & ours.keys():
        if not _holds(_compared(wanted[key]), _compared(ours[key])):
            found.append(f"{key}: is\n{described(_compared(ours[key]))}\nand not\n{described(_compared(wanted[key]))}")
    for service in rendered.services:
        key = key_of(service)
        told, due = _told(services[key]), _told(service)
        if told[:2] != due[:2] or (told[2] != due[2] and SIMULATED not in due[2]):
            found.append(f"{key}: tells {told}, and not {due}")
    return sorted(found)


async def run_once(kubeconfig: Path, namespace: str) -> str:
    """What ``doorward run --once``, new and without a journal, says at its end.  Raises AssertionError."""
    command = [sys.executable, "-m", "doorward_daemon", "run", "--once", "--kubeconfig", str(kubeconfig)]
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, "POD_NAMESPACE": namespace},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, log = await asyncio.wait_for(process.communicate(), LONG)
    assert process.returncode == 0, log.decode()
    return out.decode() + log.decode()


def _as_given(obj: Json) -> Json:
    """As it was before doorward: of a status, only what OME says."""
    if obj["kind"] != "InferenceService":
        return obj
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return {**obj, "status": {"conditions": [c for c in conditions if c["type"] == "EngineReady"]}}


def _place(obj: Json) -> str:
    """Kind, namespace and name; which of its two names an Ingress has depends on what was before."""
    return _ALTERNATIVE.sub("", key_of(obj))


def _namespace(obj: Json) -> str:
    namespace: str = obj["metadata"].get("namespace", "")
    return namespace


def _owner(obj: Json) -> str:
    owner: str = (obj["metadata"].get("annotations") or {}).get(OWNER, "")
    return owner


def _compared(obj: Json) -> Json:
    metadata = {key: obj["metadata"].get(key) or {} for key in ("labels", "annotations")}
    return {"metadata": metadata, "spec": _without_allotted(obj["spec"]) if obj["kind"] == "Service" else obj["spec"]}


def _without_allotted(spec: Json) -> Json:
    """A Service's spec without what a server gives away."""
    ports = [{key: port[key] for key in port if key != "nodePort"} for port in spec.get("ports") or ()]
    return {**{key: spec[key] for key in ("type", "selector", "externalName") if key in spec}, "ports": ports}


def _holds(wanted: Any, found: Any) -> bool:
    """Whether all that is wanted is there, and nothing more in any list."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and _holds(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_holds, wanted, found))
    return bool(wanted == found)


def _told(service: Json) -> tuple[str, str, str]:
    """Status and reason of the condition, and the URL."""
    status = service.get("status") or {}
    condition: Json = next((c for c in status.get("conditions") or () if c["type"] == "IngressReady"), {})
    return condition.get("status", ""), condition.get("reason", ""), status.get("url", "")
