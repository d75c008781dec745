"""What the doctor says where a whole kind is missing, or a serving runtime: before the embedded cluster."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest
from doorward.backends import Backends, installed_sources
from doorward.cluster.embedded import EmbeddedCluster, Store
from doorward.cluster.protocol import ApiError
from doorward.lease import LEASE
from doorward.model.reference import JsonObject, Ref, Resource
from doorward.model.source import Source
from doorward_daemon.doctor import consultation, remedies
from doorward_daemon.doctor.checks import Wanted
from doorward_daemon.doctor.components import PODS
from doorward_daemon.doctor.consultation import Consultation, Told, look_into
from doorward_daemon.doctor.examination import Patient
from doorward_daemon.doctor.finding import Finding
from doorward_daemon.doctor.running import Presence
from doorward_daemon.doctor.runtimes import CLUSTER_RUNTIMES, RUNTIMES
from doorward_daemon.health import serving
from doorward_daemon.metrics import Metrics

from tests.engine.stage import component_service, definitions, inference_service, settings
from tests.patience import PATIENCE
from tests.shell.running import INGRESS, RAW, SERVICE, Running

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
    findings = [finding.reason for finding in (await told(world)).findings if finding.about != "cluster"]
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
    assert named[0].remedy == (
        "kubectl -n a annotate inferenceservices.ome.io m ome.io/ingress-clas- ome.io/ingress-class=nginx"
        "  # now 'nginx', which belongs into ome.io/ingress-class",
    )


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


@pytest.mark.parametrize(
    ("names", "namespaces"),
    [(("lama",), ()), (("chat/lama",), ()), (("lama",), ("chat",))],
    ids=str,
)
async def test_a_service_of_nearly_that_name_is_suggested(names: tuple[str, ...], namespaces: tuple[str, ...]) -> None:
    world = Running(EmbeddedCluster())
    world.settings()
    world.create(inference_service("llama", "chat", annotations=RAW))
    world.create(inference_service("llama-2", "other", annotations=RAW))
    with pytest.raises(LookupError, match=r"; did you mean chat/llama\?$"):
        await look(world, *names, namespaces=namespaces)


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
    assert found["IngressClassMissing"].cause == (
        "Ingress a/m names class nowhere, and there is no IngressClass nowhere: a controller that goes by "
        "IngressClasses doesn't serve it; create it, or name another"
    )
    assert found["IngressClassMissing"].remedy == (
        "kubectl get ingressclasses.networking.k8s.io",
        "kubectl -n a annotate inferenceservices.ome.io m --overwrite ome.io/ingress-class=NAME"
        "  # now 'nowhere': write the name of one that is listed"
        if annotated
        else "kubectl -n ome edit configmap inferenceservice-config"
        "  # key ingress, field ingressClassName, now 'nowhere': write the name of one that is listed",
    )


async def test_a_class_is_not_called_missing_where_classes_may_not_be_listed() -> None:
    world = Running(EmbeddedCluster())
    world.settings({"ingressClassName": "nowhere"})
    world.add("m")
    assert "IngressClassMissing" in await settled(world)
    kind = "IngressClass.networking.k8s.io"
    world.fail("list", ApiError(403, "Forbidden", "not for you"), times=1000, kind=kind)
    assert "IngressClassMissing" not in {finding.reason for finding in (await look(world)).findings}


async def settled(world: Running) -> dict[str, Finding]:
    """What the doctor finds, by reason, once doorward has done what there is to do."""
    async with world.shell() as shell:
        await shell.once(PATIENCE)
    return {finding.reason: finding for finding in (await look(world)).findings}


async def test_a_class_of_a_held_door_is_changed_where_the_next_one_is_asked_for() -> None:
    world = Running(EmbeddedCluster())
    world.settings({"ingressClassName": "nowhere"})
    world.add("m")
    await settled(world)
    world.patch(SERVICE, "m", {"metadata": {"annotations": {"ome.io/ingress-class": "No_Such"}}})
    found = await settled(world)
    edit = "kubectl -n a annotate inferenceservices.ome.io m --overwrite ome.io/ingress-class=NAME  # now 'No_Such'"
    assert found["InvalidIngressClass"].remedy[-1] == edit
    assert found["IngressClassMissing"].remedy[-1].startswith(edit)
    assert found["IngressClassMissing"].evidence[1:] == (
        "annotation ome.io/ingress-class asks for 'No_Such'",
        "the door is held as it was (InvalidIngressClass), and takes another class once that is solved",
    )


# -- who else has a host -----------------------------------------------------------------------------------------


def stranger(host: str, path_type: str = "Prefix") -> JsonObject:
    backend = {"service": {"name": "theirs", "port": {"number": 80}}}
    path = {"path": "/", "pathType": path_type, "backend": backend}
    rule = {"host": host, "http": {"paths": [path]}}
    metadata = {"name": "theirs", "namespace": "b"}
    spec = {"ingressClassName": "istio", "rules": [rule]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


THEIRS = "kubectl -n b edit ingresses.networking.k8s.io theirs  # spec.rules[].host has {}: take it out, or the path"


@pytest.mark.parametrize(
    ("early", "path_type", "reason", "severity"),
    [
        (True, "Prefix", "HostConflict", "fault"),
        (False, "Prefix", "HostShared", "warning"),
        (True, "Exact", "HostShared", "warning"),
        (False, "Exact", "HostShared", "warning"),
    ],
)
async def test_who_has_a_host_too_is_to_be_edited_or_what_asks_for_it_here(
    early: bool, path_type: str, reason: str, severity: str
) -> None:
    world = Running(EmbeddedCluster())
    world.settings({})
    if early:
        world.create(stranger("m.a.example.com", path_type))
    world.add("m")
    if not early:
        await settled(world)
        world.create(stranger("m.a.example.com", path_type))
    finding = (await settled(world))[reason]
    assert finding.severity == severity
    theirs, ours = finding.remedy
    assert theirs.startswith(THEIRS.format("m.a.example.com"))
    assert ours == (
        "kubectl -n a annotate inferenceservices.ome.io m --overwrite ome.io/ingress-domain=DOMAIN"
        "  # not there yet: write a domain that makes a host other than m.a.example.com"
    )


@pytest.mark.parametrize(
    ("setting", "annotations", "edit"),
    [
        (
            {},
            {"ome.io/ingress-domain-template": "one.example.com"},
            "kubectl -n b annotate inferenceservices.ome.io m --overwrite ome.io/ingress-domain-template=VALUE"
            "  # now 'one.example.com': write what makes a host other than one.example.com",
        ),
        (
            {"domainTemplate": "one.example.com"},
            {},
            "kubectl -n b annotate inferenceservices.ome.io m --overwrite ome.io/ingress-domain-template=HOST"
            "  # not there yet: write a host other than one.example.com",
        ),
    ],
)
async def test_a_host_that_another_service_has_is_changed_where_it_is_asked_for(
    setting: JsonObject, annotations: dict[str, str], edit: str
) -> None:
    world = Running(EmbeddedCluster())
    world.settings(setting)
    for namespace in ("a", "b"):
        world.create(component_service("m", "engine", namespace))
        world.create(inference_service("m", namespace, annotations={**RAW, **annotations}, ready=("engine",)))
    assert (await settled(world))["HostConflict"].remedy == (edit,)


# -- fields that messages name -----------------------------------------------------------------------------------

ANNOTATE = "kubectl -n a annotate inferenceservices.ome.io m "
EDIT_SETTINGS = "kubectl -n ome edit configmap inferenceservice-config"


async def remedy_of(reason: str, more: JsonObject, ingress: JsonObject | None = None, **keys: str) -> tuple[str, ...]:
    """What is told of a service with these annotations, or another spec."""
    world = Running(EmbeddedCluster())
    world.settings(ingress or {}, **keys)
    world.create(component_service("m", "engine"))
    annotations = {**RAW, **more.pop("annotations", {})}
    world.create(inference_service("m", annotations=annotations, ready=("engine",), **more))
    return (await settled(world))[reason].remedy


@pytest.mark.parametrize(
    ("key", "value", "reason", "now"),
    [
        ("ome.io/ingress-domain", "No_Good", "InvalidHost", "DOMAIN  # now 'No_Good': write a domain"),
        ("ome.io/ingress-domain-template", "{{.Nam}}", "InvalidHost", "TEMPLATE  # now '{{.Nam}}': write a template"),
        ("ome.io/ingress-additional-domains", "x_y", "InvalidHost", "DOMAINS  # now 'x_y': write valid domains"),
        ("ome.io/ingress-url-scheme", "ftp", "InvalidHost", "SCHEME  # now 'ftp': write http or https"),
        ("ome.io/ingress-path-template", "no", "InvalidPath", "TEMPLATE  # now 'no': write a template of a path"),
    ],
)
async def test_what_makes_no_valid_address_is_edited_or_removed_where_it_stands(
    key: str, value: str, reason: str, now: str
) -> None:
    write, remove = await remedy_of(reason, {"annotations": {key: value}})
    assert write.startswith(f"{ANNOTATE}--overwrite {key}={now}")
    assert remove.startswith(f"{ANNOTATE}{key}-  # or do without, and setting ")


async def test_a_setting_that_makes_no_valid_host_is_edited_or_replaced_for_the_service_alone() -> None:
    setting, own = await remedy_of("InvalidHost", {}, {"domainTemplate": "{{.Labels.team}}.test"})
    assert setting.startswith(
        f"{EDIT_SETTINGS}  # key ingress, field domainTemplate, now '{{{{.Labels.team}}}}.test': "
    )
    assert own.startswith(f"{ANNOTATE}--overwrite ome.io/ingress-domain-template=TEMPLATE  # not there yet: write ")
    assert own.endswith(", for this service alone")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"engine": {"timeoutSeconds": -3}}, "spec.engine.timeoutSeconds, now -3: expected 1 to "),
        ({"engine": ["x"]}, 'spec.engine, now ["x"]: expected `object`, got `'),
        ({"engine": {"timeoutSeconds": "soon"}}, "spec.engine.timeoutSeconds, now 'soon': expected `int | null`"),
    ],
)
async def test_a_field_that_no_door_can_have_is_named_with_what_it_says(spec: JsonObject, says: str) -> None:
    (edit,) = await remedy_of("InvalidSpec", {"spec": spec})
    assert edit.startswith(f"kubectl -n a edit inferenceservices.ome.io m  # {says}")
    assert "correct this field" not in edit


@pytest.mark.parametrize(
    ("annotations", "remedy"),
    [
        ({"doorward.io/nothing-like-it": "x"}, "doorward.io/nothing-like-it-  # now 'x', and nothing reads it"),
        (
            {"ome.io/ingress-clas": "a", "ome.io/ingress-class": "nginx"},
            "ome.io/ingress-clas-  # now 'a', and nothing reads it; ome.io/ingress-class is there, and says 'nginx'",
        ),
        (
            {"ome.io/ingress-clas": "it's"},
            "ome.io/ingress-clas- ome.io/ingress-class='it'\"'\"'s'"
            '  # now "it\'s", which belongs into ome.io/ingress-class',
        ),
        (
            {"ome.io/ingress-clas": "a\nb"},
            r"ome.io/ingress-clas- ome.io/ingress-class=VALUE  # now 'a\nb', which belongs into ome.io/ingress-class",
        ),
    ],
)
async def test_an_annotation_that_nothing_reads_is_moved_to_the_key_that_was_meant_or_removed(
    annotations: dict[str, str], remedy: str
) -> None:
    assert await remedy_of("UnknownAnnotation", {"annotations": annotations}) == (ANNOTATE + remedy,)


# -- how bad it is -----------------------------------------------------------------------------------------------


async def test_what_is_worst_comes_first_and_a_remark_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = Running(EmbeddedCluster())
    world.settings({})
    for component in ("engine", "decoder"):
        world.create(component_service("m", component))
    annotations = {**RAW, "ome.io/ingress-clas": "nginx"}
    spec = {"engine": {}, "decoder": {}}
    world.create(inference_service("m", annotations=annotations, spec=spec, ready=("engine", "decoder")))
    await settled(world)
    found = (await look(world)).findings
    severities = [finding.severity for finding in found]
    assert severities == sorted(severities, key=("fault", "warning", "remark").index)
    assert [finding.reason for finding in found if finding.severity != "fault"] == [
        "UnknownAnnotation",
        "NoPathRouting",
    ]
    monkeypatch.setattr(consultation, "reached", lambda *_: world.cluster)
    assert await consultation.consult(None, None, Consultation(network=False)) == 1
    printed = capsys.readouterr().out
    assert "InferenceService a/m: UnknownAnnotation (warning)\n" in printed
    assert printed.splitlines()[-1] == f"1 service looked at: {len(found) - 1} findings, 1 remark"


def test_remarks_alone_leave_nothing_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    remark = Finding(about="InferenceService a/m", reason="NoPathRouting", cause="x", severity="remark")
    told = Told(services=1, findings=(remark,), daemon=Presence(state="runs", seen=(), look=()))
    assert told.well
    consultation._print(told, "table")
    assert capsys.readouterr().out.splitlines()[-1] == "1 service looked at: nothing is wrong, 1 remark"
    consultation._print(told, "json")
    assert '"severity": "remark"' in capsys.readouterr().out


# -- whether a doorward runs -------------------------------------------------------------------------------------


async def idle(*kinds: Resource) -> Running:
    """A cluster in which a doorward without a Lease has done what there is to do, and waits."""
    world = world_of(*kinds)
    world.settings()
    world.add("m")
    async with world.shell() as shell:
        await shell.once()
    return world


def of_cluster(told: Told) -> list[Finding]:
    return [finding for finding in told.findings if finding.about == "cluster"]


async def test_who_waits_without_a_lease_is_not_said_to_be_gone() -> None:
    told = await look(await idle(LEASE, PODS))
    assert (of_cluster(told), told.daemon.state) == ([], "unseen")
    assert told.daemon.seen[0] == "there is no Lease ome/doorward"
    assert told.daemon.seen[-1].endswith(" old: InferenceService a/m")
    assert told.daemon.look[0] == "doorward doctor --url http://127.0.0.1:8080"


async def test_what_is_due_and_nobody_was_seen_to_do_is_a_finding() -> None:
    world = await idle(LEASE, PODS)
    world.delete(INGRESS, "m")
    told = await look(world)
    (finding,) = of_cluster(told)
    assert finding.reason == "NobodySeen"
    assert finding.evidence == ("due: 1 write, such as create Ingress a/m: the door opens", *told.daemon.seen)


async def test_a_report_that_is_due_and_nobody_was_seen_to_write_is_a_finding() -> None:
    world = await idle(LEASE, PODS)
    conditions = [{"type": "IngressReady", "status": "False", "reason": "EngineNotReady"}]
    world.patch(SERVICE, "m", {"status": {"conditions": conditions}}, subresource="status")
    (finding,) = of_cluster(await look(world))
    assert finding.reason == "NobodySeen"
    assert finding.evidence[0].startswith("due: 1 write, such as status InferenceService a/m: ")


async def test_what_nobody_does_can_be_asked_for_and_begun_by_commands_as_they_are() -> None:
    world = await idle(LEASE, PODS)
    world.delete(INGRESS, "m")
    again, start = "doorward doctor a/m --context here", "doorward run --context here"
    asked = Consultation(again=again, start=start, network=False)
    (finding,) = of_cluster(await look_into(world.cluster, asked))
    assert finding.remedy[0] == f"{again} --url http://127.0.0.1:8080"
    assert finding.remedy[-1] == start


def lease(renewed: float, holder: str = "pod-a") -> JsonObject:
    stamp = datetime.fromtimestamp(renewed, UTC).isoformat(timespec="microseconds")
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": stamp}
    metadata = {"name": "doorward", "namespace": "ome"}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize(
    ("age", "holder", "state", "words"),
    [
        (1, "pod-a", "runs", "pod-a holds Lease ome/doorward"),
        (100, "pod-a", "gone", "its last holder was pod-a"),
        (1, "", "unseen", "nobody holds Lease ome/doorward"),
    ],
)
async def test_a_lease_tells_who_leads(age: float, holder: str, state: str, words: str) -> None:
    world = await idle(LEASE, PODS)
    world.store.create(LEASE, "ome", lease(time.time() - age, holder))
    told = await look(world)
    assert (told.daemon.state, words in told.daemon.seen[0]) == (state, True)
    reasons = [finding.reason for finding in of_cluster(told) if finding.reason != "ClockSkew"]
    assert reasons == (["NotRunning"] if state == "gone" else [])


async def test_a_pod_that_is_ready_tells_of_one_without_a_lease() -> None:
    world = await idle(LEASE, PODS)
    metadata = {"name": "doorward-1", "namespace": "ome", "labels": {"app.kubernetes.io/name": "doorward"}}
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    world.store.put(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status})
    told = await look(world)
    assert told.daemon.state == "runs"
    assert "1 pod is ready: ome/doorward-1" in told.daemon.seen


async def test_the_one_that_is_asked_tells_of_itself() -> None:
    world = await idle(LEASE, PODS)

    async def seen(url: str) -> tuple[str, str]:
        daemon = (await look_into(world.cluster, Consultation(url=url), Wanted(url=url, look_up=None))).daemon
        return daemon.state, daemon.seen[0]

    shell = world.shell()
    async with shell, serving(shell, Metrics(shell), "127.0.0.1:0") as url:
        await shell.once()
        assert await seen(url) == ("runs", f"{url}/readyz answers: ready")
        assert await seen(f"{url}/readyz".removeprefix("http://")) == ("runs", f"{url}/readyz answers: ready")
        assert (await seen(f"{url}/metrics"))[0] == "unseen"
    assert await seen(url) == ("unseen", f"{url}/readyz doesn't answer: Connection refused")


async def test_it_is_printed_that_nobody_was_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = await idle(LEASE, PODS)
    monkeypatch.setattr(consultation, "reached", lambda *_: world.cluster)
    await consultation.consult(None, None, Consultation(network=False))
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("doorward: nobody was seen; one without a Lease that has nothing to do leaves no trace")
    assert lines[at + 1] == "  seen   there is no Lease ome/doorward"
    tries = lines.index("  try    doorward doctor --url http://127.0.0.1:8080")
    assert lines[tries + 1] == ""
    assert lines[-1].startswith("1 service looked at: ")


def test_what_is_still_to_be_written_isn_t_told_as_seen() -> None:
    source = next(iter(Backends(sources=installed_sources()).sources.values()))
    patient = Patient(
        ref=Ref(source.kind, "a", "m"),
        source=source,
        object={},
        condition_type="IngressReady",
        condition={"type": "IngressReady", "status": "False", "reason": "InvalidHost"},
        written={"type": "IngressReady", "status": "True"},
        warnings=(),
        pending=(),
        door=None,
        objects=(),
    )
    assert patient.said == "condition IngressReady is True, and is to be False"


# -- in each kind's own words ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", Backends(sources=installed_sources()).sources.values(), ids=lambda each: each.kind)
def test_a_remedy_names_annotations_as_the_service_s_kind_spells_them(source: Source) -> None:
    patient = Patient(
        ref=Ref(source.kind, "a", "m"),
        source=source,
        object={},
        condition_type="",
        condition={},
        written={},
        warnings=(),
        pending=(),
        door=None,
        objects=(),
    )
    commands = [command for reason in remedies.REMEDIES for command in remedies.remedy(reason, patient, "ome", None)]
    annotated = {re.search(r"--overwrite (\S+)/", command)[1] for command in commands if "--overwrite" in command}  # type: ignore[index]
    own = {"ome.io"} if source.prefix == "ome.io/" else {source.prefix.strip("/")}
    spelled = {name.partition("/")[0] for name in source.spelled.values()}
    assert annotated <= own | spelled | {"doorward.io"}
    assert all(f" {source.resource.plural}. " not in command for command in commands)
    assert any(f'"{source.parts["engine"].called}"' in command for command in commands)
