"""Annotations that look as if they were read, and that nothing reads (docs/annotations.md, A key that nothing reads).

    doorward.io/…    told unless somebody reads it: the engine, the source, a backend (hook ``reads_annotations``) or a
                     template; not told at all where the source or a backend doesn't say what it reads
    ome.io/…         told where it is nearly one that is read: OME has many of its own

A service may have a megabyte of annotations: few keys are compared, and fewer told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import islice

from doorward.backends import Backends
from doorward.door.addresses import ADDITIONAL_DOMAINS, DOMAIN, DOMAIN_TEMPLATE, PATH_TEMPLATE, URL_SCHEME
from doorward.door.components import GRPC
from doorward.door.exposure import (
    BACKEND,
    DISABLE_CREATION,
    DISABLE_INGRESS,
    DISABLE_VIRTUAL_SERVICE,
    INGRESS_CLASS,
    LOAD_BALANCER_IP,
    SERVICE_TYPE,
)
from doorward.door.guarding import AUTH, AUTH_SECRET
from doorward.model.door import Warning
from doorward.model.settings import Settings
from doorward.model.source import PREFIX
from doorward.state.inference_service import MODE_ANNOTATIONS, InferenceService
from doorward.state.transform import GUARDED, HOSTS, OWNER, ROUTED

READ = frozenset(
    {
        *(ADDITIONAL_DOMAINS, DOMAIN, DOMAIN_TEMPLATE, PATH_TEMPLATE, URL_SCHEME),
        *(BACKEND, DISABLE_CREATION, DISABLE_INGRESS, DISABLE_VIRTUAL_SERVICE, SERVICE_TYPE),
        *(AUTH, AUTH_SECRET, GRPC, INGRESS_CLASS, LOAD_BALANCER_IP, *MODE_ANNOTATIONS),
    }
)
"""The annotations of a service that the engine reads, by its own names."""
WRITTEN = frozenset({GUARDED, HOSTS, OWNER, ROUTED})
"""Those that doorward writes, which come along where an object is copied."""
OURS = "doorward.io/"

_NEAR, _LIKE = 0.9, 0.6
"""How much alike (difflib's ratio) two names are of which one is a slip of the other; and of which one may be meant."""
_MOST_COMPARED = 64
_FEW = 3
"""Keys that one warning names."""
_LONGEST = 63
"""Characters of a name, after the prefix."""


def unknown_annotations(service: InferenceService, settings: Settings, backends: Backends) -> Iterator[Warning]:
    """One warning that names them, or none."""
    source = service.source
    silent = backends.silent or (source.read is not None and source.reads is None)
    prefixes = tuple(prefix for prefix, told in ((OURS, not silent), (PREFIX, source.prefix == PREFIX)) if told)
    read = (READ, WRITTEN, backends.annotations, source.reads or ())
    annotations = service.metadata.annotations
    odd = [key for key in annotations if key.startswith(prefixes) and not any(key in keys for keys in read)]
    if not odd:
        return
    meanable = frozenset().union(*read) - WRITTEN
    known = _by_name(map(source.words, meanable), foreign=source.prefix != PREFIX)
    found = []
    for key in islice(odd, _MOST_COMPARED):
        if _is_in_a_template(key, service, settings):
            continue
        if meant := _meant(key, known):
            found.append(f"annotation {key} (is {meant} meant?)")
        elif key.startswith(OURS):
            found.append(f"annotation {key}")
    if found:
        named = ", ".join(found[:_FEW])
        rest = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
        yield Warning("UnknownAnnotation", f"nothing reads {named}{rest}")


def _by_name(keys: Iterator[str], *, foreign: bool) -> dict[str, str]:
    """Keys by what follows their prefix; without OME's, which count on no object of another kind."""
    return {key.partition("/")[2]: key for key in sorted(keys) if not (foreign and key.startswith(PREFIX))}


def _meant(key: str, known: Mapping[str, str]) -> str:
    """The key that was meant, most likely; empty where none is like it."""
    name = key.partition("/")[2]
    if len(name) > _LONGEST:
        return ""
    near = get_close_matches(name, known, n=1, cutoff=_LIKE if key.startswith(OURS) else _NEAR)
    return known[near[0]] if near else ""


def _is_in_a_template(key: str, service: InferenceService, settings: Settings) -> bool:
    """Whether a host may be made of its value."""
    return key in (service.annotation(DOMAIN_TEMPLATE) or settings.domain_template)
