"""docs/settings.md, Settings: the ConfigMap, read live, and what is in force when it is wrong or missing."""

from __future__ import annotations

from typing import Literal

import pytest
from doorward.engine import Engine
from doorward.model.event import Configured, Observed, Started, Synced
from doorward.model.reference import JsonObject
from doorward.model.settings import Settings
from doorward.settings.tracked import TrackedSettings, changed

from tests.engine.scenes import INGRESS, VIRTUAL_SERVICE, Scene, opened, service
from tests.engine.stage import settings

NAME = "inferenceservice-config"


def hosts(scene: Scene, name: str = "m") -> list[str]:
    return [rule["host"] for rule in scene.get(INGRESS, "a", name)["spec"]["rules"]]


def test_without_a_config_map_a_fresh_cluster_has_the_defaults() -> None:
    scene = Scene(*service())
    assert scene.engine.ready
    assert scene.url() == "http://m.a.example.com"
    spec = scene.get(VIRTUAL_SERVICE, "a", "m")["spec"]
    assert spec["gateways"][:2] == [
        "knative-serving/knative-ingress-gateway",
        "knative-serving/knative-local-gateway",
    ]
    assert scene.get("Service", "a", "m")["spec"]["externalName"] == (
        "knative-local-gateway.istio-system.svc.cluster.local"
    )


def test_every_field_of_key_ingress_is_taken() -> None:
    ingress: JsonObject = {
        "ingressDomain": "corp.test",
        "domainTemplate": "{{ .Namespace }}-{{ .Name }}.{{ .IngressDomain }}",
        "urlScheme": "https",
        "additionalIngressDomains": ["alt.test"],
        "pathTemplate": "/models/{{.Name}}",
        "ingressGateway": "gw/outside",
        "localGateway": "gw/inside",
        "localGatewayService": "inside.gw.svc.cluster.local",
        "knativeLocalGatewayService": "knative.gw.svc.cluster.local",
        "ingressService": "unused",
    }
    scene = Scene(settings(ingress), *service())
    assert scene.url() == "https://corp.test/models/m"
    spec = scene.get(VIRTUAL_SERVICE, "a", "m")["spec"]
    assert spec["hosts"][:2] == ["a-m.corp.test", "a-m.alt.test"]
    assert spec["gateways"] == ["gw/outside", "gw/inside", "mesh"]
    assert spec["http"][0]["route"][0]["destination"]["host"] == "knative.gw.svc.cluster.local"
    assert scene.get("Service", "a", "m")["spec"]["externalName"] == "inside.gw.svc.cluster.local"


def test_the_overlay_of_key_doorward_wins_over_key_ingress() -> None:
    overlay = "ingress: {ingressDomain: mine.test}"
    scene = Scene(settings({"ingressDomain": "omes.test", "urlScheme": "https"}, doorward=overlay), *service())
    assert scene.url() == "https://m.a.mine.test"


def test_the_default_mode_comes_from_key_deploy() -> None:
    scene = Scene(settings(deploy='{"defaultDeploymentMode": "RawDeployment"}'), *service())
    assert scene.ours() == {"Ingress/m", "Service/m"}


def test_an_edit_takes_effect_at_once() -> None:
    scene = opened()
    scene.configure({"additionalIngressDomains": ["alt.test"]})
    assert hosts(scene) == ["m.a.example.com", "m.a.alt.test"]


def test_an_edit_decides_the_doors_that_it_touches_and_no_others() -> None:
    fixed = {"ome.io/ingress-class": "nginx", "ome.io/ingress-domain": "fixed.test"}
    scene = Scene(settings(), *service("follows", raw=True), *service("fixed", raw=True, annotations=fixed))
    untouched = scene.since()
    scene.configure({"ingressService": "nobody-reads-this", "localGateway": "only/for-knative"})
    assert untouched.decided == 0
    touched = scene.since()
    scene.patch("ConfigMap", "ome", NAME, {"data": {"ingress": '{"ingressDomain": "new.test"}'}})
    scene.deliver()
    assert touched.decided == 1
    scene.settle()
    assert {action.ref.name for action in touched.actions} == {"follows"}


def test_an_edit_that_says_the_same_in_other_words_writes_nothing() -> None:
    scene = Scene(settings({"ingressDomain": "example.com"}), *service(raw=True))
    watched = scene.since()
    scene.configure({"ingressDomain": "example.com", "urlScheme": "http"}, deploy="{}")
    assert watched.writes == []


BAD: dict[str, tuple[JsonObject, str, str]] = {
    "an unknown mode": (
        settings(deploy='{"defaultDeploymentMode": "Raw"}'),
        "key deploy, field defaultDeploymentMode",
        "RawDeployment",
    ),
    "a gateway that isn't ns/name": (
        settings({"ingressGateway": "gateway"}),
        "key ingress, field ingressGateway",
        "NAMESPACE/NAME",
    ),
    "a template that doesn't compile": (
        settings({"domainTemplate": "{{ .Nam"}),
        "key ingress, field domainTemplate",
        ".Name",
    ),
    "another scheme": (settings({"urlScheme": "ftp"}), "key ingress, field urlScheme", "https"),
    "no Gateway for the Gateway API": (
        settings({"enableGatewayAPI": True}),
        "key ingress, field omeIngressGateway",
        "NAMESPACE/NAME",
    ),
    "a type that is wrong": (
        settings({"disableIngressCreation": "yes"}),
        "key ingress, field disableIngressCreation",
        "write true or false",
    ),
    "a number out of range": (
        settings(doorward="overlapSeconds: -1"),
        "key doorward, field overlapSeconds",
        "write another number",
    ),
}


@pytest.mark.parametrize(("bad", "where", "remedy"), BAD.values(), ids=BAD)
def test_a_bad_edit_leaves_the_last_good_settings_in_force_and_says_what_is_wrong(
    bad: JsonObject, where: str, remedy: str
) -> None:
    scene = Scene(settings({"ingressDomain": "good.test"}), *service(raw=True))
    before = scene.versions()
    data = {"ingress": None, "deploy": None, "doorward": None, **bad["data"]}
    scene.patch("ConfigMap", "ome", NAME, {"data": data})
    scene.settle()
    (reason, message), *others = scene.told(about=NAME)
    assert (reason, others) == ("InvalidSettings", [])
    assert where in message
    assert remedy in message
    assert scene.engine.problems == (message,)
    assert scene.engine.ready
    scene.create(service("late", raw=True)[0])
    scene.settle()
    assert scene.url("late") == "http://late.a.good.test"
    del before["ConfigMap ome/inferenceservice-config"]
    assert before.items() <= scene.versions().items()


@pytest.mark.parametrize("text", ["{", "", "[]", '"text"', "{'a': 1}", '{"ingressDomain": NaN}'])
def test_json_that_doesnt_parse_is_named_by_its_key(text: str) -> None:
    scene = opened()
    scene.patch("ConfigMap", "ome", NAME, {"data": {"ingress": text}})
    scene.settle()
    assert scene.engine.problems[0].startswith("key ingress: ")
    assert scene.reasons(about=NAME) == ["InvalidSettings"]
    assert scene.verdict() == ("True", "")


def test_yaml_that_doesnt_parse_is_named_by_its_key() -> None:
    scene = opened()
    scene.configure(doorward="a: [unclosed")
    assert scene.engine.problems[0].startswith("key doorward: ")


def test_a_correction_ends_the_problem() -> None:
    scene = Scene(settings({"urlScheme": "ftp"}), *service(raw=True))
    assert not scene.engine.ready
    scene.configure({"urlScheme": "https"})
    assert (scene.engine.ready, scene.engine.problems) == (True, ())
    assert scene.url() == "https://m.a.example.com"


def test_settings_that_are_bad_from_the_start_open_nothing_and_say_why() -> None:
    scene = Scene(settings({"urlScheme": "ftp"}), *service(raw=True))
    assert scene.ours() == set()
    assert scene.engine.settings is None
    assert scene.reasons(about=NAME) == ["InvalidSettings"]


def test_a_deleted_config_map_leaves_the_last_good_settings_in_force_and_is_told() -> None:
    scene = Scene(settings({"ingressDomain": "good.test"}), *service(raw=True))
    scene.delete("ConfigMap", "ome", NAME)
    scene.settle()
    assert "was deleted" in scene.engine.problems[0]
    ((reason, message),) = scene.told(about=NAME)
    assert (reason, message) == ("InvalidSettings", scene.engine.problems[0])
    scene.create(service("late", raw=True)[0])
    scene.settle()
    assert scene.url("late") == "http://late.a.good.test"


@pytest.mark.parametrize("wrong", ["bad", "deleted"])
def test_the_last_good_settings_outlive_a_restart(wrong: str) -> None:
    scene = Scene(settings({"ingressDomain": "good.test"}), *service(raw=True))
    if wrong == "bad":
        scene.configure({"ingressDomain": "Not Good"})
    else:
        scene.delete("ConfigMap", "ome", NAME)
        scene.settle()
    after = scene.again()
    assert after.performed == []
    assert after.engine.ready
    assert len(after.engine.problems) == 1
    after.create(service("late", raw=True)[0])
    after.settle()
    assert after.url("late") == "http://late.a.good.test"


def test_what_became_bad_while_nothing_ran_leaves_the_last_good_settings_in_force() -> None:
    scene = Scene(settings({"ingressDomain": "good.test"}), *service(raw=True))
    scene.delete("ConfigMap", "ome", NAME)
    after = scene.again()
    assert [action.verb for action in after.performed] == ["event"]
    assert hosts(after) == ["m.a.good.test"]
    assert after.reasons(about=NAME) == ["InvalidSettings"]


def test_without_journal_and_config_map_doors_that_stand_are_held() -> None:
    scene = Scene(settings({"ingressDomain": "good.test"}), *service(raw=True))
    scene.delete("ConfigMap", "ome", NAME)
    after = scene.again(journal=False, ready=False)
    assert not after.engine.ready
    assert "--defaults" in after.engine.problems[0]
    assert after.performed == []
    after.patch(INGRESS, "a", "m", {"spec": {"ingressClassName": "theirs"}})
    after.settle()
    assert after.get(INGRESS, "a", "m")["spec"]["ingressClassName"] == "istio"
    assert hosts(after) == ["m.a.good.test"]


def test_the_defaults_move_standing_doors_when_asked_for() -> None:
    scene = Scene(settings({"ingressDomain": "good.test"}), *service(raw=True))
    scene.delete("ConfigMap", "ome", NAME)
    after = scene.again(journal=False, use_defaults=True)
    assert after.engine.ready
    after.advance(11)
    assert hosts(after) == ["m.a.example.com"]


def test_bad_settings_without_a_journal_hold_doors_that_stand() -> None:
    scene = Scene(settings({"ingressDomain": "good.test"}), *service(raw=True))
    scene.configure({"ingressDomain": "Not Good"})
    after = scene.again(journal=False, ready=False)
    assert not after.engine.ready
    assert hosts(after) == ["m.a.good.test"]
    assert [action.verb for action in after.performed] == ["event"]


def test_an_unknown_field_is_a_warning_and_nothing_else() -> None:
    scene = Scene(settings({"ingressDomain": "good.test", "ingressDomian": "x"}), *service(raw=True))
    assert scene.engine.ready
    assert scene.engine.problems == ()
    assert scene.url() == "http://m.a.good.test"
    ((reason, message),) = scene.told(about=NAME)
    assert reason == "SettingsWarning"
    assert "key ingress, field ingressDomian" in message
    assert "ingressDomain" in message


def test_a_warning_about_the_settings_is_told_once() -> None:
    scene = Scene(settings({"unknown": 1}), *service(raw=True))
    scene.configure({"unknown": 1, "ingressClassName": "nginx"})
    assert scene.reasons(about=NAME) == ["SettingsWarning"]
    assert [action.verb for action in scene.performed].count("event") == 1


def test_keys_that_are_omes_own_business_are_ignored() -> None:
    config = settings({"ingressDomain": "good.test"})
    config["data"]["storageInitializer"] = "{"
    scene = Scene(config, *service(raw=True))
    assert scene.told(about=NAME) == []
    watched = scene.since()
    scene.patch("ConfigMap", "ome", NAME, {"data": {"storageInitializer": "other"}})
    scene.settle()
    assert (watched.decided, watched.writes) == (0, [])


def test_the_namespace_of_the_config_map_can_be_another() -> None:
    config = settings({"ingressDomain": "good.test"})
    config["metadata"]["namespace"] = "serving"
    scene = Scene(config, settings({"ingressDomain": "other.test"}), *service(raw=True), settings_namespace="serving")
    assert scene.url() == "http://m.a.good.test"


def test_a_gateway_that_the_overlay_needs_is_named_where_it_is_missing() -> None:
    scene = Scene(settings({}, doorward="ingress: {enableGatewayAPI: true}"), *service(raw=True))
    assert "key doorward, field ingress.omeIngressGateway" in scene.engine.problems[0]


def test_what_settings_became_is_caused_by_what_was_observed() -> None:
    scene = opened()
    scene.configure({"additionalIngressDomains": ["alt.test"]})
    records = {record.number: record for record in scene.records}
    for configured in (record for record in scene.records if isinstance(record.event, Configured)):
        cause = records[configured.cause].event
        assert isinstance(cause, Observed)
        assert cause.kind == "ConfigMap"


def test_a_config_map_that_may_not_be_read_is_not_one_that_is_missing() -> None:
    scene = Scene(*service(raw=True))
    engine = Engine(scene.engine.backends)
    engine.receive(Started(at=0.0))
    for kind, scopes in engine.scopes.items():
        for scope in scopes:
            state: Literal["forbidden", "listed"] = "forbidden" if kind == "ConfigMap" else "listed"
            engine.receive(Synced(at=0.0, kind=kind, scope=scope, state=state, message="no rights"))
    assert not engine.ready
    assert "no rights" in engine.problems[0]
    assert engine.settings is None


def test_a_plugin_may_use_the_settings_as_what_they_are_and_counts_as_having_read_them_all() -> None:
    tracked = TrackedSettings(Settings())
    assert tracked.as_settings().ingress_domain == "example.com"
    one = tracked.read
    assert tracked.as_settings().model_dump()["url_scheme"] == "http"
    assert tracked.read > one
    assert tracked.read == changed(None, Settings())
    with pytest.raises(AttributeError, match="no_such_field"):
        _ = tracked.as_settings().no_such_field  # type: ignore[attr-defined]
