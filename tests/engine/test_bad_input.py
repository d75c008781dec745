"""What is poisonous stays alone: services of a wrong shape, and backends that raise or answer rubbish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest
from doorward.backends import Backends
from doorward.hooks import Read, Watch, hookimpl
from doorward.model.door import Claim, Door, Rendering, Standing, manifest
from doorward.model.event import Observed
from doorward.model.quoting import quoted
from doorward.model.reference import JsonObject, Ref, Resource
from doorward.model.settings import Settings
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from tests.engine.scenes import INGRESS, RAW, SERVICES, Scene, condition, opened, service
from tests.engine.stage import backends

# -- services --------------------------------------------------------------------------------------------------------

DEEP: Any = "bottom"
for _ in range(600):
    DEEP = {"deeper": DEEP}

POISON: dict[str, JsonObject] = {
    "a component that is text": {"spec": {"engine": "yes"}},
    "a component that is a list": {"spec": {"engine": [], "router": [1]}},
    "replicas in words": {"spec": {"engine": {"minReplicas": "none"}}},
    "a timeout beyond every number": {"spec": {"engine": {"timeoutSeconds": 10**30}}},
    "a spec that is a list": {"spec": ["engine"]},
    "a leader that is text": {"spec": {"engine": {"leader": "x"}}},
    "annotations of components that are numbers": {"spec": {"engine": {"annotations": {"ome.io/deployment-mode": 7}}}},
    "conditions that are text": {"status": {"conditions": "fine"}},
    "conditions of every type": {"status": {"conditions": [None, 1, "x", [], {"type": 5}, {}]}},
    "a generation in words": {"status": {"observedGeneration": "seven", "conditions": [condition("EngineReady")]}},
    "a url that is none": {"status": {"components": {"engine": {"url": "http://[::1"}}}},
    "a url of a wrong type": {"status": {"url": 5, "address": {"url": ["x"]}}},
    "components that are a list": {"status": {"components": ["engine"]}},
    "a status that is text": {"status": "good"},
    "conditions without a bottom": {"status": {"conditions": [{"type": "Deep", "status": "True", "x": DEEP}]}},
    "huge annotations": {"metadata": {"annotations": {"ome.io/ingress-domain": "x" * 200_000}}},
    "a huge template": {"metadata": {"annotations": {"ome.io/ingress-domain-template": "{{.Name}}." * 20_000}}},
    "a template that doesn't compile": {"metadata": {"annotations": {"ome.io/ingress-domain-template": "{{ .Name"}}},
    "a template that calls": {"metadata": {"annotations": {"ome.io/ingress-path-template": "/{{ printf .Name }}"}}},
    "domains in hundreds": {
        "metadata": {"annotations": {"ome.io/ingress-additional-domains": ",".join(f"d{i}.test" for i in range(200))}}
    },
    "characters of every kind": {"metadata": {"annotations": {"ome.io/ingress-domain": "\x00\u202e💥\ud7ff"}}},
}


def poisoned(poison: JsonObject, mode: dict[str, str]) -> JsonObject:
    """A service of mode raw or Serverless, with the poison in it, as a server that checks nothing would return it."""
    body = service("poison", annotations=mode)[0]
    for key, value in poison.items():
        body[key] = {**body[key], **value} if key == "metadata" else value
    annotations = {**mode, **poison.get("metadata", {}).get("annotations", {})}
    body["metadata"] |= {"uid": "poison-uid", "resourceVersion": "900000", "generation": 1, "annotations": annotations}
    return body


@pytest.mark.parametrize("mode", [RAW, {}], ids=["raw", "serverless"])
@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_poisonous_service_never_affects_another(poison: JsonObject, mode: dict[str, str]) -> None:
    scene = opened()
    before = scene.versions()
    scene.receive(Observed(at=scene.clock(), kind=SERVICES, object=poisoned(poison, mode)))
    scene.settle()
    scene.create(service("late", raw=True)[0])
    scene.settle()
    assert scene.url("late") == "http://late.a.example.com"
    assert before.items() <= scene.versions().items()
    assert [failed.plugin for failed in scene.failures()] == []


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_a_door_that_stands_outlives_a_poisonous_edit(poison: JsonObject) -> None:
    scene = opened()
    standing = scene.service()
    edit = {**standing, **{key: value for key, value in poison.items() if key != "metadata"}}
    edit["metadata"] = {**standing["metadata"], "resourceVersion": "900000", "generation": 2}
    edit["metadata"]["annotations"] = {**RAW, **poison.get("metadata", {}).get("annotations", {})}
    scene.receive(Observed(at=scene.clock(), kind=SERVICES, object=edit))
    assert [action.ref.kind for action in scene.engine.actions() if action.verb == "delete"] == []
    assert "Ingress/m" in scene.ours()


MALFORMED: dict[str, tuple[JsonObject, str]] = {
    "a number": ({"spec": {"engine": {"timeoutSeconds": "soon"}}}, "spec.engine.timeoutSeconds"),
    "a mapping": ({"spec": {"engine": ["replicas"]}}, "spec.engine"),
}


@pytest.mark.parametrize(("edit", "field"), MALFORMED.values(), ids=MALFORMED)
def test_a_field_of_a_wrong_type_is_named(edit: JsonObject, field: str) -> None:
    scene = Scene(*service(raw=True))
    scene.patch(SERVICES, "a", "m", edit)
    scene.settle()
    assert scene.verdict() == ("False", "InvalidSpec")
    assert field in scene.message()
    assert "Ingress/m" in scene.ours()


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
@pytest.mark.parametrize("component", ["engine", "router", "decoder"])
@pytest.mark.parametrize("seconds", [-1, -(2**40), 2_147_484, 2**62])
def test_a_timeout_that_no_proxy_has_is_named(seconds: int, component: str, raw: bool) -> None:
    scene = Scene(*service("m", "engine", "router", "decoder", raw=raw))
    standing = scene.ours()
    scene.patch(SERVICES, "a", "m", {"spec": {component: {"timeoutSeconds": seconds}}})
    scene.settle()
    assert scene.verdict() == ("False", "InvalidSpec")
    for word in (f"spec.{component}.timeoutSeconds", str(seconds), "1 to 2147483 seconds", "correct this field"):
        assert word in scene.message()
    assert scene.ours() == standing
    scene.edit(labels={"networking.ome.io/visibility": "cluster-local"})
    assert scene.reaches("http://m.a.example.com/") == ""


@pytest.mark.parametrize("seconds", [0, 1, 2_147_483])
def test_every_other_timeout_opens_its_door(seconds: int) -> None:
    assert Scene(*service(raw=True, spec={"engine": {"timeoutSeconds": seconds}})).verdict() == ("True", "")


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "serverless"])
@pytest.mark.parametrize("name", ["Istio", "my_class", "a..b", "-a", "a/b", "a b", "x" * 254, "kläss"])
def test_a_class_that_can_be_none_is_named(name: str, raw: bool) -> None:
    scene = opened(raw=raw)
    standing = scene.ours()
    scene.edit(annotations={"ome.io/ingress-class": name})
    assert scene.verdict() == ("False", "InvalidIngressClass")
    for word in ("annotation ome.io/ingress-class", quoted(name), "such as nginx"):
        assert word in scene.message()
    assert scene.ours() == standing
    scene.edit(annotations={"ome.io/disable-ingress": "true"})
    assert scene.verdict() == ("True", "IngressDisabled")


@pytest.mark.parametrize("name", ["istio", " nginx ", "team-a.example.com", ""])
def test_every_other_class_opens_its_door(name: str) -> None:
    assert opened(annotations={"ome.io/ingress-class": name}).verdict() == ("True", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_KEYS = ("engine", "router", "decoder", "model", "runtime")
_FIELDS = ("minReplicas", "timeoutSeconds", "leader", "worker", "annotations")
SPECS = st.dictionaries(
    st.sampled_from(_KEYS), JSON | st.dictionaries(st.sampled_from(_FIELDS), JSON, max_size=3), max_size=3
)
STATUSES = JSON | st.dictionaries(
    st.sampled_from(("url", "address", "conditions", "components", "observedGeneration")), JSON, max_size=4
)


@given(spec=SPECS | JSON, status=STATUSES)
@limits(max_examples=150, deadline=None)
def test_no_shape_of_a_service_stops_the_engine(spec: Any, status: Any) -> None:
    scene = SHARED()
    body = poisoned({"spec": spec, "status": status}, {})
    version = str(900_000 + scene.engine.number)
    body["metadata"] |= {"resourceVersion": version, "name": "odd", "uid": f"odd-{version}"}
    scene.receive(Observed(at=scene.clock(), kind=SERVICES, object=body))
    scene.engine.actions()
    assert scene.failures() == []


def _shared() -> Callable[[], Scene]:
    kept: list[Scene] = []

    def scene() -> Scene:
        if not kept:
            kept.append(opened())
        return kept[0]

    return scene


SHARED = _shared()

# -- backends --------------------------------------------------------------------------------------------------------


class Rogue:
    """A backend that opens what it is asked for by name, and answers one hook as it is told to."""

    def __init__(self, hook: str, answer: Callable[[], Any]) -> None:
        self._hook, self._answer = hook, answer

    def _or(self, hook: str, usual: Any) -> Any:
        return self._answer() if hook == self._hook else usual

    @hookimpl
    def watches(self) -> tuple[Watch, ...]:
        return (Watch(resource=Resource("Toy.example.com", "toys"), owned="spec"),)

    @hookimpl
    def select(self, door: Door, settings: Settings) -> Any:
        return self._or("select", None) if door.name == "rogue" else None

    @hookimpl
    def render(self, door: Door, read: Read) -> Any:
        if door.backend != "rogue":
            return self._or("render beside", None) if door.name == "rogue" else None
        if self._hook == "read":
            return read(self._answer())
        spec = {"ingressClassName": "rogue", "rules": [{"host": host} for host in door.hosts]}
        fine = Rendering(objects=(manifest("networking.k8s.io/v1", "Ingress", door.name, spec),))
        return self._or("render", fine)

    @hookimpl
    def status(self, door: Door, observed: Mapping[Ref, JsonObject]) -> Any:
        return self._or("status", Standing())

    @hookimpl
    def claims(self, manifest: JsonObject) -> Any:
        return self._or("claims", ())


def raises() -> Any:
    raise RuntimeError("the rogue's own words")


RUBBISH: dict[str, tuple[str, Callable[[], Any]]] = {
    "select raises": ("select", raises),
    "select a number": ("select", lambda: 7),
    "render refuses with a number": ("render", lambda: Rendering(refused=7)),  # type: ignore[arg-type]
    "read a number": ("read", lambda: 7),
    "read a name": ("read", lambda: "Gateway"),
    "render raises": ("render", raises),
    "render a manifest": ("render", lambda: {"kind": "Ingress"}),
    "render a number of objects": ("render", lambda: Rendering(objects=7)),  # type: ignore[arg-type]
    "render words": ("render", lambda: Rendering(objects=("Ingress",))),  # type: ignore[arg-type]
    "render no warnings": ("render", lambda: Rendering(warnings=None)),  # type: ignore[arg-type]
    "render half a manifest": ("render", lambda: Rendering(objects=({"kind": "Ingress", "metadata": {}},))),
    "render no name": ("render", lambda: Rendering(objects=({"kind": "Ingress", "metadata": {}, "spec": {}},))),
    "render odd metadata": ("render", lambda: Rendering(objects=({"kind": "Ingress", "metadata": [], "spec": {}},))),
    "render a kind that isn't watched": ("render", lambda: Rendering(objects=(manifest("v1", "Pod", "x", {"a": 1}),))),
    "render what is no JSON": ("render", lambda: Rendering(objects=(manifest("v1", "Service", "x", {"a": {1, 2}}),))),
    "render odd annotations": (
        "render",
        lambda: Rendering(objects=(manifest("v1", "Service", "x", {"a": 1}, annotations=["a"]),)),
    ),
    "render another backend's object": (
        "render",
        lambda: Rendering(objects=(manifest("v1", "Service", "rogue", {"a": 1}),)),
    ),
    "status raises": ("status", raises),
    "status words": ("status", lambda: "accepted"),
    "render beside raises": ("render beside", raises),
    "render words beside": ("render beside", lambda: "yes"),
}


def with_rogue(hook: str, answer: Callable[[], Any]) -> Backends:
    return Backends({**dict(backends().manager.list_name_plugin()), "rogue": Rogue(hook, answer)})


@pytest.mark.parametrize(("hook", "answer"), RUBBISH.values(), ids=RUBBISH)
def test_a_backend_that_fails_fails_for_that_door_only(hook: str, answer: Callable[[], Any]) -> None:
    asks = {"doorward.io/backend": "rogue"} if hook not in ("select", "render beside") else {}
    scene = Scene(*service(raw=True), plugins=with_rogue(hook, answer))
    scene.create(service("rogue", raw=True, annotations=asks)[0])
    scene.settle()
    assert scene.verdict("rogue") == ("False", "BackendError")
    hook = "render" if hook in ("read", "render beside") else hook
    assert "rogue" in scene.message("rogue")
    assert hook in scene.message("rogue")
    assert scene.verdict() == ("True", "")
    uid = scene.service("rogue")["metadata"]["uid"]
    failed = scene.failures()[-1]
    assert (failed.uid, failed.plugin, failed.hook) == (uid, "rogue", hook)
    if answer is raises:
        assert "the rogue's own words" in failed.traceback
        assert "Traceback" in failed.traceback


def test_a_plugin_that_selects_what_is_not_installed_is_told_of() -> None:
    scene = Scene(*service("rogue", raw=True), plugins=with_rogue("select", lambda: "nobody"))
    assert scene.verdict("rogue") == ("False", "UnknownBackend")
    assert "selects backend 'nobody'" in scene.message("rogue")


def test_a_door_that_stands_outlives_the_failure_of_its_backend() -> None:
    fine: list[bool] = [True]
    asks = {"doorward.io/backend": "rogue"}

    def moody() -> Rendering:
        if not fine[0]:
            raise RuntimeError("moody")
        rule = {
            "http": {
                "paths": [
                    {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "x", "port": {"number": 80}}}}
                ]
            }
        }
        return Rendering(objects=(manifest("networking.k8s.io/v1", "Ingress", "m", {"rules": [rule]}),))

    scene = Scene(*service(raw=True, annotations=asks), plugins=with_rogue("render", moody))
    assert scene.verdict() == ("True", "")
    fine[0] = False
    scene.edit(labels={"team": "red"})
    assert scene.verdict() == ("False", "BackendError")
    assert "(the door that stands is kept)" in scene.message()
    assert scene.ours() == {"Ingress/m", "Service/m"}
    scene.delete(INGRESS, "a", "m")
    scene.settle()
    assert scene.ours() == {"Ingress/m", "Service/m"}
    fine[0] = True
    scene.edit(labels={"team": "blue"})
    assert scene.verdict() == ("True", "")


@pytest.mark.parametrize("answer", [raises, lambda: 7, lambda: ["host"], lambda: [Claim("x.test"), None]])
def test_claims_that_fail_stop_nothing(answer: Callable[[], Any]) -> None:
    scene = Scene(*service(raw=True), plugins=with_rogue("claims", answer))
    scene.receive(
        Observed(
            at=scene.clock(),
            kind="Toy.example.com",
            object={"metadata": {"name": "t", "namespace": "a", "uid": "t", "resourceVersion": "99999"}, "spec": {}},
        )
    )
    scene.settle()
    assert scene.verdict() == ("True", "")


KEEPS_ALL = {"rules": [{"host": "m.a.example.com"}]}


@pytest.mark.parametrize("answer", [raises, lambda: 7, lambda: {"rules": {1, 2}}, lambda: KEEPS_ALL, lambda: {}])
@pytest.mark.parametrize("held", [True, False], ids=["held", "closed"])
def test_what_has_to_go_goes_whatever_a_backend_would_leave(answer: Callable[[], Any], held: bool) -> None:
    installed = dict(backends().manager.list_name_plugin())
    odd = ModuleType("odd")
    odd.__dict__.update(vars(installed["k8s_ingress"]) | {"narrow": hookimpl(lambda: answer())})
    scene = Scene(*service(raw=True), plugins=Backends({**installed, "k8s_ingress": odd}))
    scene.patch(SERVICES, "a", "m", {"spec": {"engine": {"timeoutSeconds": "soon"}}})
    scene.settle()
    assert "Ingress/m" in scene.ours()
    if held:
        scene.configure(doorward="namespaceDomains: {a: [apps.example.com]}")
    else:
        scene.edit(labels={"networking.knative.dev/visibility": "cluster-local"})
    assert "Ingress/m" not in scene.ours()
    assert scene.verdict() == ("False", "InvalidSpec")


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "no journal"])
def test_a_backend_that_is_not_installed_any_more_leaves_what_it_made(journal: bool) -> None:
    scene = opened(raw=False)
    assert "VirtualService/m" in scene.ours()
    installed = dict(backends().manager.list_name_plugin())
    del installed["istio"]
    after = Scene(start=False, plugins=Backends(installed))
    after.store, after.clock = scene.store, scene.clock
    if journal:
        after.engine.restore(scene.records)
    before = scene.versions()
    after.start()
    after.settle()
    assert after.verdict() == ("False", "UnknownBackend")
    assert "no backend that is installed opens a door in mode Serverless" in after.message()
    assert after.failures() == []
    assert {k: v for k, v in scene.versions().items() if before.get(k) != v}.keys() == {"InferenceService a/m"}
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
