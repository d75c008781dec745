"""The rights of the chart, worked out from what the engine, its backends, its sources and the page declare.

``python -m tests.deploy.rights`` writes them to ``deploy/chart/files/rights.yaml``: a part for those that ask for the
same kinds, and those of the page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import yaml
from doorward.backends import Backends
from doorward.model.reference import JsonObject
from doorward.runtime.permissions import backend_rules, cluster_rules, page_rules

FILE = Path(__file__).parents[2] / "deploy" / "chart" / "files" / "rights.yaml"
SOURCES = ("ome", "kserve", "kserve_llm", "service")
"""Those that come with doorward, as the chart's schema names them."""
ENGINE = ""
HEAD = "# Written by python -m tests.deploy.rights, from what the engine, backends, sources and the page declare.\n"


def text() -> str:
    """The file."""
    whole = json.loads(json.dumps({"parts": parts(), "page": page_rules()}))  # nothing in it is twice the same list
    return HEAD + yaml.safe_dump(whole, sort_keys=False, width=120, default_flow_style=None)


def parts() -> list[JsonObject]:
    """Rules, by who asks for them, those of cluster-scoped kinds apart; ``source`` where a source does."""
    asked = by_asker()
    found = [
        {"about": about(askers), **scoped(rules_of(asked[askers]))}
        for askers in sorted(asked, key=lambda a: (len(a), a))
    ]
    for name in SOURCES:
        found.append({"about": f"Source {name}: its status alone is written", "source": name, **scoped(source(name))})
    return found


def by_asker() -> dict[tuple[str, ...], list[JsonObject]]:
    """The rules of single kinds, by everybody who asks for the kind."""
    backends = Backends()
    rules = {ENGINE: engine(), **{name: backend_rules(backends, name) for name in backends.by_name}}
    kinds: dict[tuple[str, str], dict[str, JsonObject]] = {}
    for name, each in rules.items():
        for rule in each:
            for resource in rule["resources"]:
                kinds.setdefault((rule["apiGroups"][0], resource), {})[name] = rule
    found: dict[tuple[str, ...], list[JsonObject]] = {}
    for (group, resource), asking in sorted(kinds.items()):
        verbs = max((rule["verbs"] for rule in asking.values()), key=len)
        assert all(set(rule["verbs"]) <= set(verbs) for rule in asking.values())
        rule = {"apiGroups": [group], "resources": [resource], "verbs": verbs}
        found.setdefault(tuple(sorted(asking)), []).append(rule)
    return found


def engine() -> list[JsonObject]:
    """What is needed whatever backends and sources there are."""
    return [rule for rule in cluster_rules(Backends({})) if rule not in source(SOURCES[0])]


def source(name: str) -> list[JsonObject]:
    """What one source needs of its kind."""
    backends = Backends({}, sources=(name,))
    (group, plural), *_ = {(each.resource.group, each.resource.plural) for each in backends.sources.values()}
    own = (plural, f"{plural}/status", f"{plural}/finalizers")
    return [
        rule for rule in cluster_rules(backends) if rule["apiGroups"] == [group] and set(rule["resources"]) <= set(own)
    ]


def rules_of(rules: Iterable[JsonObject]) -> list[JsonObject]:
    """The same, kinds of one group with the same verbs in one rule."""
    together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for rule in rules:
        together.setdefault((rule["apiGroups"][0], tuple(rule["verbs"])), []).extend(rule["resources"])
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}
        for (group, verbs), resources in together.items()
    ]


def scoped(rules: Iterable[JsonObject]) -> dict[str, list[JsonObject]]:
    """Rules of kinds that belong to no namespace, and of those that do."""
    backends = Backends()
    everywhere = {(each.group, each.plural) for each in backends.resources.values() if not each.namespaced}
    found: dict[str, list[JsonObject]] = {"cluster": [], "namespaced": []}
    for rule in rules:
        for scope, belongs in (("cluster", True), ("namespaced", False)):
            resources = [each for each in rule["resources"] if ((rule["apiGroups"][0], each) in everywhere) is belongs]
            if resources:
                found[scope].append({**rule, "resources": resources})
    return {scope: rules for scope, rules in found.items() if rules}


def about(askers: tuple[str, ...]) -> str:
    backends = [name for name in askers if name != ENGINE]
    named = f"{'backends' if len(backends) > 1 else 'backend'} {', '.join(backends)}" if backends else ""
    both = " and ".join([*(["the engine"] if ENGINE in askers else []), *([named] if named else [])])
    return both[:1].upper() + both[1:]


if __name__ == "__main__":
    FILE.write_text(text())
