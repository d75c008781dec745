"""One door as a picture: which hosts lead by which gateway and which rule to which component, and how each fares.

Elements stand in four columns; an edge leads from one column to a later one.  Where things are put is the browser's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from doorward.backends import Backends
from doorward.door.components import component_service, is_missing
from doorward.model.door import Claim, Door
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.model.refusal import Refusal
from doorward.state.transform import as_list, as_map

from doorward_daemon.reported import condition_type, reported, with_missing
from doorward_daemon.ui.causes import Cause, Causes
from doorward_daemon.ui.doors import Fares, state_of
from doorward_daemon.ui.rules import Leads, leads
from doorward_daemon.ui.scene import Scene

__all__ = ["Edge", "Node", "Picture", "picture"]

State = Literal["leaving", "plain"] | Fares
Column = Literal["host", "gateway", "rule", "component"]
MOST_NODES = 300
"""Elements of one picture; a door with more is told as far as these go."""


class Node(msgspec.Struct, kw_only=True):
    """One element."""

    id: str
    column: Column
    title: str
    subtitle: str = ""
    state: State = "plain"
    why: str = ""
    """Why it isn't ready, for people."""
    causes: list[Cause] = []
    object: str = ""
    """The object that it is, or is part of, as moments name it."""


class Edge(msgspec.Struct, frozen=True):
    """From one element to another."""

    source: str
    target: str
    state: State = "plain"


class Picture(msgspec.Struct, kw_only=True):
    """The elements, and how the door fares as a whole."""

    nodes: list[Node]
    edges: list[Edge]
    state: str
    status: str
    reason: str
    message: str
    refusal: str = ""
    """Why the door that is asked for can't be had, where that differs from what is reported."""
    mode: str = ""
    backend: str = ""
    exposure: str = ""
    guard: str = ""
    left_out: int = 0


def picture(scene: Scene, backends: Backends) -> Picture:
    return _Drawing(scene, backends).drawn()


class _Drawing:
    def __init__(self, scene: Scene, backends: Backends) -> None:
        self.scene = scene
        self.backends = backends
        self.causes = Causes(scene)
        self.nodes: dict[str, Node] = {}
        self.edges: dict[tuple[str, str], Edge] = {}
        type_ = condition_type(scene.service.source, scene.settings)
        self.condition = reported(scene.service.status.conditions, type_)
        self.status = str(self.condition.get("status") or "")
        self.whole: State = state_of(self.condition)
        self.door = scene.asked.door if scene.asked else None
        self.components = self._components()

    # -- what is drawn -------------------------------------------------------------------------------------------

    def drawn(self) -> Picture:
        for ref, obj in self.scene.objects.items():
            found = leads(ref, obj, self.backends)
            if found is None:
                continue
            if ref.kind == SERVICE:
                self._draw_service(ref, obj, found)
            else:
                self._draw_outside(ref, found)
        self._draw_what_is_missing()
        nodes = list(self.nodes.values())
        kept = nodes[:MOST_NODES]
        names = {node.id for node in kept}
        door = self.door
        return Picture(
            nodes=kept,
            edges=[edge for edge in self.edges.values() if edge.source in names and edge.target in names],
            state=state_of(self.condition, self.scene.missing),
            status=self.status,
            reason=with_missing(str(self.condition.get("reason") or ""), self.scene.missing),
            message=str(self.condition.get("message") or ""),
            refusal=self._refusal(),
            mode=door.mode if door else "",
            backend=door.backend if door else "",
            exposure=door.exposure if door else "",
            guard=door.guard.kind if door and door.guard else "",
            left_out=len(nodes) - len(kept),
        )

    def _refusal(self) -> str:
        asked = self.scene.asked
        refusal: Refusal | None = self.scene.refusal or (asked and (asked.refused or asked.waiting)) or None
        if refusal is None or refusal.reason == self.condition.get("reason"):
            return ""
        return f"{refusal.reason}: {refusal.message}"

    def _draw_outside(self, ref: Ref, found: Leads) -> None:
        """An object that serves hosts: one rule for each path, reached by each of its hosts by each gateway."""
        gateways = self._gateways(ref, found.claims)
        rules = [self._rule(ref, rule.path, rule.services) for rule in found.rules]
        for claim in found.claims:
            host = self._host(claim, ref)
            for via in claim.via or ("",):
                self._edge(host, gateways[via], self.nodes[host].state)
        for gateway in gateways.values():
            for rule in rules:
                self._edge(gateway, rule, self.nodes[rule].state)

    def _draw_service(self, ref: Ref, obj: JsonObject, found: Leads) -> None:
        """The door inside the cluster, or a load balancer."""
        type_ = as_map(obj.get("spec")).get("type")
        rule = self._rule(ref, "", found.rules[0].services)
        if type_ in ("LoadBalancer", "NodePort"):
            gateway = f"gateway/{type_}"
            balanced = as_list(as_map(as_map(obj.get("status")).get("loadBalancer")).get("ingress"))
            addresses = [str(as_map(each).get("ip") or as_map(each).get("hostname") or "") for each in balanced]
            given = type_ == "NodePort" or any(addresses)
            self._node(
                id=gateway,
                column="gateway",
                title="load balancer" if type_ == "LoadBalancer" else "every node",
                subtitle=f"Service of type {type_}",
                state=self._state() if given else "waiting",
                why="" if given else "no address is assigned yet",
                causes=self.causes.gateway(SERVICE, ""),
                object=str(ref),
            )
            for address in filter(None, addresses):
                host = self._node(
                    id=f"host/{address}", column="host", title=address, subtitle="address", state=self._state()
                )
                self._edge(host, gateway, self._state())
            self._edge(gateway, rule, self.nodes[rule].state)
            if self.door is None or ref.name != self.door.door_service:
                return
        host = self._node(
            id=f"inside/{ref.name}",
            column="host",
            title=f"{ref.name}.{ref.namespace}",
            subtitle="inside the cluster",
            state="ready" if self._works(rule) else "waiting",
            causes=self.causes.part("in-cluster Service"),
            object=str(ref),
        )
        self._edge(host, rule, self.nodes[host].state)

    def _draw_what_is_missing(self) -> None:
        """What is asked for and isn't there yet: hosts that nobody serves, rules, components that no rule leads to."""
        door = self.door
        if door and not self.scene.refusal:
            if door.exposure == "outside" and door.backend:
                self._draw_outside_to_be(door)
            if door.in_cluster == "ours" and not any(node.id.startswith("inside/") for node in self.nodes.values()):
                self._draw_inside_to_be(door)
        for name in self.components:
            self._component(name)

    def _draw_outside_to_be(self, door: Door) -> None:
        asked = [Claim(host) for host in door.hosts]
        asked += [Claim(door.path.host, door.path.prefix)] if door.path else []
        missing = [claim for claim in asked if f"host/{claim.where}" not in self.nodes]
        if not missing:
            return
        gateway = self._node(
            id="gateway/to be",
            column="gateway",
            title=door.backend,
            subtitle="backend, to open it",
            state="waiting",
            causes=self.causes.backend(door.backend),
        )
        for claim in missing:
            host = self._host(claim)
            self._edge(host, gateway, self.nodes[host].state)
        for route in door.routes:
            rule = self._node(
                id=f"rule/to be{route.prefix}",
                column="rule",
                title=route.prefix if route.prefix != "/" else "all other paths" if door.routes[1:] else "all paths",
                subtitle="not there yet",
                state="waiting",
                causes=self.causes.route(route.prefix, route.component),
            )
            self._edge(gateway, rule, "waiting")
            self._lead(rule, [route.component])

    def _draw_inside_to_be(self, door: Door) -> None:
        host = self._node(
            id=f"inside/{door.door_service}",
            column="host",
            title=f"{door.door_service}.{door.namespace}",
            subtitle="inside the cluster",
            state="waiting",
            why="nothing serves it yet",
            causes=self.causes.part("in-cluster Service"),
        )
        title, subtitle = "all paths", f"Service {door.door_service}, not there yet"
        rule = self._node(id="rule/to be inside", column="rule", title=title, subtitle=subtitle, state="waiting")
        self._edge(host, rule, "waiting")
        self._lead(rule, [door.entry])

    def _lead(self, rule: str, parts: list[str]) -> None:
        """From a rule to components."""
        for part in parts:
            if part in self.components:
                self._component(part)
                self._edge(rule, f"component/{part}", self.components[part][0])

    # -- elements ------------------------------------------------------------------------------------------------

    def _host(self, claim: Claim, by: Ref | None = None) -> str:
        """A host, and the object that serves it, if any does."""
        door, where = self.door, claim.where
        asked = door is not None and claim.host in (door.hosts if claim.prefix == "/" else (_path_host(door),))
        if by is None:
            denied = self.status == "False" and where in str(self.condition.get("message") or "")
            state: State = "broken" if denied else "waiting"
            why = str(self.condition.get("message") or "") if denied else "nothing serves it yet"
        elif door and not asked and door.exposure == "outside":
            state, why = "leaving", "no longer asked for; it is served until what is new has been accepted everywhere"
        else:
            state, why = self._state(), ""
        return self._node(
            id=f"host/{where}",
            column="host",
            title=where,
            subtitle=self._host_role(claim),
            state=state,
            why=why,
            causes=self._host_causes(claim),
            object=str(by) if by else "",
        )

    def _host_role(self, claim: Claim) -> str:
        door = self.door
        if claim.prefix != "/":
            return "path, shared host"
        if door and door.hosts[:1] == (claim.host,):
            return "primary host"
        return "additional host" if door and claim.host in door.hosts else "host"

    def _host_causes(self, claim: Claim) -> list[Cause]:
        return self.causes.part("host" if claim.prefix == "/" else "path", claim.where)

    def _gateways(self, ref: Ref, claims: tuple[Claim, ...]) -> dict[str, str]:
        ways = dict.fromkeys(via for claim in claims for via in (claim.via or ("",)))
        return {via: self._gateway(ref, via) for via in ways}

    def _gateway(self, ref: Ref, via: str) -> str:
        """By its object: what one object leads on isn't what another does, though both are served in one place."""
        found, kind = self._known_gateway(via), ref.kind.partition(".")[0]
        namespace, _, name = via.rpartition("/")
        state, why = _gateway_state(found[1]) if found else (self._state(), "")
        what = {"Ingress": "ingress class", "VirtualService": "gateway", "HTTPRoute": "Gateway"}
        return self._node(
            id=f"gateway/{via}/{ref.kind}/{ref.name}",
            column="gateway",
            title=name if via and "*" not in via else kind,
            subtitle=f"{what.get(kind, 'gateway')}{f' in {namespace}' if namespace else ''}",
            state=state,
            why=why,
            causes=self.causes.gateway(ref.kind, via),
            object=str(found[0]) if found else str(ref),
        )

    def _known_gateway(self, via: str) -> tuple[Ref, JsonObject] | None:
        namespace, _, name = via.rpartition("/")
        for ref, obj in self.scene.beside.items():
            if (ref.namespace, ref.name) == (namespace, name) and ref.kind.startswith(("Gateway.", "IngressClass.")):
                return ref, obj
        return None

    def _rule(self, ref: Ref, path: str, services: tuple[str, ...]) -> str:
        parts = [part for name in services if (part := self._part(name))]
        entry = self.door.entry if self.door else ""
        kind = ref.kind.partition(".")[0]
        shown = {"": "all paths", "/": "all other paths" if self._branches(ref) else "all paths"}.get(path, path)
        broken = self.whole == "broken" and ref.kind != SERVICE
        lame = [part for part in parts if self.components[part][0] != "ready"]
        opener = self._opener(ref)
        node = self._node(
            id=f"rule/{ref.kind}/{ref.name}{path}",
            column="rule",
            title=shown,
            subtitle=f"{kind} {ref.name}",
            state="broken" if broken else "waiting" if lame or not parts else "ready",
            why=str(self.condition.get("message") or "") if broken else "",
            causes=[
                *(self.causes.backend(opener) if opener else self.causes.part("mode")),
                *self.causes.route(path or "/", parts[0] if parts else entry),
            ],
            object=str(ref),
        )
        self._lead(node, parts)
        return node

    def _branches(self, ref: Ref) -> bool:
        found = leads(ref, self.scene.objects[ref], self.backends)
        return found is not None and len(found.rules) > 1

    def _opener(self, ref: Ref) -> str:
        """The backend that writes objects of this kind to open doors; none of the Service inside the cluster."""
        backend = self.backends.claiming.get(ref.kind)
        return backend.name if backend else ""

    def _part(self, service: str) -> str:
        """The component that a Service, or a name of a component, stands for."""
        if service in self.components:
            return service
        return next((part for part, (_, _, name) in self.components.items() if name == service), "")

    def _component(self, name: str) -> None:
        state, why, service = self.components[name]
        known = Ref(SERVICE, self.scene.ref.namespace, service) in self.scene.beside
        self._node(
            id=f"component/{name}",
            column="component",
            title=self.scene.service.called(name),
            subtitle=f"Service {service}" if known else "no Service yet",
            state=state,
            why=why,
            causes=self.causes.component(name),
            object=f"Service {self.scene.ref.namespace}/{service}" if known else "",
        )

    def _components(self) -> dict[str, tuple[State, str, str]]:
        """How each component fares, why, and the name of its Service."""
        service, found = self.scene.service, {}
        missing = {target.component for target in self.scene.missing}
        targets = {target.component: target.service for target in self.door.targets} if self.door else {}
        for name in service.source.parts:
            if service.component(name) is None and name not in targets:
                continue
            called = service.called(name)
            condition = service.condition(*service.source.parts[name].ready)
            status = condition.get("status") if condition else None
            state: State = "ready" if status == "True" else "broken" if status == "False" else "waiting"
            if condition is None and self.status == "True" and name in targets:
                state = "ready"  # by its endpoints, or as settings say
            why = "" if state == "ready" else _why(condition) or f"nobody says yet that the {called} is ready"
            if name in missing:
                state, why = "broken", is_missing(service.namespace, targets[name], called)
            found[name] = (state, why, targets.get(name) or component_service(service, name))
        return found

    # -- small things --------------------------------------------------------------------------------------------

    def _state(self) -> State:
        return self.whole

    def _works(self, rule: str) -> bool:
        return self.nodes[rule].state == "ready"

    def _node(self, **node: object) -> str:
        made = Node(**node)  # type: ignore[arg-type]
        self.nodes.setdefault(made.id, made)
        return made.id

    def _edge(self, source: str, target: str, state: State) -> None:
        self.edges.setdefault((source, target), Edge(source, target, state))


def _path_host(door: Door) -> str:
    return door.path.host if door.path else ""


def _why(condition: Mapping[str, object] | None) -> str:
    if not condition:
        return ""
    detail = condition.get("message") or condition.get("reason") or ""
    return f"{condition.get('type')} is {condition.get('status')}" + (f": {detail}" if detail else "")


def _gateway_state(obj: JsonObject) -> tuple[State, str]:
    """How a Gateway of Gateway API says that it fares; what has no conditions is there, and that is all."""
    conditions = list(_conditions(obj))
    for type_ in ("Accepted", "Programmed"):
        condition = next((each for each in conditions if each.get("type") == type_), None)
        if condition and condition.get("status") != "True":
            return "broken", _why(condition)
    return "ready", ""


def _conditions(obj: JsonObject) -> Iterator[JsonObject]:
    for each in as_list(as_map(obj.get("status")).get("conditions")):
        if isinstance(each, dict):
            yield each
