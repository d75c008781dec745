"""What the doctor says where a whole kind is missing, or a serving runtime: before the embedded cluster."""

from __future__ import annotations

import pytest
from doorward.cluster.embedded import EmbeddedCluster, Store
from doorward_daemon.doctor.checks import Wanted
from doorward_daemon.doctor.consultation import Consultation, Told, look_into
from doorward_daemon.doctor.runtimes import CLUSTER_RUNTIMES, RUNTIMES

from tests.engine.stage import component_service, definitions, inference_service, settings
from tests.patience import PATIENCE
from tests.shell.running import RAW, Running

BROUGHT = {"runtime": {"name": "vllm"}}


async def told(world: Running) -> Told:
    world.create(settings())
    return await look_into(world.cluster, Consultation(names=("m",)), Wanted(named=True, look_up=None))


def world_of(*more: object) -> Running:
    world = Running(EmbeddedCluster())
    world.store = world.cluster.store = Store([*definitions(), *more])
    return world


async def test_a_kind_that_the_cluster_does_not_serve_is_named() -> None:
    world = Running(EmbeddedCluster())
    served = [each for each in definitions() if each["metadata"]["name"] != "virtualservices.networking.istio.io"]
    world.store = world.cluster.store = Store(served)
    world.create(component_service("m", "engine"))
    world.create(inference_service("m", annotations={**RAW, "doorward.io/backend": "istio"}, ready=("engine",)))
    assert "KindNotServed" in [finding.reason for finding in (await told(world)).findings]


@pytest.mark.parametrize(
    ("spec", "named"), [(None, "RuntimeMissing"), ({}, "RuntimeWithoutEngine"), ({"engineConfig": {}}, "")]
)
async def test_a_runtime_that_brings_no_engine_is_named(spec: object, named: str) -> None:
    world = world_of(RUNTIMES, CLUSTER_RUNTIMES)
    if spec is not None:
        kind = {"apiVersion": "ome.io/v1beta1", "kind": "ClusterServingRuntime", "metadata": {"name": "vllm"}}
        world.store.create(CLUSTER_RUNTIMES, "", {**kind, "spec": spec})
    world.create(inference_service("m", annotations=RAW, spec=BROUGHT))
    findings = [finding.reason for finding in (await told(world)).findings]
    assert findings == [named or "EngineNotReady"]


async def look(world: Running, *names: str, namespaces: tuple[str, ...] = ()) -> Told:
    asked = Consultation(names=names, namespaces=namespaces)
    return await look_into(world.cluster, asked, Wanted(named=bool(names), look_up=None))


async def test_a_host_of_another_namespace_is_no_work_that_nobody_does() -> None:
    world = Running(EmbeddedCluster())
    world.settings({"domainTemplate": "one.example.com"})
    for namespace in ("a", "b"):
        world.create(component_service("m", "engine", namespace))
        world.create(inference_service("m", namespace, annotations=RAW, ready=("engine",)))
    async with world.shell() as shell:
        await shell.once()
    for namespaces in ((), ("b",)):
        reasons = [f.reason for f in (await look(world, namespaces=namespaces)).findings if "b/m" in f.about]
        assert reasons[0] == "HostConflict"
        told = await look(world, namespaces=namespaces)
        assert "NotRunning" not in [finding.reason for finding in told.findings]


async def test_what_a_door_that_stands_was_warned_of_is_named() -> None:
    world = Running(EmbeddedCluster())
    world.settings({})
    world.create(component_service("m", "engine"))
    world.create(inference_service("m", annotations={**RAW, "ome.io/ingress-clas": "nginx"}, ready=("engine",)))
    async with world.shell() as shell:
        await shell.once(PATIENCE)
    named = [finding for finding in (await look(world)).findings if finding.reason == "UnknownAnnotation"]
    assert [each.cause for each in named] == [
        "nothing reads annotation ome.io/ingress-clas (is ome.io/ingress-class meant?)"
    ]
    assert named[0].remedy == ("kubectl -n a edit inferenceservices.ome.io m",)


async def test_a_service_is_named_with_its_namespace() -> None:
    world = Running(EmbeddedCluster())
    world.settings()
    for namespace in ("a", "b"):
        world.create(inference_service("m", namespace, annotations=RAW))
    assert (await look(world, "m")).services == 2
    told = await look(world, "b/m")
    assert {finding.about for finding in told.findings if finding.about != "cluster"} == {"InferenceService b/m"}
    assert told.services == 1


async def test_who_looks_in_the_wrong_namespace_is_told_the_right_one() -> None:
    world = Running(EmbeddedCluster())
    world.settings()
    world.create(inference_service("m", "b", annotations=RAW))
    for names, namespaces in ((("m",), ("a",)), (("a/m",), ())):
        with pytest.raises(LookupError, match="no InferenceService m in namespace a; there is one in b: -n b"):
            await look(world, *names, namespaces=namespaces)
    with pytest.raises(LookupError, match=r"no InferenceService n in namespace a$"):
        await look(world, "n", namespaces=("a",))


async def test_doors_that_stand_without_settings_are_named() -> None:
    world = Running(EmbeddedCluster())
    world.add("m")
    async with world.shell() as shell:
        await shell.once()
    (finding,) = [each for each in (await look(world)).findings if "ConfigMap" in each.about]
    assert finding.reason == "NoSettings"
    assert finding.remedy[:2] == (
        "kubectl create namespace ome",
        "kubectl -n ome create configmap inferenceservice-config"
        """ --from-literal=ingress='{"ingressDomain": "models.example.org"}'""",
    )


async def test_settings_that_are_wrong_are_said_to_leave_the_last_good_ones_in_force() -> None:
    world = Running(EmbeddedCluster())
    world.settings({"urlScheme": "gopher"})
    (finding,) = (await look(world)).findings
    assert finding.reason == "InvalidSettings"
    assert "the last good settings stay in force" in finding.cause


@pytest.mark.parametrize("annotated", [True, False])
async def test_a_class_that_is_not_there_is_changed_where_it_is_named(annotated: bool) -> None:
    world = Running(EmbeddedCluster())
    world.settings({"ingressClassName": "nowhere"})
    world.create(component_service("m", "engine"))
    annotations = {**RAW, "ome.io/ingress-class": "nowhere"} if annotated else RAW
    world.create(inference_service("m", annotations=annotations, ready=("engine",)))
    async with world.shell() as shell:
        await shell.once()
    found = {finding.reason: finding for finding in (await look(world)).findings}
    assert found["IngressClassMissing"].remedy == (
        "kubectl get ingressclasses.networking.k8s.io",
        "kubectl -n a annotate inferenceservices.ome.io m --overwrite ome.io/ingress-class=NAME"
        if annotated
        else "kubectl -n ome edit configmap inferenceservice-config",
    )
