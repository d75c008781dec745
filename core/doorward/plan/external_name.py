"""Whether an object leads through a Service that is a name of something else.

A Service may change under a door that stands, and the service with it, so that this is told from the object alone: an
Ingress names Services of its namespace as backends, an HTTPRoute in ``backendRefs``, a VirtualService by destinations
whose host begins with the Service's name and namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from doorward.door.components import external_name, is_astray
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.model.settings import Settings
from doorward.state.facts import Fact
from doorward.state.memory import Memory, key_of
from doorward.state.reading import Reader
from doorward.state.transform import as_list, as_map


class ExternalNames:
    """Looks at the objects of one service; what it reads of Services, the decision depends on."""

    def __init__(self, namespace: str, uid: str, reader: Reader, memory: Memory, settings: Settings | None) -> None:
        self.namespace = namespace
        self.uid = uid
        self.reader = reader
        self.memory = memory
        self.settings = settings

    def through(self, obj: JsonObject) -> str:
        """The Service through which an object leads astray; empty where it doesn't, or no settings tell."""
        if self.settings is None:
            return ""
        for name in dict.fromkeys(services_of(obj.get("spec"), self.namespace)):
            fact = self.reader.get(Ref(SERVICE, self.namespace, name))
            leads_to = external_name(fact)
            if leads_to and is_astray(leads_to, self.settings) and not self._is_as_we_wrote_it(fact, leads_to):
                return name
        return ""

    def _is_as_we_wrote_it(self, fact: Fact | None, leads_to: str) -> bool:
        """Whether a Service of ours leads to the gateway of settings that have changed since."""
        if fact is None or fact.owner != self.uid:
            return False
        last = self.memory.last_applied.get(key_of(fact.ref))
        return last is None or as_map(last.object().get("spec")).get("externalName") == leads_to


def services_of(value: Any, namespace: str) -> Iterator[str]:
    """The names of the Services of this namespace that a spec leads to."""
    if isinstance(value, list):
        for each in value:
            yield from services_of(each, namespace)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key == "service" and isinstance(name := as_map(inner).get("name"), str):
            yield name
        elif key == "backendRefs":
            for ref in map(as_map, as_list(inner)):
                if ref.get("namespace", namespace) == namespace and isinstance(name := ref.get("name"), str):
                    yield name
        elif key == "destination" and isinstance(host := as_map(inner).get("host"), str):
            name, _, rest = host.partition(".")
            if rest.partition(".")[0] in ("", namespace):
                yield name
        else:
            yield from services_of(inner, namespace)
