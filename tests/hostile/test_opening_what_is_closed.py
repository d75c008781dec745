"""What is to be closed, or guarded, doesn't open by an odd word."""

from __future__ import annotations

import pytest
from doorward.backends import Backends
from doorward.hooks import Read, Watch, hookimpl
from doorward.model.door import Door, Rendering, manifest
from doorward.model.reference import SERVICE, JsonObject

from tests.engine.scenes import INGRESS, SERVICES, Scene, opened, service
from tests.engine.stage import settings

AUTH = "doorward.io/auth"
AUTH_SECRET = "doorward.io/auth-secret"
LOAD_BALANCER = {"ome.io/disable-ingress": "true", "ome.io/service-type": "LoadBalancer"}
DOORS: dict[str, tuple[bool, dict[str, str], JsonObject]] = {
    "ingress": (True, {}, {}),
    "http route": (True, {}, {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}),
    "virtual service": (False, {}, {}),
    "ingress before knative": (False, {"ome.io/ingress-class": "nginx"}, {}),
    "load balancer": (True, LOAD_BALANCER, {}),
    "load balancer beside an ingress": (True, {"ome.io/service-type": "LoadBalancer"}, {}),
    "load balancer before knative": (False, LOAD_BALANCER, {}),
}
every_door = pytest.mark.parametrize(("raw", "annotations", "config"), DOORS.values(), ids=DOORS)


def is_open(scene: Scene) -> bool:
    """Whether anything leads in from outside."""
    types = {o["spec"].get("type") for o in scene.objects() if o["kind"] == "Service"}
    return bool(scene.reaches("http://m.a.example.com/")) or bool(types & {"LoadBalancer", "NodePort"})


# -- a guard that nobody can give ------------------------------------------------------------------------------------


@every_door
@pytest.mark.parametrize("value", ["api-key", "basic", "oidc", "API-Key", " basic ", ""])
def test_a_door_that_asks_for_a_guard_doesnt_open(
    raw: bool, annotations: dict[str, str], config: JsonObject, value: str
) -> None:
    asked = {**annotations, AUTH: value, AUTH_SECRET: "keys"}
    scene = Scene(settings(config), *service(raw=raw, annotations=asked))
    assert not is_open(scene)
    assert scene.verdict() == ("False", "AuthUnsupported")
    assert AUTH in scene.message()
    assert value.strip().lower() in scene.message()
    unread = value in ("oidc", "")
    assert ("remove the annotation" in scene.message()) == unread
    assert scene.url() == scene.address() == "http://m.a.svc.cluster.local"
    assert scene.reaches("http://m.a.svc.cluster.local/", inside=True) == "m-engine"


@every_door
def test_a_standing_door_that_asks_for_a_guard_is_closed_at_once(
    raw: bool, annotations: dict[str, str], config: JsonObject
) -> None:
    scene = Scene(settings(config), *service(raw=raw, annotations=annotations))
    assert is_open(scene)
    inside, before = scene.get(SERVICE, "a", "m")["spec"].get("clusterIP"), scene.clock.now
    scene.edit(annotations={AUTH: "api-key", AUTH_SECRET: "keys"})
    assert not is_open(scene)
    assert scene.clock.now == before
    assert scene.verdict() == ("False", "AuthUnsupported")
    assert scene.get(SERVICE, "a", "m")["spec"].get("clusterIP") == inside
    assert scene.reaches("http://m.a.svc.cluster.local/", inside=True) == "m-engine"
    watched = scene.since()
    scene.advance(60)
    assert watched.writes == []
    scene.edit(annotations={AUTH: None, AUTH_SECRET: None})
    assert is_open(scene)


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "no journal"])
def test_a_guard_that_was_asked_for_while_nothing_ran_closes_the_door(journal: bool) -> None:
    scene = opened()
    scene.patch(SERVICES, "a", "m", {"metadata": {"annotations": {AUTH: "basic", AUTH_SECRET: "keys"}}})
    after = scene.again(journal=journal)
    assert not is_open(after)
    assert after.verdict() == ("False", "AuthUnsupported")


def test_a_guard_is_refused_before_anything_is_ready() -> None:
    scene = Scene(*service(raw=True, ready=False, annotations={AUTH: "basic", AUTH_SECRET: "keys"}))
    assert scene.verdict() == ("False", "AuthUnsupported")


@pytest.mark.parametrize("value", ["none", "None", " NONE "])
def test_none_asks_for_no_guard(value: str) -> None:
    scene = opened(annotations={AUTH: value, "doorward.io/auth-secret": "keys"})
    assert is_open(scene)
    assert scene.reasons() == []


def test_a_secret_without_a_guard_is_told_of() -> None:
    scene = opened(annotations={"doorward.io/auth-secret": "keys"})
    ((reason, message),) = scene.told()
    assert reason == "AuthSecretUnused"
    assert AUTH in message
    assert "open to everybody" in message


@pytest.mark.parametrize("closed", [{"labels": {"networking.ome.io/visibility": "cluster-local"}}, {}])
def test_of_a_closed_door_a_guard_is_told_in_an_event(closed: JsonObject) -> None:
    off = {} if closed else {"ome.io/disable-ingress": "true"}
    scene = opened(annotations={AUTH: "api-key", **off}, **closed)
    ((reason, message),) = scene.told()
    assert reason == "AuthUnsupported"
    assert "the door inside the cluster has no guard" in message


def test_the_setting_takes_no_guard_that_nobody_could_give() -> None:
    """It would close every door of the cluster."""
    scene = opened()
    scene.configure(doorward="auth: api-key")
    assert is_open(scene)
    (problem,) = scene.engine.problems
    assert problem.startswith("key doorward, field authService: missing, and a guard needs it")
    after = Scene(settings(doorward="auth: api-key"), *service(raw=True))
    assert not after.engine.ready
    assert after.ours() == set()


# -- switches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["bogus", "", "no", "0", "off", "f", "falsee", "fa lse"])
@pytest.mark.parametrize("key", ["ome.io/ingress-disable-creation", "ome.io/disable-ingress"])
def test_only_an_explicit_false_opens_what_the_cluster_closes(key: str, word: str) -> None:
    scene = Scene(settings({"disableIngressCreation": True}), *service(raw=True, annotations={key: word}))
    assert not is_open(scene)
    assert scene.verdict() == ("True", "IngressDisabled")
    assert scene.reasons() == ["InvalidFlag"]


# -- around a guard that stands --------------------------------------------------------------------------------------

NGINX = "nginx.ingress.kubernetes.io/"
UNDOING = {
    f"{NGINX}auth-url": "http://evil.example.com/yes",
    f"{NGINX}auth-response-headers": "authorization",
    f"{NGINX}auth-proxy-set-headers": "a/headers",
    f"{NGINX}auth-cache-key": "$remote_addr",
    f"{NGINX}auth-method": "HEAD",
    f"{NGINX}satisfy": "any",
    f"{NGINX}enable-global-auth": "false",
    f"{NGINX}configuration-snippet": "auth_request off",
    f"{NGINX}server-snippet": "location / {}",
}


def guarded(**annotations: str) -> Scene:
    keys = "\n".join(f"  - {key}" for key in UNDOING)
    config = settings({"ingressClassName": "nginx"}, doorward=f"authService: ome/authz:9191\npassAnnotations:\n{keys}")
    clients = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "a"}}
    asked = {AUTH: "api-key", AUTH_SECRET: "keys", **annotations}
    return Scene(config, NGINX_CLASS, {**clients, "data": {"alice": "a2V5"}}, *service(raw=True, annotations=asked))


NGINX_CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "nginx"},
    "spec": {"controller": "k8s.io/ingress-nginx"},
}


@pytest.mark.parametrize("key", UNDOING)
def test_what_an_administrator_lets_pass_takes_no_guard_away(key: str) -> None:
    plain = guarded().get(INGRESS, "a", "m")["metadata"]["annotations"]
    assert plain[f"{NGINX}auth-url"] == "http://authz.ome.svc.cluster.local:9191/door/nginx/a/m"
    marked = guarded(**{key: UNDOING[key]}).get(INGRESS, "a", "m")["metadata"]["annotations"]
    of_controller = {k: v for k, v in marked.items() if k.startswith(NGINX)}
    assert of_controller == {k: v for k, v in plain.items() if k.startswith(NGINX)}


def test_another_service_s_guard_is_never_asked() -> None:
    """The address is made of what the tenant can't choose: namespace and name."""
    scene = guarded(**{AUTH_SECRET: "../b/keys"})
    assert not is_open(scene)
    assert scene.verdict() == ("False", "AuthSecretInvalid")


def test_a_mark_of_the_tenant_s_own_is_no_guard() -> None:
    """An object that stands open says that it is guarded; the guard can't be put up on it."""
    scene = opened()
    scene.patch(INGRESS, "a", "m", {"metadata": {"annotations": {"doorward.io/guarded": "true"}}})
    scene.edit(annotations={AUTH: "api-key", AUTH_SECRET: "keys", "ome.io/deployment-mode": "bogus"})
    assert not is_open(scene)


def test_a_guard_of_another_form_holds_nothing_open() -> None:
    """A word that can't be read closes a door that is guarded, too."""
    scene = guarded()
    assert is_open(scene)
    scene.edit(annotations={AUTH: "api-key,none"})
    assert not is_open(scene)
    assert scene.verdict() == ("False", "AuthUnsupported")


class Balancers:
    """A backend of somebody's that opens a Service of its own to everybody, whatever type is asked for."""

    @hookimpl
    def watches(self) -> tuple[Watch, ...]:
        return tuple(Backends().watches[kind] for kind in ("Service",))

    @hookimpl
    def render(self, door: Door, read: Read) -> Rendering | None:
        if door.backend != "balancers":
            return None
        spec = {"type": "LoadBalancer", "selector": {"a": "b"}, "ports": [{"port": 80, "targetPort": 80}]}
        return Rendering(objects=(manifest("v1", "Service", f"{door.name}-open", spec),))


@pytest.mark.parametrize("auth", ["none", "api-key"])
def test_a_backend_of_services_opens_none_past_a_guard(auth: str) -> None:
    asks = {"doorward.io/backend": "balancers", "doorward.io/auth": auth, "doorward.io/auth-secret": "keys"}
    plugins = Backends({**dict(Backends().manager.list_name_plugin()), "balancers": Balancers()})
    scene = Scene(settings(), *service(raw=True, annotations=asks), plugins=plugins)
    assert ("Service/m-open" in scene.ours()) is (auth == "none")
