"""Where a door leads: the components' Services, their selectors, ports and endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from doorward.model.counting import counted
from doorward.model.door import Target
from doorward.model.reference import CORE_RESOURCES, ENDPOINT_SLICE, SERVICE, JsonObject, Resource

from doorward_daemon.doctor.examination import Examination, Patient
from doorward_daemon.doctor.finding import Finding, kubectl
from doorward_daemon.reported import SERVICE_MISSING

__all__ = ["of_service"]

PODS = Resource("Pod", "pods")
SERVICES, SLICES = (next(each for each in CORE_RESOURCES if each.kind == kind) for kind in (SERVICE, ENDPOINT_SLICE))


async def of_service(examination: Examination, patient: Patient) -> list[Finding]:
    """Why a request that came through the door wouldn't be answered.  Knative's Services answer for themselves."""
    if patient.door is None:
        return []
    found = []
    for target in patient.door.targets:
        finding = None if patient.door.serverless else await _of_component(examination, patient, target)
        found += [each for each in (finding, _unreported(examination, patient, target)) if each]
    return found


async def _of_component(examination: Examination, patient: Patient, target: Target) -> Finding | None:
    namespace, name = patient.ref.namespace, target.service
    leads = f"the door leads to Service {namespace}/{name}, port {target.port}, for the {target.component}"
    told = f"{patient.said} {patient.reason}"
    label = f"{patient.source.label}={patient.ref.name}"

    def finding(reason: str, cause: str, evidence: Sequence[str], *remedy: str) -> Finding:
        return Finding(
            about=patient.name, reason=reason, cause=cause, evidence=(*evidence, told.strip()), remedy=remedy
        )

    service = await examination.get(SERVICES, namespace, name)
    if service is None:
        listed = kubectl(namespace, "get", "services", "-l", label)
        deployed = kubectl(namespace, "describe", patient.kubectl)
        cause = (
            f"Service {name} of the {target.component} isn't there: whoever deploys the component hasn't made it, or "
            "it was deleted"
        )
        return finding(SERVICE_MISSING, cause, (leads,), listed, deployed)

    describe = kubectl(namespace, "describe", "service", name)
    endpoints = kubectl(namespace, "get", "endpointslices", "-l", f"kubernetes.io/service-name={name}")
    selector = (service.get("spec") or {}).get("selector") or {}
    chosen = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    pods = await examination.list(PODS, namespace, chosen) if selector else None
    if selector and pods == []:
        cause = f"the selector of Service {name} matches no pod"
        remedy = (kubectl(namespace, "get", "pods", "-l", label, "--show-labels"), describe)
        return finding("SelectorMatchesNothing", cause, (leads, f"its selector is {chosen}"), *remedy)

    if pods and (port := _port(service, target.port)) and (wrong := _unserved(port, pods)):
        cause = f"no pod of Service {name} has {wrong}, to which its port {target.port} leads"
        evidence = (leads, f"the pods' ports: {', '.join(_ports(pods)) or 'none'}")
        edit = kubectl(namespace, "edit", "service", name)
        return finding("WrongPort", cause, evidence, edit, kubectl(namespace, "get", "pods", "-l", chosen))

    slices = await examination.list(SLICES, namespace, f"kubernetes.io/service-name={name}")
    if slices is not None and not any(_ready(each) for each in slices):
        many = (
            f"{counted(len(pods), 'pod')}, none of them ready"
            if pods
            else f"{counted(len(slices), 'EndpointSlice')}, no ready address"
        )
        cause = f"Service {name} has no ready endpoint: a request would be answered with 503"
        look = kubectl(namespace, "describe", "pods", "-l", chosen) if chosen else endpoints
        return finding("NoEndpoints", cause, (leads, many), look, endpoints)
    return None


def _unreported(examination: Examination, patient: Patient, target: Target) -> Finding | None:
    """Nobody says whether a component is ready for which the door waits."""
    part = examination.engine.backends.sources[patient.ref.kind].parts[target.component]
    status = patient.object.get("status") or {}
    told = {each.get("type") for each in status.get("conditions") or ()}
    if patient.reason != f"{part.called.title()}NotReady" or not part.ready or told & set(part.ready):
        return None
    condition = part.ready[0]
    return Finding(
        about=patient.name,
        reason="ReadinessUnreported",
        cause=f"nobody reports whether the {part.called} is ready: does the controller that deploys it run?",
        evidence=(f"condition {condition} isn't in the status of {patient.name}",),
        remedy=(
            kubectl("", "get", "deployments", "-A", "|", "grep", "controller"),
            kubectl(patient.ref.namespace, "get", patient.kubectl, "-o", "jsonpath='{.status.conditions}'"),
        ),
    )


def _port(service: JsonObject, number: int) -> JsonObject | None:
    ports = (service.get("spec") or {}).get("ports") or ()
    return next((port for port in ports if port.get("port") == number), None)


def _unserved(port: JsonObject, pods: Sequence[JsonObject]) -> str:
    """The port of the pods to which a port leads, where pods name their ports, and none has it."""
    target = port.get("targetPort", port["port"])
    declared = [each for pod in pods for each in _declared(pod)]
    if isinstance(target, str):
        return "" if any(each.get("name") == target for each in declared) else f"a port named {target}"
    if not declared or any(each.get("containerPort") == target for each in declared):
        return ""
    return f"port {target}"


def _ports(pods: Sequence[JsonObject]) -> list[str]:
    found = {f"{each.get('containerPort')} {each.get('name', '')}".strip() for pod in pods for each in _declared(pod)}
    return sorted(found)


def _declared(pod: JsonObject) -> list[JsonObject]:
    containers = (pod.get("spec") or {}).get("containers") or ()
    return [port for container in containers for port in container.get("ports") or ()]


def _ready(slice_: JsonObject) -> bool:
    return any((each.get("conditions") or {}).get("ready") is not False for each in slice_.get("endpoints") or ())
