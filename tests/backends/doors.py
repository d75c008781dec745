"""Doors, by hand and at random, beyond those of the conformance kit: with what the built-in backends know besides."""

from __future__ import annotations

from typing import Any

import msgspec
from doorward.model.door import Door
from doorward.model.settings import Settings
from doorward.testing.conformance.doors import COMPONENTS, GRPC, PATHS, SPOKEN, UID, expected, make, target
from doorward.testing.conformance.doors import doors as any_door
from hypothesis import strategies as st

__all__ = [
    "COMPONENTS",
    "GATEWAY",
    "GRPC",
    "PATHS",
    "SETTINGS",
    "SPOKEN",
    "UID",
    "doors",
    "expected",
    "make",
    "target",
]

SETTINGS = Settings()
GATEWAY = Settings(ome_ingress_gateway="ingress/ome")
ANNOTATIONS = (
    "cert-manager.io/cluster-issuer",
    "nginx.ingress.kubernetes.io/proxy-body-size",
    "nginx.ingress.kubernetes.io/server-snippet",
    "service.beta.kubernetes.io/aws-load-balancer-type",
)


@st.composite
def doors(draw: st.DrawFn, mode: str | None = None, backend: str | None = None) -> Door:
    """A door that the core might compute: any mode, any outside backend that serves it, open or closed.

    Its name is short enough for ``NAME-COMPONENT``: the evaluator of the cases puts names together itself.
    """
    mode = mode or draw(st.sampled_from(("Serverless", "RawDeployment", "MultiNode")))
    choices = ["istio", "k8s_ingress"] if mode == "Serverless" else ["istio", "k8s_ingress", "gateway_api"]
    backend = backend or draw(st.sampled_from(choices))
    made = draw(any_door(backend=backend, modes=(mode,), fixed={"settings": GATEWAY}).filter(_is_short))  # type: ignore[arg-type]
    changes: dict[str, Any] = {
        "annotations": draw(st.dictionaries(st.sampled_from(ANNOTATIONS), st.sampled_from(("8m", "x")))),
    }
    if made.exposure == "outside":
        changes["service_type"] = draw(st.sampled_from(("", "", "LoadBalancer", "NodePort")))
    else:
        changes["exposure"] = draw(st.sampled_from(("cluster-local", "disabled")))
    return msgspec.structs.replace(made, **changes)


def _is_short(door: Door) -> bool:
    return len(door.name) < 50
