"""From a seed to a scenario: which bad day it is, and what happens on it."""

from __future__ import annotations

import json
from random import Random
from typing import Literal

import msgspec

from doorward.testing.simulator import oracle
from doorward.testing.simulator import scenario as s

Sources = Literal["ome", "twin", "both", "service", "all"]
"""``both``: services of OME's source and of the simulator's own; ``all``: plain Services among them."""
_DOOR_KINDS: tuple[s.DoorKind, ...] = ("Service", "VirtualService", "Ingress", "HTTPRoute")
_CUSTOM_KINDS: tuple[s.CustomKind, ...] = ("VirtualService", "HTTPRoute")
_MEDDLING: tuple[s.Meddling, ...] = ("edit", "strip", "delete", "status", "condition")
_FORGERY: tuple[s.Forgery, ...] = ("owner", "owner", "edit", "edit", "squat", "abroad")
_BLINDNESS = ("stop", "stop", "resume", "resume", "list", "stale", "forget", "forbid", "allow", "withdraw")
_SHARED: tuple[Literal["", "all", "disk", "late"], ...] = ("", "all", "disk", "late")
"""Whose journal the next leader has, by the seed."""
_COUNTS = (1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 8, 12, 20)
_COMPONENTS = (("engine",), ("engine",), ("engine", "router"), ("engine", "decoder"), ("engine", "router", "decoder"))

ANNOTATIONS: dict[str, tuple[str | None, ...]] = {
    oracle.MODE: ("Serverless", "RawDeployment", "RawDeployment", "MultiNode", "Bogus", None),
    oracle.CLASS: ("nginx", "traefik", "istio", None),
    oracle.TEMPLATE: (
        "shared.example.com",
        "{{.Name}}.shared.test",
        "Not_A_Host",
        "{{ .Namespace }}.{{.IngressDomain}}",
        "other.ns-b.svc.cluster.local",
        "shared.team.svc.models.test",
        None,
    ),
    oracle.DOMAIN: ("other.test", "models.test", None),
    oracle.MORE_DOMAINS: ("alt.test", "alt.test, spare.test", None),
    oracle.PATH: ("/m/{{.Name}}", "/m/same", "/m/same/below", "/m/{{.Namespace}}", "", None),
    oracle.DISABLE: ("true", "false", None),
    oracle.NO_VIRTUAL: ("true", None),
    oracle.TYPE: ("LoadBalancer", "NodePort", None),
    oracle.BACKEND: ("istio", "k8s_ingress", "gateway_api", "bogus", None),
    oracle.SCHEME: ("https", "http", "gopher", None),
    oracle.POISON: ("raise", "rubbish", "render", "rubbish manifest", None),
    "!visibility": ("cluster-local", None),
}
"""What users write, by key; None: they take it off again."""
_WEIGHTS = (8, 6, 5, 3, 3, 5, 4, 1, 2, 2, 1, 1, 3)

_GOOD: tuple[dict[str, object], ...] = (
    {},
    {"ingressDomain": "models.test"},
    {"ingressDomain": "svc.cluster.local"},
    {"enableGatewayAPI": True, "omeIngressGateway": "sim/gateway"},
    {"enableGatewayAPI": True, "omeIngressGateway": "sim/other"},
    {"ingressClassName": "nginx"},
    {"ingressClassName": "traefik"},
    {"domainTemplate": "{{.Name}}-{{.Namespace}}.{{.IngressDomain}}"},
    {"additionalIngressDomains": ["alt.test"]},
    {"pathTemplate": "/models/{{.Name}}/{{.Namespace}}"},
    {"disableIngressCreation": True},
    {"disableIstioVirtualHost": True},
    {"ingressGateway": "istio-system/other-gateway"},
    {"urlScheme": "https"},
)
_OWN: tuple[dict[str, object], ...] = (
    {},
    {},
    {"overlapSeconds": 0},
    {"overlapSeconds": 120},
    {"doorService": "{{.Name}}-door"},
    {"namespaceDomains": {"ns-a": ["example.com"]}},
)
_BAD: tuple[dict[str, str], ...] = (
    {"ingress": "{not json"},
    {"ingress": '{"ingressGateway": "nothing"}'},
    {"ingress": '{"enableGatewayAPI": true}'},
    {"deploy": '{"defaultDeploymentMode": "Bogus"}'},
    {"ingress": '{"domainTemplate": "{{ .Nope }}"}'},
)


_CONTENDED: dict[str, tuple[str | None, ...]] = {
    oracle.TEMPLATE: ("shared.example.com", "shared.example.com", "second.example.com", None),
    oracle.PATH: ("/m/same", "/m/same", "/m/same/below", None),
}


def generate(seed: int, sources: Sources = "ome") -> s.Scenario:
    """The scenario of a seed: always the same one; ``sources``: whose kinds its services are of."""
    scenario = _Day(Random(seed), seed).scenario()
    if sources == "ome":
        return scenario
    places = range(20)
    if sources == "service":
        return _with_labels(msgspec.structs.replace(scenario, labelled=tuple(places)))
    if sources == "all":
        kinds = [Random(f"{seed} {n} of three").choice(("ome", "twin", "service", "service")) for n in places]
        labelled = tuple(n for n in places if kinds[n] == "service")
        twins = tuple(n for n in places if kinds[n] == "twin")
        return _with_labels(msgspec.structs.replace(scenario, twins=twins, labelled=labelled))
    twins = tuple(n for n in places if sources == "twin" or Random(f"{seed} {n}").random() < 0.5)
    return msgspec.structs.replace(scenario, twins=twins)


def _with_labels(scenario: s.Scenario) -> s.Scenario:
    """The same day, on which labels are taken off and put on again at any step, while nobody watches, too."""
    random, steps = Random(f"labels {scenario.seed}"), list(scenario.steps)
    made = {step.service for step in steps if isinstance(step, s.Make)} & set(scenario.labelled)
    if not made or random.random() < 0.3:
        return scenario
    for _ in range(random.choice((1, 2, 4, 8))):
        at = random.randrange(len(steps) + 1)
        crashes = [number for number, step in enumerate(steps) if isinstance(step, s.Crash)]
        if crashes and random.random() < 0.3:
            at = random.choice(crashes)
        steps.insert(at, s.Edit(random.choice(sorted(made)), "!engine", random.choice((None, None, "yes"))))
    return msgspec.structs.replace(scenario, steps=tuple(steps))


class _Day:
    """How bad this day is, and the steps so far."""

    def __init__(self, random: Random, seed: int) -> None:
        self.random = random
        self.seed = seed
        self.steps: list[s.AnyStep] = []
        count = random.choice(_COUNTS)
        self.services = random.sample(range(20), count) if random.random() < 0.7 else list(range(count))
        self.raw = random.random() < 0.3
        self.lossy = random.choice((0.0, 0.05, 0.3))
        self.meddling = random.choice((0.0, 0.0, 0.5, 2.0))
        self.crashing = random.choice((0.0, 0.5, 2.0))
        self.blind = random.choice((0.0, 0.0, 0.5, 2.0))
        self.rival = random.random() < 0.1
        self.poisoning = random.random() < 0.15
        self.jumping = random.random() < 0.15
        self.settings = random.choice((0.3, 1.0, 3.0))
        self.contended = random.random() < 0.15
        """Services fight for the same hosts, and swap them."""
        self.tenant = Random(f"tenant {seed}")
        """A source of its own: most days are as they would be without a hostile tenant."""
        self.hostile = count > 1 and self.tenant.random() < 0.2

    def scenario(self) -> s.Scenario:
        random = self.random
        if random.random() < 0.6:
            self.steps.append(s.Configure(self._good()))
        for service in self.services[: random.randint(1, len(self.services))]:
            self.steps.append(self._make(service))
        if self.hostile and self.tenant.random() < 0.3:
            attacker, victim = self.tenant.sample(self.services, 2)
            self.steps.append(s.Forge("squat", attacker, victim))
        if random.random() < 0.7:
            self.steps.append(s.Settle())
        rounds = random.randint(3, 22)
        for _ in range(rounds):
            self._round()
        calm = random.random() < 0.75
        return s.Scenario(tuple(self.steps), self.seed, calm=calm, budget=random.choice((0, 0, 1, 3)))

    def _round(self) -> None:
        """Something happens, then the engine gets some way."""
        random = self.random
        for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
            self.steps.append(self._user())
        for chance, fault in (
            (self.meddling * 0.2, self._meddle),
            (self.blind * 0.2, self._blindness),
            (self.crashing * 0.1, self._crash),
            (0.15 * self.rival, self._rival),
            (0.1 * self.jumping, self._jump),
        ):
            if random.random() < chance:
                self.steps.append(fault())
        if self.hostile and self.tenant.random() < 0.5:
            self.steps += self._tenant()
        if random.random() < 0.25:
            self.steps.append(s.Settle(self._seat()))
        else:
            for _ in range(random.choice((2, 5, 10, 20))):
                self.steps.append(self._move())
        if random.random() < 0.3:
            self.steps.append(random.choice((s.Accept(), s.Accept(), s.Collect())))
        if random.random() < 0.3:
            self.steps.append(s.Pass(random.choice((0.1, 1.0, 5.0, 11.0, 30.0, 300.0)), self._seat()))

    def _rival(self) -> s.Rival:
        return s.Rival(_SHARED[self.seed % len(_SHARED)])

    def _seat(self) -> int:
        return self.random.randrange(2) if self.rival else 0

    def _make(self, service: int) -> s.Make:
        random = self.random
        annotations = {oracle.MODE: "RawDeployment"} if self.raw and random.random() < 0.7 else {}
        for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
            key, value = self._annotation()
            if value is not None and not key.startswith("!"):
                annotations[key] = value
        return s.Make(service, random.choice(_COMPONENTS), annotations, random.random() < 0.85)

    def _annotation(self) -> tuple[str, str | None]:
        random = self.random
        if self.contended and random.random() < 0.6:
            key = random.choice((oracle.TEMPLATE, oracle.TEMPLATE, oracle.PATH))
            return key, random.choice(_CONTENDED[key])
        while True:
            key = random.choices(list(ANNOTATIONS), _WEIGHTS)[0]
            if key != oracle.POISON or self.poisoning:
                return key, random.choice(ANNOTATIONS[key])

    def _good(self) -> dict[str, str]:
        random = self.random
        ingress: dict[str, object] = {}
        for _ in range(random.choice((0, 1, 1, 2))):
            ingress |= random.choice(_GOOD)
        data = {"ingress": json.dumps(ingress)}
        if own := random.choice(_OWN):
            data["doorward"] = json.dumps(own)
        if random.random() < 0.3:
            data["deploy"] = json.dumps({"defaultDeploymentMode": random.choice(("Serverless", "RawDeployment"))})
        return data

    def _user(self) -> s.AnyStep:
        random = self.random
        service = random.choice(self.services)
        match random.choices(("make", "edit", "ready", "remove", "settings"), (2, 6, 2, 1, self.settings))[0]:
            case "make":
                return self._make(service)
            case "edit":
                if random.random() < 0.2:
                    component = random.choice(("router", "decoder", "decoder", "router", "engine"))
                    return s.Edit(service, f"!{component}", random.choice(("yes", None)))
                return s.Edit(service, *self._annotation())
            case "ready":
                component = random.choice(("engine", "router", "decoder"))
                return s.Ready(service, component, random.choice(("True", "True", "False", "Unknown")))
            case "remove":
                return s.Remove(service)
        if random.random() < 0.75:
            return s.Configure(self._good())
        return s.Configure(random.choice((*_BAD, None)))

    def _meddle(self) -> s.AnyStep:
        random = self.random
        if random.random() < 0.25:
            return s.Occupy(random.choice(_DOOR_KINDS), random.choice(self.services), random.random() < 0.4)
        return s.Meddle(random.choice(_MEDDLING), random.randrange(100))

    def _tenant(self) -> list[s.AnyStep]:
        """One service's tenant wants another's host: it asks for it, forges an object for it, or both."""
        attacker, victim = self.tenant.sample(self.services, 2)
        namespace, name = s.place(victim)
        steps: list[s.AnyStep] = []
        if self.tenant.random() < 0.5:
            steps.append(s.Edit(attacker, oracle.TEMPLATE, f"{name}.{namespace}.example.com"))
        if self.tenant.random() < 0.8:
            steps.append(s.Forge(self.tenant.choice(_FORGERY), attacker, victim))
        self.tenant.shuffle(steps)
        return steps

    def _blindness(self) -> s.AnyStep:
        random, kind, replica = self.random, self.random.randrange(16), self._seat()
        match random.choice(_BLINDNESS):
            case "stop":
                return s.Stop(kind, replica)
            case "resume":
                return s.Resume(kind, replica)
            case "list":
                return s.Resume(kind, replica, listed=True)
            case "stale":
                return s.Resume(kind, replica, listed=True, stale=random.choice((1, 5, 20)))
            case "forget":
                return s.Forget()
            case "forbid":
                return s.Forbid(kind)
            case "allow":
                return s.Forbid(kind, allowed=True)
        return s.Withdraw(random.choice(_CUSTOM_KINDS), random.random() < 0.5)

    def _crash(self) -> s.AnyStep:
        return s.Crash(self.random.choice(("all", "all", "disk", "snapshot", "none")), self._seat())

    def _jump(self) -> s.AnyStep:
        return s.Jump(self.random.choice((-3600.0, -5.0, 5.0, 3600.0)), self._seat())

    def _move(self) -> s.AnyStep:
        random, replica = self.random, self._seat()
        match random.choices(("deliver", "act", "perform", "answer", "commit", "land"), (10, 5, 6, 6, 1, 0.5))[0]:
            case "deliver":
                return s.Deliver(random.randrange(16), replica, random.random() < 0.05)
            case "act":
                return s.Act(replica)
            case "perform":
                fault: s.Fault = ""
                if random.random() < self.lossy:
                    fault = random.choice(("409", "429", "500", "403", "lost before", "lost after", "late"))
                return s.Perform(random.randrange(8), fault, replica)
            case "answer":
                return s.Answer(random.randrange(8), replica)
            case "commit":
                return s.Commit(replica)
        return s.Land(random.randrange(8))
