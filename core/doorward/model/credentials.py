"""Who may come in by a Secret: the clients that it names, with their keys or the hashes of their passwords.

    api-key    data: CLIENT -> key                    sent as ``Authorization: Bearer KEY``, or ``X-API-Key: KEY``
    basic      data: ``auth`` -> an htpasswd file     sent as ``Authorization: Basic``; bcrypt alone

What can't be used is left out: a key that no header can carry, a line with a weak hash.  A Secret of which nothing is
left lets nobody in.

Source: the types of Secrets, kubernetes/api core/v1/types.go; bcrypt's form, ``$2b$COST$`` and 53 characters.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from doorward.model.door import GuardKind
from doorward.model.quoting import quoted
from doorward.model.reference import JsonObject, Ref

KINDS: tuple[GuardKind, ...] = ("api-key", "basic")

HTPASSWD = "auth"
"""The key of a Secret that holds an htpasswd file."""
LONGEST_KEY = 4096
HARDEST_BCRYPT = 14
"""A cost beyond which one try would take a processor for seconds."""
UNUSABLE = "unusable"
"""The field of a :func:`summary` that tells, by kind of guard, why nobody could come in by a Secret."""
ABSENT = "there is no such Secret; create it"
"""Why nobody can come in by a Secret that isn't there."""

_BCRYPT = re.compile(r"\$2[aby]\$([0-3][0-9])\$[./A-Za-z0-9]{53}")
_CLIENT = re.compile(r"[!-9;-~]{1,253}")
"""What a header may carry, without the colon that ends a name in a file."""
_SENT = re.compile(r"[!-~]+")


def clients(kind: GuardKind, secret: JsonObject) -> dict[str, str]:
    """The clients of a Secret, each with its key, or with the hash of its password; empty where nobody may come in."""
    data = secret.get("data")
    if _type_of(secret) != "Opaque" or not isinstance(data, Mapping):
        return {}
    if kind == "basic":
        return _of_htpasswd(_decoded(data.get(HTPASSWD)))
    keys = {name: _decoded(value).strip() for name, value in sorted(data.items())}
    return {
        name: key
        for name, key in keys.items()
        if _CLIENT.fullmatch(name) and len(key) <= LONGEST_KEY and _SENT.fullmatch(key)
    }


def problem(kind: GuardKind, secret: JsonObject) -> str:
    """Why nobody could come in by a Secret, with the remedy; empty where somebody can."""
    if (type_ := _type_of(secret)) != "Opaque":
        return f"it is of type {quoted(type_)}, whose values are no keys; make one of type Opaque"
    if clients(kind, secret):
        return ""
    if kind == "api-key":
        return "it holds no key; add CLIENT: KEY, a key being of visible ASCII characters"
    return f"its key {HTPASSWD} holds no line USER:HASH with bcrypt, of cost {HARDEST_BCRYPT} at most; use htpasswd -B"


def summary(secret: JsonObject) -> JsonObject:
    """All that facts and journal may hold of a Secret: whether somebody could come in by it.  Of a summary, itself."""
    whole = secret["metadata"]
    metadata = {key: whole[key] for key in ("name", "namespace", "uid", "resourceVersion") if whole.get(key)}
    told = secret.get(UNUSABLE)
    if not isinstance(told, dict):
        told = {kind: why for kind in KINDS if (why := problem(kind, secret))}
    return {"metadata": metadata, UNUSABLE: told}


def unusable(ref: Ref, version: str, why: str) -> JsonObject:
    """The summary of a Secret that isn't there, or may not be read."""
    metadata = {"name": ref.name, "namespace": ref.namespace, "resourceVersion": version}
    return {"metadata": metadata, UNUSABLE: dict.fromkeys(KINDS, why)}


def _type_of(secret: JsonObject) -> str:
    return str(secret.get("type") or "Opaque")


def _of_htpasswd(text: str) -> dict[str, str]:
    """The first line of each user counts, as with Apache and nginx."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        user, _, hashed = line.strip().partition(":")
        form = _BCRYPT.fullmatch(hashed)
        if form and _CLIENT.fullmatch(user) and 4 <= int(form[1]) <= HARDEST_BCRYPT and not user.startswith("#"):
            found.setdefault(user, hashed)
    return found


def _decoded(value: object) -> str:
    """A value of a Secret's data as text; empty where it is none."""
    try:
        return base64.b64decode(str(value or ""), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
