"""The Services by whose names a service is reached inside the cluster: its own door's, and its components'."""

from __future__ import annotations

from collections.abc import Iterable

from doorward.door.addresses import door_service
from doorward.door.components import component_service
from doorward.model.settings import Settings
from doorward.state.inference_service import InferenceService


def services_inside(service: InferenceService, settings: Settings, components: Iterable[str]) -> tuple[str, ...]:
    """Their names, as whoever deploys these components gives them; nothing else of the cluster is looked at."""
    names = (door_service(service, settings), *(component_service(service, each) for each in components))
    return tuple(dict.fromkeys(names))
