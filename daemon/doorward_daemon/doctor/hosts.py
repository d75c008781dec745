"""What to do about a host that another has, or that a namespace may not have: where each of the two is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from doorward.door.addresses import DOMAIN, DOMAIN_TEMPLATE, PATH_TEMPLATE
from doorward.door.causes import Part

from doorward_daemon.doctor.edits import of_annotation, of_setting, of_stranger
from doorward_daemon.doctor.examination import Examination, Patient

__all__ = ["remedy_of_hosts"]

_ABOUT_HOSTS = ("DomainNotAllowed", "HostConflict", "HostShared")
_WORDS = re.compile(r"[\s;,]+")


def remedy_of_hosts(examination: Examination, patient: Patient, reason: str, message: str) -> tuple[str, ...]:
    """The edits that end it: at somebody else's object, and at what gives this service the host; none where neither is
    known, as of a door that is held."""
    if reason not in _ABOUT_HOSTS:
        return ()
    strangers = [of_stranger(examination.engine, ref, host) for told, ref, host in patient.strangers if told in message]
    words = set(_WORDS.split(message))
    asked = [part for part in patient.parts if part.name in ("host", "path") and part.value in words]
    return tuple(dict.fromkeys((*strangers, *(line for part in asked for line in _edits(examination, patient, part)))))


def _edits(examination: Examination, patient: Patient, part: Part) -> Iterator[str]:
    """Those of the annotation that gives a host or path, else of one that would, else of the setting."""
    settings = examination.engine.settings
    words = patient.source.words
    why = f"a {part.name} other than {part.value}"
    if own := next((cause for cause in part.causes if cause.startswith("annotation ")), ""):
        key = own.removeprefix("annotation ")
        yield of_annotation(patient, key, "VALUE", f"write what makes {why}")
    elif "setting additionalIngressDomains" in part.causes:
        why = f"take out the domain that makes {part.value}"
        yield of_setting(examination.engine, examination.settings_namespace, "additionalIngressDomains", why)
    elif part.name == "path":
        yield of_annotation(patient, words(PATH_TEMPLATE), "PATH", f"write {why}")
    elif settings and "IngressDomain" in settings.domain_template:
        yield of_annotation(patient, words(DOMAIN), "DOMAIN", f"write a domain that makes {why}")
    else:
        yield of_annotation(patient, words(DOMAIN_TEMPLATE), "HOST", f"write {why}")
