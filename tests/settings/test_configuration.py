"""From the ConfigMap to the settings, and what is told when it goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from doorward.model.settings import Settings
from doorward.settings.configuration import Parsed, Problem, parse
from hypothesis import given, settings
from hypothesis import strategies as st


def good(**data: str) -> Settings:
    parsed = parse(data)
    assert not parsed.problems
    assert parsed.settings is not None
    return parsed.settings


def ingress(**fields: Any) -> Parsed:
    return parse({"ingress": json.dumps(fields)})


def only_problem(parsed: Parsed) -> Problem:
    assert parsed.settings is None
    (problem,) = parsed.problems
    return problem


def test_an_empty_config_map_gives_the_defaults() -> None:
    assert parse({}) == Parsed(Settings())


def test_other_keys_are_omes_own_business() -> None:
    assert parse({"agent": "{", "router": "not yaml: ["}) == Parsed(Settings())


def test_each_key_gives_its_fields() -> None:
    settings = good(
        ingress='{"ingressDomain": "corp.test", "enableGatewayAPI": true, "omeIngressGateway": "ingress/ome"}',
        deploy='{"defaultDeploymentMode": "RawDeployment"}',
        doorward="adopt: true\noverlapSeconds: 3\npassAnnotations: [a.b/c]\n"
        "namespaceDomains: {team-*: [a.com, b.com]}\n"
        "passCloudAnnotations: {team-*: [ome.io/load-balancer-ip]}\n",
    )
    assert settings.ingress_domain == "corp.test"
    assert settings.enable_gateway_api
    assert settings.ome_ingress_gateway == "ingress/ome"
    assert settings.default_deployment_mode == "RawDeployment"
    assert settings.adopt
    assert settings.overlap_seconds == 3.0
    assert settings.pass_annotations == ("a.b/c",)
    assert settings.namespace_domains == {"team-*": ("a.com", "b.com")}
    assert settings.pass_cloud_annotations == {"team-*": ("ome.io/load-balancer-ip",)}


def test_the_overlay_replaces_what_ome_reads_field_by_field() -> None:
    settings = good(
        ingress='{"disableIngressCreation": true, "pathTemplate": "/m/{{.Name}}", "urlScheme": "https"}',
        doorward="ingress: {disableIngressCreation: false, pathTemplate: '', urlScheme: null}\n"
        "doorService: '{{.Name}}-door'\nconditionType: doorward.io/DoorReady\n",
    )
    assert not settings.disable_ingress_creation
    assert settings.path_template == ""
    assert settings.url_scheme == "https"
    assert settings.door_service == "{{.Name}}-door"
    assert settings.condition_type == "doorward.io/DoorReady"


def test_the_overlay_can_mend_a_value_that_ome_has_wrong() -> None:
    assert (
        good(ingress='{"ingressGateway": "bare"}', doorward="ingress: {ingressGateway: a/b}").ingress_gateway == "a/b"
    )


def test_null_and_empty_text_are_as_good_as_nothing() -> None:
    fields = {"ingressDomain": None, "urlScheme": "", "omeIngressGateway": "", "additionalIngressDomains": None}
    assert ingress(**fields) == Parsed(Settings())
    assert parse({"ingress": "null", "deploy": "{}", "doorward": "# nothing\n"}) == Parsed(Settings())


@pytest.mark.parametrize(
    ("data", "service"),
    [
        ({"ingress": '{"localGatewayService": "gw.test"}'}, "gw.test"),
        ({"ingress": '{"localGatewayService": "gw.test", "knativeLocalGatewayService": ""}'}, "gw.test"),
        ({"ingress": '{"localGatewayService": "gw.test", "knativeLocalGatewayService": "kn.test"}'}, "kn.test"),
        ({"ingress": "{}", "doorward": "ingress: {localGatewayService: own.test}"}, "own.test"),
        (
            {
                "ingress": '{"localGatewayService": "gw.test", "knativeLocalGatewayService": "kn.test"}',
                "doorward": "ingress: {knativeLocalGatewayService: ''}",
            },
            "gw.test",
        ),
    ],
)
def test_the_local_gateways_service_is_knatives_too_unless_that_one_is_set(data: dict[str, str], service: str) -> None:
    settings = parse(data).settings
    assert settings is not None
    assert settings.knative_local_gateway_service == service


def test_a_service_that_is_wrong_is_told_once() -> None:
    (problem,) = parse({"ingress": '{"localGatewayService": "No Gateway"}'}).problems
    assert problem.field == "localGatewayService"


@pytest.mark.parametrize("text", ["auth: api-key", "auth: basic", "auth: oidc", "auth: 'NONE'"])
def test_a_guard_isnt_supported_yet(text: str) -> None:
    parsed = parse({"doorward": text})
    assert parsed.settings is None
    (problem,) = parsed.problems
    assert (problem.key, problem.field) == ("doorward", "auth")
    assert "isn't supported yet" in str(problem)
    assert "write none" in str(problem)
    assert parse({"doorward": "auth: none"}).problems == parse({"doorward": "auth: null"}).problems == ()


def test_a_boolean_in_quotes_is_an_error_with_its_remedy() -> None:
    problem = only_problem(ingress(disableIngressCreation="true"))
    assert str(problem) == (
        "key ingress, field disableIngressCreation: is the text 'true', not true or false; "
        "write true or false, without quotes"
    )


@pytest.mark.parametrize(
    ("data", "key", "field", "words"),
    [
        ({"ingress": '{"urlScheme": "ftp"}'}, "ingress", "urlScheme", "http, https"),
        ({"ingress": '{"ingressGateway": "gateway"}'}, "ingress", "ingressGateway", "NAMESPACE/NAME"),
        ({"ingress": '{"enableGatewayAPI": true}'}, "ingress", "omeIngressGateway", "enableGatewayAPI"),
        ({"ingress": '{"domainTemplate": "{{ if }}"}'}, "ingress", "domainTemplate", "column 4: if isn't supported"),
        ({"ingress": '{"additionalIngressDomains": "a.com"}'}, "ingress", "additionalIngressDomains", "not a list"),
        ({"ingress": '{"ingressDomain": 5}'}, "ingress", "ingressDomain", "put it in quotes"),
        ({"ingress": "{"}, "ingress", "", "line 1, column 2"),
        ({"ingress": ""}, "ingress", "", "empty"),
        ({"ingress": "[]"}, "ingress", "", "a list"),
        ({"deploy": '{"defaultDeploymentMode": "Raw"}'}, "deploy", "defaultDeploymentMode", "RawDeployment"),
        (
            {"doorward": "ingress: {enableGatewayAPI: true}"},
            "doorward",
            "ingress.omeIngressGateway",
            "enableGatewayAPI",
        ),
        ({"doorward": "ingress: {urlScheme: ftp}"}, "doorward", "ingress.urlScheme", "http, https"),
        ({"doorward": "ingress: 5"}, "doorward", "ingress", "mapping"),
        ({"doorward": "adopt: 'true'"}, "doorward", "adopt", "without quotes"),
        ({"doorward": "adopt: true\nadopt: false"}, "doorward", "", "adopt is there twice, again in line 2"),
        ({"doorward": "adopt: [true"}, "doorward", "", "line 2"),
        ({"doorward": "overlapSeconds: -1"}, "doorward", "overlapSeconds", "greater than or equal to 0"),
        ({"doorward": "overlapSeconds: .nan"}, "doorward", "overlapSeconds", "nan"),
        ({"doorward": "requestTimeoutSeconds: 1.5"}, "doorward", "requestTimeoutSeconds", "whole number"),
        ({"doorward": "passAnnotations: [ok, 'not ok']"}, "doorward", "passAnnotations[1]", "annotation key"),
        ({"doorward": "namespaceDomains: {a: b.com}"}, "doorward", "namespaceDomains.a", "not a list"),
        ({"doorward": "passCloudAnnotations: {a: b}"}, "doorward", "passCloudAnnotations.a", "not a list"),
        ({"doorward": "passCloudAnnotations: {a: ['b c']}"}, "doorward", "passCloudAnnotations.a[0]", "annotation key"),
        ({"doorward": "namespaceDomains: {a: [B]}"}, "doorward", "namespaceDomains.a[0]", "capital"),
        ({"doorward": "a: &a {x: y}\nb: {<<: *a}"}, "doorward", "", "<<"),
    ],
)
def test_a_problem_names_key_field_reason_and_remedy(data: dict[str, str], key: str, field: str, words: str) -> None:
    problem = only_problem(parse(data))
    assert (problem.key, problem.field) == (key, field)
    assert words in str(problem)
    assert problem.remedy


def test_all_problems_are_told_at_once() -> None:
    parsed = parse({"ingress": '{"urlScheme": "ftp"}', "deploy": "{", "doorward": "adopt: 1"})
    assert {problem.key for problem in parsed.problems} == {"ingress", "deploy", "doorward"}


def warnings(parsed: Parsed) -> list[str]:
    assert parsed.settings is not None
    return [str(warning) for warning in parsed.warnings]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"ingress": '{"ingressDomian": "x.com"}'}, "did you mean ingressDomain?"),
        ({"ingress": '{"zzz": 1}'}, "remove it"),
        ({"doorward": "adpot: true"}, "did you mean adopt?"),
        ({"doorward": "urlScheme: http"}, "it belongs below ingress"),
        ({"doorward": "defaultDeploymentMode: RawDeployment"}, "it belongs in key deploy"),
        ({"ingress": '{"adopt": true}'}, "it belongs in key doorward"),
        ({"doorward": "ingress: {pathTemplat: /x}"}, "ingress.pathTemplat"),
        ({"doorward": "1: x"}, "field 1"),
    ],
)
def test_an_unknown_field_is_a_warning_and_nothing_else(data: dict[str, str], words: str) -> None:
    parsed = parse(data)
    assert parsed.settings == Settings()
    (warning,) = warnings(parsed)
    assert words in warning


def test_a_field_in_another_case_is_read_as_ome_reads_it() -> None:
    parsed = parse({"ingress": '{"disableistiovirtualhost": true}'})
    assert parsed.settings is not None
    assert parsed.settings.disable_istio_virtual_host
    assert "write disableIstioVirtualHost" in warnings(parsed)[0]


def test_of_two_entries_in_json_the_last_one_counts() -> None:
    parsed = parse({"ingress": '{"urlScheme": "http", "urlScheme": "https"}'})
    assert parsed.settings is not None
    assert parsed.settings.url_scheme == "https"
    assert "twice" in warnings(parsed)[0]


def test_an_invalid_additional_domain_is_a_warning() -> None:
    parsed = ingress(additionalIngressDomains=["a.com", "b_c.com"])
    assert "additionalIngressDomains[1]" in warnings(parsed)[0]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
FIELDS = st.dictionaries(
    st.sampled_from([field.alias or "" for field in Settings.model_fields.values()]) | st.text(),
    st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5),
)
TEXT = st.text() | FIELDS.map(json.dumps) | st.text(alphabet="&a*[]{}:?-!<>|%0x'\" \n,")


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={"ingress": TEXT, "deploy": TEXT, "doorward": TEXT}))
def test_no_content_raises(data: dict[str, str]) -> None:
    parsed = parse(data)
    assert (parsed.settings is None) == bool(parsed.problems)
    assert all(str(each) for each in (*parsed.problems, *parsed.warnings))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{" * 100_000,
        "overlapSeconds: 0x" + "f" * 6000,
        "passAnnotations: &a [*a]",
        "namespaceDomains: &a {x: *a}",
        "adopt: 2020-01-99",
        "adopt: 2020-01-01",
        "--- a\n--- b",
        "!!python/object:os.system {}",
        "? [a]\n: b",
        "\0",
        "adopt: \ud800",
    ],
)
def test_rubbish_is_a_problem_and_never_a_crash(text: str) -> None:
    for key in ("ingress", "deploy", "doorward"):
        assert parse({key: text}).problems
