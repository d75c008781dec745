"""The Services by whose names a service is reached inside the cluster: its own door's, and its components'."""

from __future__ import annotations

from doorward.door.addresses import door_service
from doorward.door.components import component_service
from doorward.model.settings import Settings
from doorward.state.inference_service import InferenceService
from doorward.state.transform import COMPONENTS


def services_inside(service: InferenceService, settings: Settings) -> tuple[str, ...]:
    """Their names, as whoever deploys the components gives them; nothing else of the cluster is looked at."""
    brought = service.status.components
    there = [each for each in COMPONENTS if service.component(each) is not None or each in brought]
    return (door_service(service, settings), *(component_service(service, each) for each in there))
