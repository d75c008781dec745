"""The engine is a pure fold: same events, same actions; a settled cluster is left alone; one event, one door."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec
import pytest
from doorward.engine import Engine
from doorward.model.event import Deleted, Issued, Observed, Record, Started, Synced, Unknown, issued
from doorward.model.reference import SERVICE, JsonObject
from doorward.replaying import Replay
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from tests.engine.lives import Told, live, replay
from tests.engine.scenes import INGRESS, SERVICES, Scene, condition, opened, service
from tests.engine.stage import backends, settings
from tests.engine.test_cases import accept
from tests.engine.test_held_doors import REFUSALS
from tests.engine.test_notices import WARNED, warned
from tests.engine.test_readiness import endpoint_slice
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]


@cache
def life() -> Told:
    return live()


# -- same events, same actions ---------------------------------------------------------------------------------------


def test_two_engines_that_are_told_the_same_do_the_same() -> None:
    told = life()
    assert len(told.issued) > 60
    assert {action.verb for action in told.issued} >= {"create", "patch", "delete", "status", "event", "verify"}
    assert replay(told.script) == msgspec.json.encode(told.issued)


def test_two_processes_that_see_the_same_do_the_same() -> None:
    """Whatever order sets have in a process."""
    digests = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.engine.lives"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout)
    assert len(digests) == 1


def test_asking_for_actions_twice_gives_each_once() -> None:
    scene = Scene(settings(), *service(raw=True), start=False)
    scene.start()
    first = scene.engine.actions()
    assert first
    assert scene.engine.actions() == []
    assert not scene.engine.idle


# -- the journal -----------------------------------------------------------------------------------------------------


def restored(records: list[Record]) -> Engine:
    engine = Engine(backends())
    engine.restore(records)
    return engine


def test_a_journal_restores_the_state() -> None:
    told = life()
    engine = restored(told.records)
    assert engine.fingerprint() == told.engine.fingerprint()
    assert engine.number == told.engine.number


def test_every_part_of_a_journal_restores_the_state_of_its_time() -> None:
    """Which is told by the records that follow: a fold of a fold is the same fold."""
    records = life().records
    whole = restored(records).fingerprint()
    for cut in range(0, len(records), max(1, len(records) // 7)):
        engine = restored(records[:cut])
        engine.restore(records[cut:])
        assert engine.fingerprint() == whole


def test_a_snapshot_restores_the_state_as_well() -> None:
    told = life()
    assert restored(told.engine.snapshot()).fingerprint() == told.engine.fingerprint()


def test_who_starts_from_a_journal_reserves_the_hosts_of_what_is_in_doubt() -> None:
    scene = Scene(settings(), *service(raw=True), start=False)
    scene.start()
    for action in scene.engine.actions():
        scene.records.append(issued(action))
        scene.receive(Unknown(at=scene.clock(), action=action.id))
    after = restored(scene.records)
    after.receive(Started(at=scene.clock()))
    held = after.holders("m.a.example.com", "/")
    assert held == scene.engine.holders("m.a.example.com", "/")
    assert [ref.name for ref in held[1]] == ["m"]


def test_history_that_is_decided_again_begins_with_the_hosts_that_were_reserved() -> None:
    scene = opened()
    again = Replay(backends())
    again.begin(scene.engine.snapshot())
    assert again.holders("m.a.example.com", "/") == scene.engine.holders("m.a.example.com", "/") != ("", ())


def test_a_journal_survives_its_own_encoding() -> None:
    told = life()
    decoder = msgspec.json.Decoder(Record)
    again = [decoder.decode(msgspec.json.encode(record)) for record in told.records]
    assert restored(again).fingerprint() == told.engine.fingerprint()


def test_records_are_numbered_one_by_one() -> None:
    numbers = [record.number for record in life().records]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_action_goes_back_to_an_observation() -> None:
    """What was seen of the world: an object, or that one is gone."""
    records = {record.number: record for record in life().records}
    for record in records.values():
        if not isinstance(record.event, Issued):
            continue
        chain = [record]
        while chain[-1].cause:
            assert chain[-1].cause < chain[-1].number
            chain.append(records[chain[-1].cause])
        assert isinstance(chain[-1].event, Observed | Deleted), [type(link.event).__name__ for link in chain]


# -- a settled cluster is left alone ---------------------------------------------------------------------------------

OFF = {"ome.io/disable-ingress": "true"}
GATEWAY_API = {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}
SETTLED: dict[str, tuple[bool, JsonObject, JsonObject]] = {
    "virtual service": (False, {}, {}),
    "virtual service, raw": (True, {"annotations": {"doorward.io/backend": "istio"}}, {}),
    "ingress": (True, {}, {}),
    "ingress before knative": (False, {"annotations": {"ome.io/ingress-class": "nginx"}}, {}),
    "http route": (True, {}, GATEWAY_API),
    "path": (False, {"annotations": {"ome.io/ingress-path-template": "/m/{{.Name}}"}}, {}),
    "tls": (True, {"annotations": {"ome.io/ingress-url-scheme": "https", "doorward.io/tls-secret": "s"}}, {}),
    "load balancer": (True, {"annotations": {**OFF, "ome.io/service-type": "LoadBalancer"}}, {}),
    "load balancer before knative": (False, {"annotations": {**OFF, "ome.io/service-type": "LoadBalancer"}}, {}),
    "node port": (True, {"annotations": {**OFF, "ome.io/service-type": "NodePort"}}, {}),
    "beside": (True, {"annotations": {"ome.io/service-type": "LoadBalancer"}}, {}),
    "in-cluster": (True, {"labels": {"networking.knative.dev/visibility": "cluster-local"}}, {}),
    "in-cluster, serverless": (False, {"labels": {"networking.knative.dev/visibility": "cluster-local"}}, {}),
    "off": (True, {"annotations": OFF}, {}),
    "no virtual service": (False, {"annotations": {"ome.io/ingress-disable-istio-virtualhost": "true"}}, {}),
    "waiting": (True, {"ready": False}, {}),
}


def left_alone(scene: Scene) -> None:
    """Neither a restart with the journal, nor one without, nor time, nor a second list brings anything about."""
    before = scene.versions()
    for journal in (True, False):
        after = scene.again(journal=journal)
        after.advance(3600)
        after.start()
        after.settle()
        assert after.performed == []
    assert scene.versions() == before
    assert scene.again(journal=False).failures() == []


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("components", [("engine",), ("engine", "router", "decoder")], ids="-".join)
@pytest.mark.parametrize(("raw", "more", "ingress"), SETTLED.values(), ids=SETTLED)
def test_a_settled_door_is_left_alone(
    raw: bool, more: JsonObject, ingress: JsonObject, components: tuple[str, ...], accepted: bool
) -> None:
    scene = Scene(settings(ingress), *service("m", *components, raw=raw, **more))
    if accepted:
        accept(scene)
    scene.advance(60)
    left_alone(scene)


@pytest.mark.parametrize(("status", "reason", "refusal"), REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("stood", [True, False])
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
def test_a_refused_door_is_left_alone(raw: bool, stood: bool, status: str, reason: str, refusal: JsonObject) -> None:
    scene = Scene(settings(), *service("m", "engine", "decoder", raw=raw, ready=stood))
    scene.patch(SERVICES, "a", "m", refusal)
    scene.settle()
    assert scene.verdict() == (status, reason)
    left_alone(scene)


@pytest.mark.parametrize("name", WARNED)
def test_a_door_with_a_warning_is_left_alone(name: str) -> None:
    _, scene = warned(name)
    left_alone(scene)


def test_a_cluster_after_a_busy_life_is_left_alone() -> None:
    told = live()
    told.configure({"ingressDomain": "good.test"})
    told.advance(600)
    before = told.versions()
    for journal in (True, False):
        after = told.again(journal=journal)
        after.advance(600)
        assert [f"{action.verb} {action.ref}: {action.reason}" for action in after.performed] == []
    assert told.versions() == before


NAMES = st.sampled_from(["m", "my.model", "7b", "a" * 70])
ANNOTATIONS = st.fixed_dictionaries(
    {},
    optional={
        "ome.io/deployment-mode": st.sampled_from(["Serverless", "RawDeployment", "MultiNode", "Raw", ""]),
        "ome.io/ingress-class": st.sampled_from(["nginx", "istio", "traefik"]),
        "ome.io/service-type": st.sampled_from(["LoadBalancer", "NodePort", "Magic"]),
        "ome.io/disable-ingress": st.sampled_from(["true", "FALSE"]),
        "ome.io/ingress-disable-istio-virtualhost": st.sampled_from(["true", "false"]),
        "ome.io/ingress-domain": st.sampled_from(["own.test", "Not A Domain", ""]),
        "ome.io/ingress-domain-template": st.sampled_from(["{{.Name}}.test", "{{.Labels.team}}.test"]),
        "ome.io/ingress-additional-domains": st.sampled_from(["b.test", "no_good,b.test,b.test", ""]),
        "ome.io/ingress-path-template": st.sampled_from(["/m/{{.Name}}", "/../x", ""]),
        "ome.io/ingress-url-scheme": st.sampled_from(["http", "https"]),
        "doorward.io/backend": st.sampled_from(["istio", "k8s_ingress", "gateway_api", "loadbalancer", "nobody"]),
        "cert-manager.io/cluster-issuer": st.just("letsencrypt"),
        "nginx.ingress.kubernetes.io/configuration-snippet": st.just("return 200;"),
    },
)
COMPONENTS = st.sampled_from(
    [("engine",), ("engine", "router"), ("engine", "decoder"), ("engine", "router", "decoder")]
)
INGRESSES = st.fixed_dictionaries(
    {},
    optional={
        "ingressClassName": st.sampled_from(["nginx", "istio"]),
        "pathTemplate": st.just("/models/{{.Name}}"),
        "additionalIngressDomains": st.just(["alt.test"]),
        "disableIngressCreation": st.booleans(),
        "disableIstioVirtualHost": st.booleans(),
        "urlScheme": st.sampled_from(["http", "https"]),
        "enableGatewayAPI": st.just(True),
    },
)


@given(
    name=NAMES,
    annotations=ANNOTATIONS,
    components=COMPONENTS,
    ready=st.booleans(),
    local=st.booleans(),
    ingress=INGRESSES,
)
@limits(max_examples=60, deadline=None)
def test_whatever_is_asked_for_a_restart_writes_nothing(
    name: str,
    annotations: dict[str, str],
    components: tuple[str, ...],
    ready: bool,
    local: bool,
    ingress: JsonObject,
) -> None:
    labels = {"networking.knative.dev/visibility": "cluster-local"} if local else {}
    config = settings({**ingress, "omeIngressGateway": "gw/shared"})
    parts: JsonObject = {component: {} for component in components}
    body = service(name, *components, annotations=annotations, labels=labels, ready=ready, spec=parts)[0]
    scene = Scene(config, body)
    accept(scene)
    scene.advance(60)
    assert scene.failures() == []
    assert scene.verdict(name)[0] in ("True", "False", "Unknown")
    left_alone(scene)


# -- one event, one door ---------------------------------------------------------------------------------------------


@cache
def many() -> Scene:
    objects: list[JsonObject] = [settings()]
    for number in range(12):
        objects += service(f"m{number}", "engine", "decoder", raw=number % 2 == 0)
    return Scene(*objects)


def decided(scene: Scene) -> int:
    watched = scene.since()
    scene.deliver()
    return watched.decided


def test_an_event_about_one_door_decides_that_door_alone() -> None:
    scene = many()
    for kind, name, body in (
        (SERVICES, "m2", {"metadata": {"annotations": {"ome.io/ingress-domain": "own.test"}}}),
        (SERVICE, "m4-engine", {"spec": {"ports": [{"port": 8000, "name": "http"}]}}),
        (INGRESS, "m6", {"spec": {"ingressClassName": "theirs"}}),
        (SERVICE, "m7", {"spec": {"externalName": "theirs.test"}}),
    ):
        scene.patch(kind, "a", name, body)
        assert decided(scene) == 1, name
        scene.settle()
    told = [condition("EngineReady"), condition("DecoderReady", "False"), scene.condition("m8")]
    scene.patch(SERVICES, "a", "m8", {"status": {"conditions": told}}, subresource="status")
    assert decided(scene) == 1
    scene.create(service("late", raw=True, ready=False)[0])
    assert decided(scene) == 1
    scene.delete(SERVICES, "a", "late")
    scene.settle()


def test_an_event_about_no_door_decides_none() -> None:
    scene = many()
    scene.create({**service("x", raw=True)[1], "metadata": {"name": "stranger", "namespace": "a"}})
    scene.create(endpoint_slice("stranger", name="strange"))
    assert decided(scene) == 0


def test_a_fact_that_isnt_there_is_depended_on_too() -> None:
    scene = Scene(settings(), service(raw=True)[0], service("n", raw=True)[0])
    scene.create(service(raw=True)[1])
    assert decided(scene) == 1


def test_a_resync_that_changes_nothing_decides_and_keeps_nothing() -> None:
    scene = opened()
    before, watched = len(scene.records), scene.since()
    scene._watched.clear()
    scene.sync()
    assert (watched.decided, watched.writes, len(scene.records)) == (0, [], before)


def test_a_heartbeat_keeps_nothing() -> None:
    scene = opened()
    before = len(scene.records)
    body = scene.service()
    body["metadata"]["resourceVersion"] = "99999"
    body["metadata"]["managedFields"] = [{"manager": "kubelet"}]
    scene.receive(Observed(at=scene.clock(), kind=SERVICES, object=body))
    assert len(scene.records) == before


def test_an_observation_older_than_what_is_known_is_ignored() -> None:
    scene = Scene(settings(), *service(raw=True), start=False)
    stale = scene.service()
    scene.start()
    scene.settle()
    before, watched = scene.engine.fingerprint(), scene.since()
    scene.receive(Observed(at=scene.clock(), kind=SERVICES, object=stale))
    assert (watched.decided, scene.engine.fingerprint()) == (0, before)


def test_an_object_that_is_gone_isnt_brought_back_by_what_was_seen_before() -> None:
    scene = opened()
    stale = scene.get(SERVICE, "a", "m-engine")
    scene.delete(SERVICE, "a", "m-engine")
    scene.settle()
    watched = scene.since()
    scene.receive(Observed(at=scene.clock(), kind=SERVICE, object=stale))
    assert watched.decided == 0


def test_a_list_older_than_what_is_known_sweeps_nothing() -> None:
    scene = opened()
    before = scene.engine.fingerprint()
    old = int(scene.get(INGRESS, "a", "m")["metadata"]["resourceVersion"]) - 1
    scene.receive(Synced(at=scene.clock(), kind=INGRESS, resource_version=old, version="v1"))
    assert scene.engine.fingerprint() == before
    assert scene.engine.actions() == []


def test_a_start_makes_what_was_in_flight_doubtful_and_looks() -> None:
    scene = Scene(settings(), *service(raw=True), start=False)
    scene.start()
    scene.keep([issued(action) for action in scene.engine.actions()])
    after = scene.reborn()
    after.receive(Started(at=after.clock()))
    after.sync()
    assert {action.verb for action in after.engine.actions()} == {"verify"}
