"""The source ``ome``: OME's InferenceService (``ome.io/v1beta1``).

The engine reads other kinds into the shape of this one, so that nothing is to be read here.
"""

from __future__ import annotations

from doorward.hooks import Part, Source, hookimpl
from doorward.model.reference import INFERENCE_SERVICE, Resource

SOURCE = Source(
    resource=Resource(INFERENCE_SERVICE, "inferenceservices", ("v1beta1",)),
    parts={
        "engine": Part(called="engine", ready=("EngineReady",)),
        "router": Part(called="router", ready=("RouterReady", "RoutesReady")),
        "decoder": Part(called="decoder", ready=("DecoderReady",)),
    },
    label="ome.io/inferenceservice",
    prefix="ome.io/",
)


@hookimpl
def source() -> Source:
    return SOURCE
