"""Which protocol a controller is to speak to the components, by the ports of their Services."""

from __future__ import annotations

from doorward.model.door import Door, Target, Warning

from doorward_k8s_ingress.controllers import Controller

UNSUPPORTED = "ProtocolUnsupported"


def spoken(door: Door, controller: Controller) -> tuple[dict[str, str], tuple[Warning, ...]]:
    """The annotations of an Ingress by which its controller speaks HTTP/2 where components do, and what it can't.

    A Serverless door leads to Knative's gateway, which takes either.
    """
    if door.serverless:
        return {}, ()
    targets = [door.target(component) for component in dict.fromkeys(route.component for route in door.routes)]
    warnings = [Warning(UNSUPPORTED, _two_ports(target)) for target in targets if target.grpc]
    speaking = [target for target in targets if target.protocol and target.app_protocol not in controller.reads]
    annotations: dict[str, str] = {}
    if not speaking:
        return annotations, tuple(warnings)
    names = ", ".join(target.service for target in speaking)
    if controller.speaking:
        annotations[controller.speaking] = ",".join(target.service for target in speaking)
    elif controller.speaks:
        entry = door.entry_target()
        annotations.update(controller.speaks.get(entry.protocol, {}))
        if len({_keys(controller, target) for target in targets}) > 1:
            message = f"class {door.ingress_class} speaks one protocol to all Services of an Ingress, here that of the "
            warnings.append(Warning(UNSUPPORTED, f"{message}{door.entry}; HTTP/2 and gRPC are spoken by {names} alone"))
    elif controller.by_service:
        message = f"class {door.ingress_class} speaks HTTP/2 and gRPC to Service {names} by what that one bears: "
        warnings.append(Warning(UNSUPPORTED, message + controller.by_service))
    return annotations, tuple(warnings)


def _keys(controller: Controller, target: Target) -> tuple[tuple[str, str], ...]:
    return tuple(controller.speaks.get(target.protocol, {}).items())


def _two_ports(target: Target) -> str:
    return (
        f"an Ingress can't tell gRPC from other requests: all go to the port for HTTP of Service {target.service}; "
        "backends istio and gateway_api can (annotation doorward.io/backend)"
    )
