"""Combinations of values: every pair of choices is in one of them, since a fault seldom needs three."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from doorward.model.reference import JsonObject

Choices = Mapping[str, Sequence[Any]]
"""What each value may be, by its path, such as ``journal.kind``."""


def choices_of(schema: JsonObject, path: str = "") -> Iterator[tuple[str, Sequence[Any]]]:
    """Every enumeration and switch that a schema of values names, and lists of what it enumerates."""
    for name, each in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        if "enum" in each:
            yield here, each["enum"]
        elif each.get("type") == "boolean":
            yield here, [False, True]
        elif "enum" in each.get("items", {}):
            options = each["items"]["enum"]
            yield here, [*([option] for option in options), options]
        else:
            yield from choices_of(each, here)


def pairwise(choices: Choices, allowed: Callable[[Mapping[str, Any]], bool]) -> list[dict[str, Any]]:
    """Few combinations in which every two choices of different values meet, unless they may not.

    ``allowed`` tells of a part of a combination whether it may be.
    """
    options = {name: [(name, index) for index in range(len(each))] for name, each in choices.items()}

    def of(taken: Mapping[str, int]) -> dict[str, Any]:
        return {name: choices[name][index] for name, index in taken.items()}

    left = {pair for one, other in combinations(choices, 2) for pair in product(options[one], options[other])}
    left = {pair for pair in left if allowed(of(dict(pair)))}
    found = []
    while left:
        taken: dict[str, int] = {}
        for pair in sorted(left):
            if all(taken.get(name, index) == index for name, index in pair) and allowed(of({**taken, **dict(pair)})):
                taken.update(pair)
        for name in choices.keys() - taken.keys():
            taken[name] = next(i for _, i in options[name] if allowed(of({**taken, name: i})))
        left = {pair for pair in left if any(taken[name] != index for name, index in pair)}
        found.append({name: of(taken)[name] for name in choices})
    return found


def nested(flat: Mapping[str, Any]) -> JsonObject:
    """``{"journal.kind": "none"}`` as a file of values has it."""
    values: JsonObject = {}
    for path, value in flat.items():
        *above, name = path.split(".")
        into = values
        for each in above:
            into = into.setdefault(each, {})
        into[name] = value
    return values
