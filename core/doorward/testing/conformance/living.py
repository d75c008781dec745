"""What becomes of a backend's doors on a cluster: the engine writes, users edit, others meddle, and requests fail."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from importlib.resources import files
from typing import Any

import yaml
from hypothesis import strategies as st

from doorward.cluster.embedded.faults import Request
from doorward.cluster.protocol import ApiError
from doorward.model.action import Action
from doorward.model.door import PathDoor
from doorward.model.reference import INFERENCE_SERVICE, JsonObject, kind_of, ref_of
from doorward.testing.conformance.breach import Breach
from doorward.testing.conformance.cluster import NAME, NAMESPACE, Cluster
from doorward.testing.conformance.doors import make
from doorward.testing.conformance.rule import Rules, with_hosts
from doorward.testing.conformance.subject import Subject

RULES = Rules()
HOUR = 3600.0
MORE, DOMAIN = "ome.io/ingress-additional-domains", "ome.io/ingress-domain"
OFF, SCHEME = "ome.io/ingress-disable-creation", "ome.io/ingress-url-scheme"
HOST = "m.a.example.com"


def opened(subject: Subject, **annotations: str) -> Cluster:
    """A cluster where one service's door stands."""
    cluster = Cluster(subject)
    cluster.deploy(**annotations)
    cluster.open()
    return cluster


@RULES.rule("opens")
def opens(subject: Subject) -> None:
    """A service that asks for it gets a door, and is told so."""
    cluster = opened(subject)
    condition = cluster.condition()
    if condition.get("status") != "True":
        raise Breach(
            f"IngressReady is {condition.get('status')}: {condition.get('reason')}: {condition.get('message')}"
        )
    if not cluster.ours():
        raise Breach(f"nothing that it writes stands for a service with annotations {cluster.usual()}")


@RULES.rule("the page", applies=with_hosts)
def page(subject: Subject) -> None:
    """Every request of the users' page that applies goes where it says."""
    takes_paths = _takes_paths(subject)
    for case in yaml.safe_load((files(__package__) / "page.yaml").read_text()):
        if not case.get("path") or takes_paths:
            _play(subject, case)


def _play(subject: Subject, case: JsonObject) -> None:
    cluster = Cluster(subject)
    cluster.deploy(components=case["components"], **case.get("annotations", {}))
    if "ready" in case:
        cluster.edit({"status": {"conditions": []}}, subresource="status")
    if labels := case.get("labels"):
        cluster.edit({"metadata": {"labels": labels}})
    cluster.open()
    told = cluster.service().get("status", {}).get("url")
    if "url" in case and told != case["url"]:
        raise Breach(f"{case['name']}: status.url is {told}, not {case['url']}: {cluster.condition()}", case)
    for request in case["requests"]:
        answer = cluster.ask(request["url"])
        if request["to"] is None:
            if answer:
                raise Breach(f"{case['name']}: {request['url']} reaches {answer}; nobody should answer", case)
            continue
        wanted = f"{NAME}-{request['to']}"
        if answer is None or answer.service not in ("", wanted):
            raise Breach(f"{case['name']}: {request['url']} reaches {answer and answer.service}, not {wanted}", case)
        if answer.service and answer.path != request.get("path", answer.path):
            raise Breach(f"{case['name']}: {request['url']} arrives as {answer.path}, not {request['path']}", case)


@RULES.rule("comes to rest")
def rest(subject: Subject) -> None:
    """What the server returns is what was rendered: nothing is written twice, and a restart writes nothing."""
    cluster = opened(subject)
    cluster.go_on(HOUR)
    before = len(_writes(cluster))
    cluster.go_on(HOUR)
    cluster.start()
    cluster.go_on(HOUR)
    if more := _writes(cluster)[before:]:
        what = f"{more[0].verb} {more[0].ref} ({more[0].reason}) though nobody changed anything"
        raise Breach(f"{what}: render what the server returns, defaults written out", more[0].body)


@RULES.rule("made before broken", applies=with_hosts)
def made_before_broken(subject: Subject) -> None:
    """Through any edits, a host that stands before and after is served after every single write."""
    subject.for_all(lambda edits: _edited(subject, edits), st.lists(_edits(), min_size=1, max_size=5), examples=25)


def _edits() -> st.SearchStrategy[tuple[str, Any]]:
    rows = st.sampled_from((("engine",), ("engine", "router"), ("engine", "decoder"), ("engine", "router", "decoder")))
    more = st.sampled_from((None, "b.example.com", "b.example.com,c.example.com", "c.example.com"))
    return st.one_of(
        st.tuples(st.just("components"), rows),
        st.tuples(st.just(MORE), more),
        st.tuples(st.just(DOMAIN), st.sampled_from((None, "d.example.com"))),
        st.tuples(st.just(SCHEME), st.sampled_from((None, "https"))),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("time"), st.sampled_from((1.0, 10.0, 60.0))),
    )


def _edited(subject: Subject, edits: list[tuple[str, Any]]) -> None:
    cluster = opened(subject)
    notes: dict[str, str | None] = {}
    served = {HOST}

    def check(action: Action) -> None:
        for host in served:
            if cluster.ask(f"http://{host}/") is None:
                what = f"{action.verb} {action.ref} ({action.reason}) takes {host} away, which is asked for all along"
                raise Breach(what, [list(edit) for edit in edits])

    cluster.changed = check
    for what, value in edits:
        if what == "components":
            cluster.has(value)
        elif what == "restart":
            cluster.start()
        elif what == "time":
            cluster.go_on(value)
        else:
            notes[what] = value
            served &= _hosts(notes)
            cluster.annotate({what: value})
        cluster.go_on()
        served |= {host for host in _hosts(notes) if cluster.ask(f"http://{host}/")}
    cluster.go_on(HOUR)
    if lost := {host for host in _hosts(notes) if cluster.ask(f"http://{host}/") is None}:
        raise Breach(f"at the end nobody answers {', '.join(sorted(lost))}", [list(edit) for edit in edits])
    if kept := {host for host in served - _hosts(notes) if cluster.ask(f"http://{host}/")}:
        raise Breach(f"at the end {', '.join(sorted(kept))} is still served", [list(edit) for edit in edits])


def _hosts(notes: dict[str, str | None]) -> set[str]:
    stem = f"{NAME}.{NAMESPACE}"
    more = (notes.get(MORE) or "").split(",")
    return {f"{stem}.{notes.get(DOMAIN) or 'example.com'}", *(f"{stem}.{domain}" for domain in more if domain)}


@RULES.rule("closes", applies=with_hosts)
def closes(subject: Subject) -> None:
    """A door that is switched off is closed at once, and opens again."""
    cluster = opened(subject)
    cluster.annotate({OFF: "true"})
    cluster.go_on()
    if cluster.ask(f"http://{HOST}/"):
        raise Breach(f"{HOST} is served though the service switched its door off", cluster.ours())
    cluster.annotate({OFF: None})
    cluster.go_on(HOUR)
    if cluster.ask(f"http://{HOST}/") is None:
        raise Breach(f"{HOST} isn't served after the door was switched on again")


@RULES.rule("held doors", applies=with_hosts)
def held(subject: Subject) -> None:
    """A door whose service can't be read stays, and loses only the hosts that it may not have any more."""
    cluster = opened(subject, **{MORE: "b.example.com"})
    cluster.edit({"spec": {"engine": {"timeoutSeconds": "soon"}}})
    cluster.go_on()
    for host in (HOST, "m.a.b.example.com"):
        if cluster.ask(f"http://{host}/") is None:
            raise Breach(f"{host} went when the service couldn't be read any more; the door is to be held")
    cluster.config(doorward="namespaceDomains: {a: [b.example.com]}")
    cluster.go_on()
    if cluster.ask(f"http://{HOST}/"):
        raise Breach(
            f"{HOST} is still served by a held door whose namespace may not have it: see `narrow`, `Watch.hosts`"
        )


@RULES.rule("one owner", applies=with_hosts)
def one_owner(subject: Subject) -> None:
    """A host that one service has isn't served for another that asks for it."""
    cluster = opened(subject)
    cluster.deploy("n", **{"ome.io/ingress-domain-template": HOST, MORE: "b.example.com"})
    cluster.go_on(HOUR)
    if cluster.condition("n").get("reason") != "HostConflict":
        raise Breach(
            f"a second service asks for {HOST}, and is told {cluster.condition('n')}: see `claims`, `Watch.hosts`"
        )
    if cluster.ask(f"http://{HOST}/", "n"):
        raise Breach(f"{HOST} is served for a second service too", cluster.of("n"))
    cluster.remove()
    cluster.go_on(HOUR)
    if cluster.ask(f"http://{HOST}/", "n") is None:
        raise Breach(f"{HOST} doesn't go to the second service once the first is gone: {cluster.condition('n')}")


@RULES.rule("acceptance")
def acceptance(subject: Subject) -> None:
    """A door is ready when its controller has taken it up, and not before."""
    cluster = opened(subject)
    answered = [obj for obj in cluster.ours() if subject.status(obj) is not None]
    if not answered:
        return
    waiting = Cluster(subject)
    waiting.deploy()
    waiting.start()
    waiting.settle()
    if waiting.condition().get("status") == "True":
        kinds = ", ".join(sorted({kind_of(obj) for obj in answered}))
        raise Breach(f"the door is ready before the controller has answered ({kinds}): see `status`", waiting.ours())


@RULES.rule("drift")
def drift(subject: Subject) -> None:
    """Whatever somebody changes of what is rendered, or deletes, is put right."""
    cluster = opened(subject)
    cluster.go_on(HOUR)
    before = cluster.shape()
    for obj in cluster.ours():
        for patch in _meddling(obj, _rendered(cluster, obj)):
            if not _meddled(cluster, obj, patch):
                continue
            cluster.go_on(HOUR)
            if cluster.shape() != before:
                raise Breach(f"an edit of {kind_of(obj)} {obj['metadata']['name']} isn't put right", patch)
    for obj in cluster.ours():
        resource, name = cluster.engine.backends.resources[kind_of(obj)], obj["metadata"]["name"]
        cluster.store.delete(resource, NAMESPACE, name)
        cluster.go_on(HOUR)
        if cluster.shape() != before:
            raise Breach(f"{kind_of(obj)} {name} isn't there again after somebody deleted it")


def _rendered(cluster: Cluster, obj: JsonObject) -> set[str]:
    """The fields of a spec that were written; the others are the server's defaults, and nobody's promise."""
    ref = ref_of(obj)
    created = [action.body for action in cluster.performed if action.verb == "create" and action.ref == ref]
    return {field for body in created if body for field in body.get("spec") or {}}


def _meddling(obj: JsonObject, rendered: set[str]) -> Iterator[JsonObject]:
    """Edits of single values of a spec, as merge patches."""
    for field, value in (obj.get("spec") or {}).items():
        if field not in rendered or field in ("ports", "selector", "type", "externalName"):
            continue
        for other in _changed(value):
            yield {"spec": {field: other}}


def _changed(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        yield f"x{value}"
    elif isinstance(value, list) and value:
        yield value[1:]
        for other in _changed(value[0]):
            yield [other, *value[1:]]
    elif isinstance(value, dict):
        for key, inner in value.items():
            for other in _changed(inner):
                yield {**value, key: other}


def _meddled(cluster: Cluster, obj: JsonObject, patch: JsonObject) -> bool:
    """Have somebody else edit an object; False where the server refuses that."""
    resource, name = cluster.engine.backends.resources[kind_of(obj)], obj["metadata"]["name"]
    try:
        cluster.store.patch(resource, NAMESPACE, name, deepcopy(patch), field_manager="somebody")
    except ApiError:
        return False
    return True


@RULES.rule("faults")
def faults(subject: Subject) -> None:
    """Requests that fail, or whose outcome nobody knows, lose nothing: in the end all stands as if none had."""
    steps: tuple[dict[str, str | None], ...] = ({}, {MORE: "b.example.com"}, {MORE: None}, {OFF: "true"}, {OFF: None})
    smooth = Cluster(subject)
    shapes = list(_lived(smooth, steps))
    kinds = st.sampled_from(("", "", "refused", "conflict", "busy", "lost", "landed"))

    def check(wrong: list[str]) -> None:
        cluster = Cluster(subject)
        for shape, expected in zip(_lived(cluster, steps, wrong), shapes, strict=True):
            if shape != expected:
                raise Breach("after requests failed, something else stands than without", {"requests": wrong})

    subject.for_all(check, st.lists(kinds, min_size=1, max_size=12), examples=25)


def _lived(
    cluster: Cluster, steps: tuple[dict[str, str | None], ...], wrong: list[str] | None = None
) -> Iterator[dict[str, JsonObject]]:
    """What stands after each step, when time enough went by."""
    cluster.deploy()
    cluster.start()
    spoil(cluster, list(wrong or ()))
    for step in steps:
        if step:
            cluster.annotate(step)
        cluster.go_on(HOUR)
        yield cluster.shape()


def spoil(cluster: Cluster, wrong: list[str]) -> None:
    """Have the engine's next writes of the backend's kinds fail as told, one after another."""
    kinds = cluster.subject.kinds

    def is_meant(request: Request) -> bool:
        written = request.verb in ("create", "patch", "delete") and not request.subresource
        return written and request.resource.kind in kinds and request.field_manager != "somebody"

    def before(request: Request) -> None:
        if wrong and is_meant(request) and wrong[0] != "landed":
            match wrong.pop(0):
                case "refused":
                    raise ApiError(500, "InternalError", "it failed")
                case "conflict":
                    raise ApiError(409, "Conflict", "it has changed")
                case "busy":
                    raise ApiError(429, "TooManyRequests", "later")
                case "lost":
                    raise ApiError(0, "Timeout", "nobody knows")

    def after(request: Request, _: JsonObject | None) -> None:
        if wrong and is_meant(request) and wrong[0] == "landed":
            wrong.pop(0)
            raise ApiError(0, "Timeout", "nobody knows")

    cluster.store.faults.before.append(before)
    cluster.store.faults.after.append(after)


@RULES.rule("rights")
def rights(subject: Subject) -> None:
    """Everything that is asked of an API server for its doors is among the verbs that `watches` declares."""
    cluster = opened(subject)
    cluster.has(("engine", "decoder"))
    cluster.go_on(HOUR)
    cluster.annotate({OFF: "true"})
    cluster.go_on(HOUR)
    cluster.annotate({OFF: None})
    cluster.go_on(HOUR)
    allowed: dict[str, set[str]] = {}
    for name in cluster.engine.backends.by_name:
        for watch in cluster.engine.backends.described(name):
            allowed.setdefault(watch.resource.kind, set()).update(watch.verbs)
            if watch.external:
                allowed[watch.resource.kind].update(("create", "patch", "delete"))
    for action in _writes(cluster):
        kind = action.ref.kind
        if kind in subject.kinds and action.verb not in allowed.get(kind, ()):
            raise Breach(f"{action.verb} of a {kind} isn't among the verbs that `watches` declares")


@RULES.rule("leaves nothing")
def leaves_nothing(subject: Subject) -> None:
    """Of a service that is deleted nothing stays."""
    cluster = opened(subject)
    cluster.remove()
    cluster.go_on(HOUR)
    if left := [obj for obj in cluster.of(None) if kind_of(obj) in subject.kinds]:
        obj = left[0]
        raise Breach(f"{kind_of(obj)} {obj['metadata']['name']} stays when its service is deleted", obj)


@RULES.rule("outside of the API server", applies=lambda subject: subject.backends.by_name[subject.name].keeps_objects())
def keeps(subject: Subject) -> None:
    """What it keeps itself is created, found again, changed and deleted by `apply` and `observe` alone."""
    cluster = Cluster(subject, external=True)
    cluster.deploy()
    cluster.open()
    kept = [kind for kind, backend in subject.backends.external.items() if backend.name == subject.name]
    objects = _kept(cluster, kept)
    if not objects:
        raise Breach(f"nothing is kept of {', '.join(kept)} once a door is open: {cluster.condition()}")
    if subject.evaluator.hosts:
        cluster.annotate({MORE: "b.example.com"})
        cluster.go_on(HOUR)
        if subject.route(_kept(cluster, kept), "http://m.a.b.example.com/") is None:
            raise Breach("what it keeps doesn't change: a host that a service has got since isn't in it")
    cluster.remove()
    cluster.go_on(HOUR)
    if left := _kept(cluster, kept):
        raise Breach("what it keeps stays when the service is deleted", left)
    if cluster.store.entry(INFERENCE_SERVICE, (NAMESPACE, NAME)):
        raise Breach("the service can't go: its finalizer stays though nothing of it is kept any more")


def _kept(cluster: Cluster, kinds: list[str]) -> list[JsonObject]:
    """What the engine knows of these kinds, as `observe` told it."""
    try:
        uid = cluster.service()["metadata"]["uid"]
    except ApiError:
        return []
    named = {kind: cluster.engine.backends.resources[kind] for kind in kinds}
    return [
        {"apiVersion": named[ref.kind].api_version(), "kind": named[ref.kind].name, **obj}
        for ref, obj in cluster.engine.objects(uid)
        if ref.kind in named
    ]


def _takes_paths(subject: Subject) -> bool:
    """Whether it opens doors below a path."""
    evaluator = subject.evaluator
    path = PathDoor("example.com", "/m")
    fixed: dict[str, Any] = {"backend": subject.name, "mode": evaluator.modes[0], "settings": subject.settings}
    rendering = subject.render(make(path=path, **{**fixed, **evaluator.door}))
    return rendering is not None and rendering.path


def _writes(cluster: Cluster) -> list[Action]:
    return [action for action in cluster.performed if action.verb in ("create", "patch", "delete", "status")]
