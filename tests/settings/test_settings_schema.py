"""The committed JSON Schema of key ``doorward`` is the one that the models give."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml
from doorward.settings import schema as settings_schema

FILE = Path(__file__).parents[2] / "docs" / "reference" / "doorward-settings.schema.json"


def test_the_committed_schema_is_current() -> None:
    assert FILE.read_text() == settings_schema.text(), (
        "run: python -m doorward.settings.schema > docs/reference/doorward-settings.schema.json"
    )


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(settings_schema.schema())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "adopt: true",
        "ingress: {disableIngressCreation: false, additionalIngressDomains: [a.com]}\ndoorService: '{{.Name}}-door'",
        "namespaceDomains: {team-*: [a.com]}\npassAnnotations: [a.b/c]\nrequestTimeoutSeconds: 5",
        "passCloudAnnotations: {team-*: [ome.io/load-balancer-ip, metallb.universe.tf/loadBalancerIPs]}",
        "ingress: {omeIngressGateway: ''}",
    ],
)
def test_it_accepts_what_the_daemon_accepts(text: str) -> None:
    jsonschema.validate(yaml.safe_load(text), settings_schema.schema())


@pytest.mark.parametrize(
    "text",
    ["adpot: true", "adopt: 'true'", "ingress: {urlScheme: ftp}", "ingress: {ingressGateway: x}", "overlapSeconds: -1"],
)
def test_it_refuses_mistakes(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), settings_schema.schema())
