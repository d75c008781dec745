"""The source ``service``: plain Services that bear the label ``doorward.io/door: "true"``.

Such a Service is its own component, and its own door inside the cluster.  It is ready when one of its endpoints is,
since it has no condition that tells.  The mode is always RawDeployment.

Source: core/v1, ServiceStatus.conditions and ServicePort (kubernetes/api, core/v1/types.go).
"""

from __future__ import annotations

from typing import Any

from doorward.hooks import Part, Source, hookimpl
from doorward.model.quoting import quoted
from doorward.model.reference import SERVICE, JsonObject, Resource

LABEL = "doorward.io/door"
PORT = "doorward.io/port"
_MODE = {"doorward.io/deployment-mode": "RawDeployment"}


def selected(obj: JsonObject) -> bool:
    """Whether a Service asks for a door."""
    return str(_as_map(_as_map(obj.get("metadata")).get("labels")).get(LABEL, "")).lower() == "true"


def read(obj: JsonObject) -> JsonObject:
    """What a door needs from a Service."""
    metadata, ports = _as_map(obj.get("metadata")), _tcp_ports(obj)
    asked = _as_map(metadata.get("annotations")).get(PORT)
    if asked is None:
        number = next((each["port"] for each in ports if each.get("name") == "http"), ports[0]["port"] if ports else 0)
    else:
        wanted = str(asked).strip()
        number = next((each["port"] for each in ports if wanted in (each.get("name"), str(each["port"]))), 0)
    if not number:
        what = f"annotation {PORT}: no port {quoted(str(asked))}" if asked is not None else "no port of TCP"
        there = ", ".join(_called(each) for each in ports[:5]) or "none; a door needs one in spec.ports"
        return {
            "refused": {"reason": "InvalidPort", "message": f"{what} of this Service; its ports are {there}"},
            "annotations": _MODE,
        }
    return {"spec": {"engine": {"service": metadata.get("name"), "port": number}}, "annotations": _MODE}


def _tcp_ports(obj: JsonObject) -> list[JsonObject]:
    ports = _as_map(obj.get("spec")).get("ports")
    found = map(_as_map, ports if isinstance(ports, list) else ())
    return [each for each in found if isinstance(each.get("port"), int) and each.get("protocol", "TCP") == "TCP"]


def _called(port: JsonObject) -> str:
    name = port.get("name")
    return f"{quoted(name)} ({port['port']})" if isinstance(name, str) and name else str(port["port"])


def _as_map(value: Any) -> JsonObject:
    """``value`` where it is an object, else an empty one: what tenants wrote may have any shape."""
    return value if isinstance(value, dict) else {}


SOURCE = Source(
    resource=Resource(SERVICE, "services"),
    selected=selected,
    parts={"engine": Part(called="service")},
    label="doorward.io/service",
    labelled_pods=False,
    speaks_tls=True,
    read=read,
    reads=(PORT,),
    condition="doorward.io/DoorReady",
    annotated_status=False,
)


@hookimpl
def source() -> Source:
    return SOURCE
