"""KServe's LLMInferenceServices get doors where KServe makes no routes for them."""

from __future__ import annotations

from hashlib import md5

import pytest
from doorward.model.event import Synced
from doorward.model.reference import JsonObject

from tests.sources.stage import BESIDE, INGRESS, Sources

LLM = "LLMInferenceService.serving.kserve.io"


def llm(name: str = "m", *, status: JsonObject | None = None, **spec: object) -> JsonObject:
    conditions = [{"type": "WorkloadsReady", "status": "True"}]
    return {
        "apiVersion": "serving.kserve.io/v1alpha2",
        "kind": "LLMInferenceService",
        "metadata": {"name": name, "namespace": "a"},
        "spec": {"model": {"uri": "hf://x/y"}, **spec},
        "status": {"conditions": conditions, **(status or {})},
    }


def workload(name: str = "m-kserve-workload-svc", **port: object) -> JsonObject:
    ports = [{"name": "http", "appProtocol": "http", "port": 8000, "targetPort": 8000, **port}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "a"},
        "spec": {"selector": {"app.kubernetes.io/name": "m"}, "ports": ports},
    }


def stage(*objects: JsonObject) -> Sources:
    return Sources(BESIDE, *objects, sources=("kserve_llm",))


def test_the_door_leads_to_the_workload_on_its_port() -> None:
    found = stage(llm(), workload())
    (path,) = found.get(INGRESS, "a", "m")["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "m-kserve-workload-svc", "port": {"number": 8000}}
    assert found.get("Service", "a", "m")["spec"]["selector"] == {"app.kubernetes.io/name": "m"}
    assert found.told(LLM)["status"] == "True"


def test_a_long_name_is_cut_as_kserve_cuts_it() -> None:
    name = "m" * 60
    service = f"{'m' * 11}{md5(name.encode(), usedforsecurity=False).hexdigest()}-kserve-workload-svc"
    assert len(service) == 63
    found = stage(llm(name), workload(service))
    (path,) = found.get(INGRESS, "a", name)["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["name"] == service


@pytest.mark.parametrize(
    "routed", [llm(router={"route": {}}), llm(baseRefs=[{"name": "base"}], status={"router": {"gateways": []}})]
)
def test_a_service_that_kserve_makes_routes_for_has_no_door(routed: JsonObject) -> None:
    found = stage(routed, workload())
    assert found.ours() == set()
    assert found.told(LLM)["reason"] == "OpenedByAnother"


def test_the_door_closes_at_once_when_kserve_is_to_make_routes() -> None:
    found = stage(llm(), workload())
    found.patch(LLM, "a", "m", {"spec": {"router": {"route": {}}}})
    found.deliver()
    while found.act():
        pass
    assert found.hosts() == {}


def test_a_workload_that_speaks_tls_is_refused() -> None:
    found = stage(llm(), workload(name="m-kserve-workload-svc", appProtocol="https"))
    assert found.told(LLM)["reason"] == "ComponentSpeaksTLS"
    assert found.hosts() == {}


def test_a_door_waits_for_the_workload() -> None:
    obj = llm()
    obj["status"]["conditions"] = []
    assert stage(obj, workload()).told(LLM)["reason"] == "WorkloadNotReady"


@pytest.mark.parametrize("version", ["v1alpha1", "v1alpha2"])
def test_owner_references_have_the_version_that_is_served(version: str) -> None:
    found = stage()
    at, number = found.clock(), int(found.store.resource_version)
    found.receive(Synced(at=at, kind=LLM, resource_version=number, keys=frozenset(), version=version))
    for obj in (llm(), workload()):
        found.create(obj)
    found.settle()
    (owner,) = found.get(INGRESS, "a", "m")["metadata"]["ownerReferences"]
    assert owner["apiVersion"] == f"serving.kserve.io/{version}"
