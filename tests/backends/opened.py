"""What stands once a door is opened: the part of the engine that calls backends, in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pluggy
from doorward import hooks
from doorward.model.door import Door, Rendering
from doorward.model.reference import JsonObject, Ref, ref_of
from doorward.testing.conformance.subject import owned

PLUGINS = pluggy.PluginManager("doorward")
PLUGINS.add_hookspecs(hooks)
PLUGINS.load_setuptools_entrypoints("doorward")

BUILT_IN = ("istio", "k8s_ingress", "gateway_api", "loadbalancer", "cluster_local")


def call(backend: str, hook: str, **arguments: Any) -> Any:
    """One hook of one backend; None where it doesn't implement it."""
    others = [plugin for plugin in PLUGINS.get_plugins() if plugin is not PLUGINS.get_plugin(backend)]
    return PLUGINS.subset_hook_caller(hook, others)(**arguments)


def facts(*objects: JsonObject) -> dict[Ref, JsonObject]:
    return {ref_of(each): each for each in objects}


def render(backend: str, door: Door, cluster: Mapping[Ref, JsonObject] | None = None) -> Rendering:
    """A backend's rendering of a door, which it may read a cluster for."""
    return asked(backend, door, cluster) or Rendering()


def asked(backend: str, door: Door, cluster: Mapping[Ref, JsonObject] | None = None) -> Rendering | None:
    """The same; None where it has nothing to put there."""
    result = call(backend, "render", door=door, read=(cluster or {}).get)
    assert result is None or isinstance(result, Rendering)
    return result


def open_door(door: Door, cluster: Mapping[Ref, JsonObject] | None = None) -> list[JsonObject]:
    """All that stands: what the backends put there, the selected one first, marked as the engine does."""
    names = sorted(BUILT_IN, key=lambda name: name != door.backend)
    return [owned(each, door) for name in names for each in render(name, door, cluster).objects]
