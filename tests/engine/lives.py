"""A busy life of a cluster, told event by event, for tests that compare engines; printed as one digest when run."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec
from doorward.cluster.embedded import Request
from doorward.cluster.protocol import ApiError
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import AnyEvent

from tests.engine.scenes import INGRESS, SERVICES, Scene, service
from tests.engine.stage import backends, settings

GATEWAY_API = {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}
OFF = {"ome.io/disable-ingress": "true"}


class Told(Scene):
    """A scene that remembers what its engine was told and asked, in order."""

    def __init__(self, *objects: Any, **more: Any) -> None:
        self.script: list[AnyEvent | None] = []
        """Events received; None where actions were asked for."""
        self.issued: list[Action] = []
        super().__init__(*objects, **more)

    def receive(self, event: AnyEvent) -> None:
        self.script.append(event)
        super().receive(event)

    def act(self) -> bool:
        self.script.append(None)
        before = len(self.performed)
        acted = super().act()
        self.issued += self.performed[before:]
        return acted


def live() -> Told:
    """Doors of every kind open, change, are refused, undone, contested, held and closed, in bad weather too."""
    scene = Told(settings(), start=False)
    for body in (
        *service("raw", raw=True),
        *service("knative", "engine", "router", "decoder"),
        *service("path", annotations={"ome.io/ingress-path-template": "/models/{{.Name}}"}),
        *service("nginx", annotations={"ome.io/ingress-class": "nginx", "ome.io/ingress-additional-domains": "b.test"}),
        *service("balancer", raw=True, annotations={**OFF, "ome.io/service-type": "LoadBalancer"}),
        *service("port", annotations={**OFF, "ome.io/service-type": "NodePort"}),
        *service("refused", raw=True, annotations={"ome.io/deployment-mode": "Raw"}),
        *service("waiting", raw=True, ready=False),
        *service("one", raw=True, annotations={"ome.io/ingress-domain-template": "shared.test"}),
        *service("two", raw=True, annotations={"ome.io/ingress-domain-template": "shared.test"}),
        *(
            part
            for number in range(6)
            for part in service(
                f"rival{number}", raw=True, annotations={"ome.io/ingress-domain-template": "shared.test"}
            )
        ),
    ):
        scene.create(body)
    scene.start()
    scene.settle()
    for step in _STEPS:
        step(scene)
        scene.settle()
    scene.advance(30)
    return scene


def _bad_weather(scene: Told) -> None:
    left = [3]

    def fail(request: Request) -> None:
        if request.verb in ("create", "patch") and left[0] and request.resource.kind != SERVICES:
            left[0] -= 1
            raise ApiError(0 if left[0] == 1 else 503, "", "bad weather")

    scene.store.faults.before.append(fail)
    scene.edit("raw", annotations={"ome.io/ingress-additional-domains": "storm.test"})
    scene.advance(10)
    scene.store.faults.before.clear()


_STEPS: tuple[Callable[[Told], object], ...] = (
    lambda s: s.edit("raw", annotations={"ome.io/ingress-class": "nginx"}),
    lambda s: s.advance(11),
    lambda s: s.ready("engine", name="waiting"),
    lambda s: s.patch(INGRESS, "a", "one", {"spec": {"ingressClassName": "theirs"}}),
    lambda s: s.delete("Service", "a", "knative"),
    lambda s: s.edit("knative", annotations={"ome.io/deployment-mode": "RawDeployment"}),
    lambda s: s.advance(4),
    lambda s: s.edit("path", annotations={"ome.io/deployment-mode": "Nonsense"}),
    lambda s: s.edit("path", labels={"networking.knative.dev/visibility": "cluster-local"}),
    lambda s: s.delete(SERVICES, "a", "one"),
    lambda s: s.configure(GATEWAY_API),
    lambda s: s.advance(20),
    lambda s: s.configure({"ingressDomain": "new.test"}),
    lambda s: s.configure({"ingressDomain": "Bad Domain"}),
    lambda s: s.edit("balancer", annotations={"ome.io/service-type": "NodePort"}),
    _bad_weather,
    lambda s: s.report([], name="two", url="http://theirs.test"),
    lambda s: s.advance(60),
)


def replay(script: list[AnyEvent | None]) -> bytes:
    """The actions, as bytes, of a fresh engine that is told the same."""
    engine = Engine(backends())
    actions: list[Action] = []
    for event in script:
        if event is None:
            actions += engine.actions()
        else:
            engine.receive(event)
    return msgspec.json.encode(actions)


if __name__ == "__main__":
    print(sha256(msgspec.json.encode(live().issued)).hexdigest())
