"""A path door on ingress-nginx: regular expressions, since its rewrites need them, and back again to the prefix.

ingress-nginx writes ``location ~* "^PATH"`` and ``rewrite "(?i)PATH" TARGET break``, longest PATH first.  Both patterns
of a path door leave what goes on in ``$1``, so that one rewrite target serves them:

    /(?-i:models/m/(v1/decoder(?:/.*)?))$   ->  /$1
    /(?-i:models/m)(?:/(.*))?$              ->  /$1

``(?-i:`` keeps the prefix as it is written: without it ``/Models/m`` would be taken for ``/models/m``, and a service
could have the requests of another.

Source: kubernetes/ingress-nginx, internal/ingress/controller/template/template.go (buildLocation, buildProxyPass).
"""

from __future__ import annotations

import re

USE_REGEX = "nginx.ingress.kubernetes.io/use-regex"
REWRITE_TARGET = "nginx.ingress.kubernetes.io/rewrite-target"

ANNOTATIONS = {USE_REGEX: "true", REWRITE_TARGET: "/$1"}

_AS_WRITTEN = "(?-i:"
_SPECIAL = frozenset(r"\.*+?()[]{}|^$")
_QUANTIFIERS = frozenset("*+?{")


def pattern(prefix: str, route: str) -> str:
    """Matches ``prefix`` followed by a path below ``route``; its only group is that path without its first slash."""
    written = f"/{_AS_WRITTEN}{re.escape(prefix[1:])}"
    return f"{written})(?:/(.*))?$" if route == "/" else f"{written}/({re.escape(route[1:])}(?:/.*)?))$"


def literal_prefix(expression: str) -> str:
    """The path prefix, of whole segments, that everything which an expression matches lies below."""
    expression = expression.replace(_AS_WRITTEN, "", 1)
    literal: list[str] = []
    position = 0
    while position < len(expression):
        character = expression[position]
        if character == "\\" and position + 1 < len(expression) and not expression[position + 1].isalnum():
            literal.append(expression[position + 1])
            position += 2
        elif character in _SPECIAL:
            if character in _QUANTIFIERS and literal:
                literal.pop()
            break
        else:
            literal.append(character)
            position += 1
    text = "".join(literal)
    rest = expression[position:].removeprefix(")")
    if rest and not rest.startswith(("$", "(?:/", "(/")):
        text = text[: text.rfind("/") + 1]
    return text.rstrip("/") or "/"
