"""Which deployment mode a service is in (docs/doors.md, Deployment mode)."""

from __future__ import annotations

from doorward.model.door import Mode
from doorward.model.quoting import quoted
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.state.inference_service import MODE_ANNOTATIONS, InferenceService
from doorward.state.transform import COMPONENTS

_MODES: dict[str, Mode] = {
    "Serverless": "Serverless",
    "RawDeployment": "RawDeployment",
    "MultiNode": "MultiNode",
    "MultiNodeRayVLLM": "MultiNode",
}


def mode_of(service: InferenceService, settings: Settings) -> Mode:
    """The first that applies of annotations, shape of the components, and settings.

    Raises Refusal ``InvalidDeploymentMode``, with the value and the choices.
    """
    return mode_and_cause(service, settings)[0]


def mode_and_cause(service: InferenceService, settings: Settings) -> tuple[Mode, str]:
    """The same, and what tells it (:mod:`doorward.door.causes`)."""
    engine = service.spec.engine
    for where, notes in (
        ("metadata.annotations", service.metadata.annotations),
        ("spec.engine.annotations", engine.annotations if engine else {}),
    ):
        for key in MODE_ANNOTATIONS:
            value = notes.get(key)
            if value is not None and value.strip():
                mode = _MODES.get(value.strip())
                if mode is None:
                    choices = ", ".join(_MODES)
                    raise Refusal(
                        "InvalidDeploymentMode",
                        f"{where}[{key}]: {quoted(value)} is no deployment mode; choose one of {choices}",
                    )
                return mode, f"annotation {key}" if where == "metadata.annotations" else f"{where}[{key}]"
    for name in COMPONENTS:
        component = service.component(name)
        if component and (component.leader is not None or component.worker is not None):
            part = "leader" if component.leader is not None else "worker"
            return "MultiNode", f"spec.{service.called(name)}.{part}"
    if engine and engine.minReplicas == 0:
        return "Serverless", f"spec.{service.called('engine')}.minReplicas"
    return settings.default_deployment_mode, "setting defaultDeploymentMode"
