"""What to do about a field that a message names: where it is edited, what it says now, and what to write.

InvalidHost, InvalidPath    annotation KEY … or setting NAME …, as door/addresses.py begins what it refuses
InvalidSpec                 the path of a field, as state/inference_service.py has it
UnknownAnnotation           each annotation, and the one that was meant, as door/unknown_annotations.py names them
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import orjson
from doorward.door.addresses import ADDITIONAL_DOMAINS, DOMAIN, DOMAIN_TEMPLATE, PATH_TEMPLATE, URL_SCHEME
from doorward.engine import Engine
from doorward.model.quoting import quoted, short

from doorward_daemon.doctor.edits import Service, annotations_of, command, of_annotation, of_setting

__all__ = ["remedy_of_fields"]

_ADDRESSES = {
    DOMAIN: ("ingressDomain", "DOMAIN", "write a domain, such as models.example.org"),
    DOMAIN_TEMPLATE: ("domainTemplate", "TEMPLATE", "write a template of a host, such as {{.Name}}.example.org"),
    ADDITIONAL_DOMAINS: ("additionalIngressDomains", "DOMAINS", "write valid domains, with commas between them"),
    PATH_TEMPLATE: ("pathTemplate", "TEMPLATE", "write a template of a path, such as /{{.Namespace}}/{{.Name}}"),
    URL_SCHEME: ("urlScheme", "SCHEME", "write http or https"),
}
"""What makes addresses: an annotation, the setting in whose place it stands, and what to write."""
_BLAMED = re.compile(r"(annotation|setting) ([\w./-]*\w)")
_FIELD = re.compile(r"((?:metadata|spec|status)\b[\w.\[\]-]*): (.+)", re.DOTALL)
_STEP = re.compile(r"[\w-]+")
_UNREAD = re.compile(r"annotation ([\w./-]*\w)(?: \(is ([\w./-]*\w) meant\?\))?")
_LONGEST = 100
"""Characters of a value that a command repeats."""


def remedy_of_fields(
    service: Service, engine: Engine, settings_namespace: str, reason: str, message: str
) -> tuple[str, ...]:
    """The edits that end it; none for another reason, and for a message that names no field."""
    if reason in ("InvalidHost", "InvalidPath"):
        return tuple(_of_address(service, engine, settings_namespace, message))
    if reason == "InvalidSpec":
        return tuple(_of_spec(service, message))
    return tuple(_of_unread(service, message)) if reason == "UnknownAnnotation" else ()


def _of_address(service: Service, engine: Engine, settings_namespace: str, message: str) -> Iterator[str]:
    if not (blamed := _BLAMED.match(message)):
        return
    words = service.source.words
    for key, (setting, value, what) in _ADDRESSES.items():
        own = words(key)
        if blamed.groups() == ("annotation", own):
            yield of_annotation(service, own, value, what)
            yield f"{command(service, 'annotate', f'{own}-')}  # or do without, and setting {setting} counts"
        elif blamed.groups() == ("setting", setting):
            yield of_setting(engine, settings_namespace, setting, what)
            yield f"{of_annotation(service, own, value, what)}, for this service alone"


def _of_spec(service: Service, message: str) -> Iterator[str]:
    if found := _FIELD.search(message):
        field, what = found[1], found[2].removesuffix("; correct this field")
        yield f"{command(service, 'edit')}  # {field}{_now(service.object, field)}: {what}"


def _of_unread(service: Service, message: str) -> Iterator[str]:
    there = annotations_of(service)
    for key, meant in _UNREAD.findall(message):
        if key not in there:  # the end of a message that was cut
            continue
        value = str(there[key])
        now = f"now {quoted(value)}"
        if not meant:
            yield f"{command(service, 'annotate', f'{key}-')}  # {now}, and nothing reads it"
        elif meant in there:
            also = f"{meant} is there, and says {quoted(there[meant])}"
            yield f"{command(service, 'annotate', f'{key}-')}  # {now}, and nothing reads it; {also}"
        else:
            plain = value.isprintable() and len(value) <= _LONGEST
            moved = f"{meant}={shlex.quote(value) if plain else 'VALUE'}"
            yield f"{command(service, 'annotate', f'{key}-', moved)}  # {now}, which belongs into {meant}"


def _now(obj: Any, field: str) -> str:
    """What a field says now; empty where the path leads nowhere."""
    for step in _STEP.findall(field):
        if isinstance(obj, list) and step.isdigit() and int(step) < len(obj):
            obj = obj[int(step)]
        elif isinstance(obj, dict) and step in obj:
            obj = obj[step]
        else:
            return ""
    return f", now {quoted(obj) if isinstance(obj, str) else short(orjson.dumps(obj).decode())}"
