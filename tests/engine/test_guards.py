"""Who may come in: a guard stands before its door, and no door stands open without the guard that it asks for."""

from __future__ import annotations

import base64

import pytest
from doorward.model.action import Action
from doorward.model.event import Refused
from doorward.model.reference import SECRET, JsonObject
from doorward.runtime.performing import Outcome

from tests.engine.scenes import INGRESS, Scene, service
from tests.engine.stage import settings

AUTH = "doorward.io/auth"
NAMED = "doorward.io/auth-secret"
ASKING = {AUTH: "api-key", NAMED: "keys"}
AUTH_URL = "nginx.ingress.kubernetes.io/auth-url"
PASSED_ON = "nginx.ingress.kubernetes.io/auth-response-headers"
WITH_SERVICE = "authService: ome/doorward-authz:9191"
BCRYPT = "$2b$04$" + "a" * 53
CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "nginx"},
    "spec": {"controller": "k8s.io/ingress-nginx"},
}


def secret(name: str = "keys", **data: str) -> JsonObject:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = {"name": name, "namespace": "a"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded or None, "type": "Opaque"}


KEYS = secret(alice="alices-key")


def scene(
    *objects: JsonObject, annotations: dict[str, str] | None = None, doorward: str = WITH_SERVICE, **ingress: object
) -> Scene:
    config = settings({"ingressClassName": "nginx", **ingress}, doorward=doorward)
    return Scene(config, CLASS, *objects, *service(raw=True, annotations=annotations))


def guarded(at: Scene, name: str = "m") -> bool:
    """Whether an Ingress stands that has ingress-nginx ask for this door's keys."""
    annotations = at.get(INGRESS, "a", name)["metadata"]["annotations"]
    address = "http://doorward-authz.ome.svc.cluster.local:9191/door/nginx/a/m"
    return annotations.get(AUTH_URL) == address and annotations.get(PASSED_ON) == "doorward-client"


def stands(at: Scene) -> bool:
    return "Ingress/m" in at.ours()


def test_a_door_opens_behind_its_guard() -> None:
    at = scene(KEYS, annotations=ASKING)
    assert at.verdict() == ("True", "")
    assert guarded(at)


@pytest.mark.parametrize("word", ["api-key", "API-Key", " api-key "])
def test_the_word_is_read_in_any_case(word: str) -> None:
    assert guarded(scene(KEYS, annotations={**ASKING, AUTH: word}))


def test_a_door_that_asks_for_none_has_none() -> None:
    at = scene(KEYS)
    assert at.verdict() == ("True", "")
    assert AUTH_URL not in at.get(INGRESS, "a", "m")["metadata"]["annotations"]
    assert at.engine.secrets == frozenset()


def test_asking_for_a_guard_puts_it_up_in_one_write() -> None:
    at = scene(KEYS)
    watched = at.since()
    at.edit(annotations=ASKING)
    assert guarded(at)
    assert watched.writes[0] == "patch Ingress/m"
    assert at.verdict() == ("True", "")
    assert not [write for write in watched.writes if write.startswith(("delete", "create"))]


def test_taking_a_guard_away_is_a_change_like_any_other() -> None:
    at = scene(KEYS, annotations=ASKING)
    at.edit(annotations={AUTH: "none"})
    annotations = at.get(INGRESS, "a", "m")["metadata"]["annotations"]
    assert AUTH_URL not in annotations
    assert "doorward.io/guarded" not in annotations
    assert at.verdict() == ("True", "")


def test_somebody_s_edit_of_the_guard_is_undone() -> None:
    at = scene(KEYS, annotations=ASKING)
    at.patch(INGRESS, "a", "m", {"metadata": {"annotations": {AUTH_URL: None}}})
    at.settle()
    assert guarded(at)


@pytest.mark.parametrize("path", ["", "/models/{{.Name}}"])
def test_every_ingress_of_the_door_is_guarded(path: str) -> None:
    at = scene(KEYS, annotations=ASKING, pathTemplate=path, additionalIngressDomains=["example.org"])
    ingresses = [o for o in at.objects() if o["kind"] == "Ingress"]
    assert len(ingresses) == (2 if path else 1)
    assert all(AUTH_URL in each["metadata"]["annotations"] for each in ingresses)


# -- the Secret ------------------------------------------------------------------------------------------------------

UNUSABLE: dict[str, tuple[list[JsonObject], str, str]] = {
    "missing": ([], "api-key", "there is no such Secret; create it"),
    "empty": ([secret()], "api-key", "holds no key"),
    "an empty key": ([secret(alice="")], "api-key", "holds no key"),
    "no header can carry it": ([secret(alice="a\nb")], "api-key", "holds no key"),
    "no htpasswd": ([KEYS], "basic", "holds no line USER:HASH"),
    "a weak hash": ([secret(auth="alice:$apr1$abc$def")], "basic", "holds no line USER:HASH"),
    "a hash that costs too much": ([secret(auth="alice:$2b$15$" + "a" * 53)], "basic", "holds no line USER:HASH"),
    "a token of the cluster": (
        [{**secret(namespace="a"), "type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": "", "x": "YQ=="}}],
        "api-key",
        "is of type 'kubernetes.io/tls'",
    ),
}


@pytest.mark.parametrize(("objects", "kind", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_secret_that_lets_nobody_in_keeps_the_door_closed(objects: list[JsonObject], kind: str, why: str) -> None:
    at = scene(*objects, annotations={**ASKING, AUTH: kind})
    assert not stands(at)
    assert at.verdict() == ("False", "AuthSecretInvalid")
    assert "Secret a/keys" in at.message()
    assert why in at.message()
    assert at.reaches("http://m.a.svc.cluster.local/", inside=True) == "m-engine"


def test_a_secret_that_comes_opens_the_door_and_one_that_goes_closes_it() -> None:
    at = scene(annotations=ASKING)
    at.create(KEYS)
    at.settle()
    assert guarded(at)
    at.delete(SECRET, "a", "keys")
    at.settle()
    assert not stands(at)
    assert at.verdict() == ("False", "AuthSecretInvalid")


def test_a_password_file_opens_the_door() -> None:
    assert guarded(scene(secret(auth=f"# users\nalice:{BCRYPT}\n"), annotations={**ASKING, AUTH: "basic"}))


def test_a_secret_that_is_being_looked_at_closes_nothing() -> None:
    """The guard stands, and lets nobody in until the Secret is known."""
    at = scene(KEYS, annotations=ASKING)
    after = at.reborn(journal=True)
    after._look_at_secrets = lambda: False  # type: ignore[method-assign]
    after.start()
    after.settle()
    assert guarded(after)
    assert after.engine.secrets == at.engine.secrets
    assert after.since().writes == []


def test_a_new_door_waits_until_its_secret_was_looked_at() -> None:
    at = scene(KEYS)
    at._look_at_secrets = lambda: False  # type: ignore[method-assign]
    for each in service("n", raw=True, annotations=ASKING):
        at.create(each)
    at.settle()
    assert at.verdict("n") == ("Unknown", "AuthSecretInvalid")
    assert "Ingress/n" not in at.ours()


@pytest.mark.parametrize("name", ["", "a,metadata.namespace!=b", "../keys", "Keys", "a" * 254])
def test_a_name_that_no_secret_can_have_is_refused(name: str) -> None:
    at = scene(KEYS, annotations={**ASKING, NAMED: name})
    assert at.verdict() == ("False", "AuthSecretInvalid")
    assert NAMED in at.message()
    assert at.engine.secrets == frozenset()


def test_neither_facts_nor_journal_hold_a_key() -> None:
    at = scene(KEYS, annotations=ASKING)
    written = repr([*at.records, *at.engine.snapshot(), at.engine.fingerprint()])
    assert "Secret" in written
    assert "alices-key" not in written
    assert base64.b64encode(b"alices-key").decode() not in written


def test_a_held_door_keeps_its_guard_and_its_secret() -> None:
    at = scene(KEYS, annotations=ASKING)
    at.edit(annotations={"ome.io/deployment-mode": "bogus"})
    assert at.verdict() == ("False", "InvalidDeploymentMode")
    assert guarded(at)
    assert [ref.name for ref in at.engine.secrets] == ["keys"]


# -- settings --------------------------------------------------------------------------------------------------------


def test_the_setting_guards_services_that_say_nothing() -> None:
    doorward = f"{WITH_SERVICE}\nauth: api-key\nauthSecretTemplate: keys"
    at = scene(KEYS, doorward=doorward)
    assert guarded(at)
    at.edit(annotations={AUTH: "none"})
    assert AUTH_URL not in at.get(INGRESS, "a", "m")["metadata"]["annotations"]


def test_settings_may_require_a_guard() -> None:
    doorward = f"{WITH_SERVICE}\nauth: api-key\nauthRequired: true\nauthSecretTemplate: keys"
    at = scene(KEYS, doorward=doorward, annotations={AUTH: "none"})
    assert not stands(at)
    assert at.verdict() == ("False", "AuthUnsupported")
    assert "authRequired" in at.message()
    at.edit(annotations={AUTH: None})
    assert guarded(at)


def test_a_door_is_closed_when_the_authorization_service_goes_from_the_settings() -> None:
    at = scene(KEYS, annotations=ASKING)
    at.configure({"ingressClassName": "nginx"}, doorward="")
    assert not stands(at)
    assert at.verdict() == ("False", "AuthUnsupported")
    assert "authService" in at.message()


def test_a_header_of_another_name_is_passed_on() -> None:
    at = scene(KEYS, annotations=ASKING, doorward=f"{WITH_SERVICE}\nclientHeader: x-client")
    assert at.get(INGRESS, "a", "m")["metadata"]["annotations"][PASSED_ON] == "x-client"


@pytest.mark.parametrize("rounds", [12])
def test_whoever_keeps_taking_the_guard_away_never_has_the_door_open(rounds: int) -> None:
    """Other repairs of somebody's edits pause, and leave things as they are meanwhile."""
    at = scene(KEYS, annotations=ASKING)
    for _ in range(rounds):
        at.patch(INGRESS, "a", "m", {"metadata": {"annotations": {AUTH_URL: None}}})
        at.settle()
        assert not stands(at) or guarded(at)
        at.advance(1)


# -- what can't be guarded -------------------------------------------------------------------------------------------

OTHERS: dict[str, tuple[dict[str, str], JsonObject]] = {
    "an unknown class": ({"ome.io/ingress-class": "caddy"}, {}),
    "a class of that name without a controller": ({}, {"ingressClassName": "istio"}),
    "a load balancer": ({"ome.io/disable-ingress": "true", "ome.io/service-type": "LoadBalancer"}, {}),
    "a node port beside": ({"ome.io/service-type": "NodePort"}, {}),
    "where nobody asks for keys": ({"ome.io/ingress-path-template": "/.well-known/acme-challenge/m"}, {}),
}


CONTOUR: JsonObject = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "contour"},
    "spec": {"controller": "projectcontour.io/ingress-controller"},
}


def test_contour_s_own_way_to_ask_is_named_where_it_is_of_no_use() -> None:
    at = scene(KEYS, CONTOUR, annotations={**ASKING, "ome.io/ingress-class": "contour"})
    assert not stands(at)
    assert at.verdict() == ("False", "AuthUnsupported")
    assert "its external authorization is set by the administrator" in at.message()
    assert "gRPC" in at.message()
    assert "traefik" in at.message()


@pytest.mark.parametrize(("annotations", "ingress"), OTHERS.values(), ids=OTHERS)
def test_what_can_not_be_guarded_is_refused_and_closed(annotations: dict[str, str], ingress: JsonObject) -> None:
    at = scene(KEYS, annotations=annotations, **ingress)
    assert at.ours() - {"Service/m"} or at.get("Service", "a", "m")["spec"]["type"] != "ClusterIP"
    at.edit(annotations=ASKING)
    assert at.verdict() == ("False", "AuthUnsupported")
    assert at.ours() == {"Service/m"}
    assert at.get("Service", "a", "m")["spec"]["type"] == "ClusterIP"
    watched = at.since()
    at.advance(60)
    assert watched.writes == []


def test_a_class_without_its_ingress_class_is_refused() -> None:
    at = Scene(
        settings({"ingressClassName": "nginx"}, doorward=WITH_SERVICE), KEYS, *service(raw=True, annotations=ASKING)
    )
    assert at.verdict() == ("False", "AuthUnsupported")
    assert "IngressClass" in at.message()


# -- doors that stand open -------------------------------------------------------------------------------------------


def test_what_is_left_of_an_open_door_goes_at_once_when_a_guard_is_asked_for() -> None:
    """The overlap would keep the old way in open, without the guard."""
    other = {**CLASS, "metadata": {"name": "internal"}}
    at = scene(KEYS, other)
    at.edit(annotations={**ASKING, "ome.io/ingress-class": "internal"})
    classes = [o["spec"]["ingressClassName"] for o in at.objects() if o["kind"] == "Ingress"]
    assert classes == ["internal"]
    assert at.verdict() == ("True", "")


def test_what_is_left_of_a_guarded_door_has_its_overlap() -> None:
    other = {**CLASS, "metadata": {"name": "internal"}}
    at = scene(KEYS, other, annotations=ASKING)
    at.edit(annotations={"ome.io/ingress-class": "internal"})
    assert len([o for o in at.objects() if o["kind"] == "Ingress"]) == 2


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "no journal"])
def test_an_open_door_is_not_held_when_a_guard_is_asked_for(journal: bool) -> None:
    """Whatever else is wrong with the service."""
    at = scene(KEYS).again(journal=journal)
    at.edit(annotations={**ASKING, "ome.io/deployment-mode": "bogus"})
    assert at.verdict() == ("False", "InvalidDeploymentMode")
    assert not stands(at)


def test_a_door_whose_guard_the_server_refuses_is_closed() -> None:
    at = scene(KEYS)
    perform = at.perform

    def refusing(action: Action) -> Outcome:
        if AUTH_URL in str(action.body):
            return Refused(at=at.clock(), action=action.id, status=422, message="annotation auth-url isn't allowed")
        return perform(action)

    at.perform = refusing  # type: ignore[method-assign]
    at.edit(annotations=ASKING)
    assert not stands(at)
    assert at.verdict()[0] == "False"
    at.advance(600)
    assert not stands(at)
    assert "auth-url isn't allowed" in at.message()


INSIDE: dict[str, tuple[dict[str, str], JsonObject]] = {
    "by its backend": ({"doorward.io/backend": "cluster_local"}, {}),
    "by a domain of the cluster": ({}, {"ingressDomain": "svc.cluster.local"}),
    "by a switch": ({"ome.io/disable-ingress": "true"}, {}),
}


@pytest.mark.parametrize(("annotations", "ingress"), INSIDE.values(), ids=INSIDE)
def test_a_door_inside_the_cluster_alone_needs_no_guard(annotations: dict[str, str], ingress: JsonObject) -> None:
    """A guard is for those who come from outside."""
    doorward = f"{WITH_SERVICE}\nauth: api-key\nauthSecretTemplate: keys"
    at = scene(annotations=annotations, doorward=doorward, **ingress)
    assert at.verdict()[0] == "True"
    assert at.ours() == {"Service/m"}
