"""Which Secret holds the certificate of an Ingress."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from doorward.model import template
from doorward.model.certificates import certificate_of
from doorward.model.door import Door, Warning
from doorward.model.quoting import quoted
from doorward.model.reference import Ref
from doorward.model.settings import NAME_FIELDS

from doorward_k8s_ingress.controllers import ISSUERS_ASKING, Controller

SECRET = "doorward.io/tls-secret"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST = 253


def given_secret(door: Door) -> str:
    """The Secret that annotation or setting names, for all Ingresses of the door; empty where neither does."""
    if door.scheme != "https":
        return ""
    if named := door.annotations.get(SECRET):
        return named
    source = door.settings.tls_secret_template
    values = {"Name": door.name, "Namespace": door.namespace}
    return template.compile(source, NAME_FIELDS).render(values) if source else ""


def issued_secret(door: Door, ingress: str, passed: Collection[str]) -> str:
    """The Secret that cert-manager fills for an Ingress of that name; empty where none of the keys asks for it."""
    if door.scheme != "https" or not any(key in passed for key in ISSUERS_ASKING):
        return ""
    return ingress[: _LONGEST - len("-tls")].rstrip("-.") + "-tls"


def certificates(door: Door, ingresses: Iterable[str], controller: Controller) -> list[Ref]:
    """The Certificates that may stand behind the Secrets of Ingresses of these names."""
    given = given_secret(door)
    secrets = [given] if given else [issued_secret(door, ingress, door.annotations) for ingress in ingresses]
    where = controller.secrets or door.namespace
    return [certificate_of(where, name) for name in dict.fromkeys(secrets) if _can_be(name)]


def astray(door: Door, name: str, controller: Controller) -> tuple[Warning, ...]:
    """A warning where cert-manager fills the Secret of an Ingress in a namespace in which nobody looks for it."""
    if not name or given_secret(door) or controller.secrets in ("", door.namespace):
        return ()
    message = (
        f"cert-manager writes Secret {name} into namespace {door.namespace}, and class {door.ingress_class} reads it "
        f"where its gateway is, in {controller.secrets}: have a Certificate there, and name its Secret in annotation "
        f"{SECRET} or setting tlsSecretTemplate"
    )
    return (Warning("NoCertificate", message),)


def _can_be(name: str) -> bool:
    return len(name) <= _LONGEST and _NAME.fullmatch(name) is not None


def secret(door: Door, name: str) -> tuple[str, tuple[Warning, ...]]:
    """The Secret to use: ``name``, if it can be one; a warning where an https door has none."""
    if door.scheme != "https":
        return "", ()
    if not name:
        message = (
            "the scheme is https, and no certificate is known: the controller's own is used, if it has one; name a "
            f"Secret in annotation {SECRET} or setting tlsSecretTemplate, or an issuer in annotation "
            "cert-manager.io/cluster-issuer"
        )
    elif not _can_be(name):
        where = f"annotation {SECRET}" if door.annotations.get(SECRET) else "setting tlsSecretTemplate"
        message = f"{quoted(name)}, from {where}, can't be the name of a Secret"
    else:
        return name, ()
    return "", (Warning("NoCertificate", message),)
