"""The model of the settings checks what could move doors."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.model.settings import DEFAULTS, DEPLOY_FIELDS, DOORWARD_FIELDS, INGRESS_FIELDS, Settings, spelling
from doorward.settings.described import described
from pydantic import ValidationError


def test_the_defaults_are_those_of_the_page() -> None:
    settings = Settings()
    assert settings.domain_template == "{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}"
    assert settings.default_deployment_mode == "Serverless"
    assert settings.overlap_seconds == 10
    assert settings == Settings.model_validate({})


def test_the_settings_of_an_empty_config_map_are_what_a_check_would_make_of_it() -> None:
    assert Settings.model_validate({}, strict=True) == DEFAULTS
    assert {name: type(value) for name, value in DEFAULTS} == {name: type(value) for name, value in Settings()}


def test_every_field_says_what_it_is() -> None:
    says = described()
    assert list(says) == list(Settings.model_fields)
    assert all(text.endswith(".") for text in says.values())
    assert says["ingress_domain"] == "Base domain of the hosts."


def test_every_field_belongs_to_one_key() -> None:
    assert (*INGRESS_FIELDS, *DEPLOY_FIELDS, *DOORWARD_FIELDS) == tuple(Settings.model_fields)
    assert INGRESS_FIELDS[-1] == "ingress_service"
    assert DOORWARD_FIELDS[0] == "door_service"


def test_fields_are_spelt_as_ome_does() -> None:
    assert spelling("enable_gateway_api") == "enableGatewayAPI"
    assert spelling("disable_istio_virtual_host") == "disableIstioVirtualHost"
    assert spelling("ome_ingress_gateway") == "omeIngressGateway"
    assert Settings.model_validate({"additionalIngressDomains": ["a.com"]}).additional_ingress_domains == ("a.com",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ingress_domain": "No.example.com"},
        {"domain_template": "{{ .Nam }}"},
        {"path_template": "/{{ .IngressDomain }}"},
        {"door_service": "{{ .Labels.x }}"},
        {"tls_secret_template": "{{"},
        {"url_scheme": "ftp"},
        {"ingress_class_name": "Istio"},
        {"ingress_gateway": "gateway"},
        {"ingress_gateway": ""},
        {"local_gateway": "a/b/c"},
        {"local_gateway_service": "a_b"},
        {"enable_gateway_api": True},
        {"ome_ingress_gateway": "A/b"},
        {"cluster_domain": "cluster.local."},
        {"request_timeout_seconds": 0},
        {"request_timeout_seconds": 2_147_484},
        {"knative_local_gateway_service": "a_b"},
        {"auth": "oidc"},
        {"auth_service": "ome/authz"},
        {"auth_service": "authz:80"},
        {"auth_service": "ome/authz:0"},
        {"auth_secret_template": "{{ .Labels.x }}"},
        {"auth_exempt": ("health",)},
        {"auth_exempt": ("/a/../health",)},
        {"auth_exempt": ("/a//health",)},
        {"auth_exempt": ("/health?x",)},
        {"client_header": "a b"},
        {"client_header": "Authorization"},
        {"client_header": "X-Forwarded-For"},
        {"auth": "None"},
        {"auth": ""},
        {"auth": False},
        {"pass_annotations": ("a b",)},
        {"pass_annotations": ("",)},
        {"readiness": "maybe"},
        {"overlap_seconds": -1},
        {"overlap_seconds": float("inf")},
        {"condition_type": "a/b/c"},
        {"namespace_domains": {"a*": ("x_y",)}},
        {"namespace_domains": {"A": ("x.y",)}},
        {"pass_cloud_annotations": {"a*": ("x y",)}},
        {"pass_cloud_annotations": {"A": ("x.y/z",)}},
    ],
)
def test_a_value_that_could_not_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(wrong)
    assert [each["loc"][0] for each in caught.value.errors()][-1] in {*wrong, "ome_ingress_gateway"}


@pytest.mark.parametrize("asked", [{"auth": "api-key"}, {"auth": "basic"}, {"auth_required": True}])
def test_a_guard_needs_an_authorization_service(asked: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(asked)
    assert [each["loc"][0] for each in caught.value.errors()] == ["auth_service"]
    assert Settings.model_validate({**asked, "auth_service": "ome/authz:9191"}).auth_service == "ome/authz:9191"


def test_without_a_gateway_service_of_its_own_knative_has_the_local_one() -> None:
    usual = "knative-local-gateway.istio-system.svc.cluster.local"
    assert Settings().knative_local_gateway_service == usual
    assert Settings(local_gateway_service="gw.test").knative_local_gateway_service == "gw.test"
    both = Settings(local_gateway_service="gw.test", knative_local_gateway_service="kn.test")
    assert both.knative_local_gateway_service == "kn.test"


def test_an_invalid_additional_domain_is_left_to_the_doors() -> None:
    assert Settings(additional_ingress_domains=("b_c",)).additional_ingress_domains == ("b_c",)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().url_scheme = "https"  # type: ignore[misc]
