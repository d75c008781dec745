"""An edit of the settings in a large fleet: it should cost what it changes, and nothing where it changes nothing.

The setting is ``urlScheme``; all services name a scheme of their own, but for those that the edit is to touch.
"""

from __future__ import annotations

import gc
from time import process_time

import orjson
from doorward.backends import Backends
from doorward.model.event import Observed
from doorward.model.reference import CONFIG_MAP, INFERENCE_SERVICE

from benchmarks.engine_alone import Converged, as_the_daemon_does, converge
from benchmarks.figure import Figure, Scale, tell
from benchmarks.fleet import fleet

OWN = "ome.io/ingress-url-scheme"


def measure(scale: Scale) -> list[Figure]:
    as_the_daemon_does()
    count = scale.of(100_000, 2_000)
    touched = tuple(scale.of(size, size // 10) for size in (1_000, 2_000, 4_000))
    converged = converge([_with_scheme(each) for each in fleet(count)], Backends())
    gc.collect()
    gc.freeze()
    nothing = _edit(converged, "https")
    seconds: dict[int, float] = {}
    without = 0
    for size in touched:
        _edit(converged, "http")
        _leave_it_to_the_setting(converged, without, size)
        without = size
        decided = converged.engine.decided
        seconds[size] = _edit(converged, "https")
        assert converged.engine.decided - decided >= size
    gc.unfreeze()
    tell(f"{count} services: cold {converged.seconds:.2f} s, an edit that touches none {1e3 * nothing:.2f} ms")
    few, *_, many = touched
    return [
        Figure(
            name=f"settings edit that touches none of {count}, against cold",
            measured=nothing / converged.seconds,
            goal=0.001,
            parts={"edit (s)": nothing, "cold (s)": converged.seconds},
        ),
        Figure(
            name=f"settings edit that touches {many} / {few} of {count}",
            measured=seconds[many] / seconds[few],
            goal=1.05 * many / few,
            parts={f"{size} touched (s)": each for size, each in seconds.items()},
        ),
    ]


def _with_scheme(document: bytes) -> bytes:
    obj = orjson.loads(document)
    if obj["kind"] == "InferenceService":
        obj["metadata"]["annotations"][OWN] = "http"
    return orjson.dumps(obj)


def _leave_it_to_the_setting(converged: Converged, first: int, end: int) -> None:
    for obj in converged.engine.services()[first:end]:
        converged.version += 1
        del obj["metadata"]["annotations"][OWN]
        obj["metadata"]["resourceVersion"] = str(converged.version)
        converged.receive(Observed(at=1.0, kind=INFERENCE_SERVICE, object=obj))
    converged.work_off(1.0)


def _edit(converged: Converged, scheme: str) -> float:
    """Seconds from the ConfigMap until everything that follows from it is written."""
    converged.version += 1
    version = str(converged.version)
    metadata = {"name": "inferenceservice-config", "namespace": "ome", "uid": "1", "resourceVersion": version}
    data = {"ingress": orjson.dumps({"urlScheme": scheme}).decode()}
    began = process_time()
    converged.receive(Observed(at=1.0, kind=CONFIG_MAP, object={"metadata": metadata, "data": data}))
    converged.work_off(1.0)
    return process_time() - began
