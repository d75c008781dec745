"""What only a real API server can show: rights that are enforced, and what becomes of an object there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from doorward.cluster.protocol import ApiError
from doorward.engine import Engine
from doorward.hooks import Watch
from doorward.model.action import Action
from doorward.model.door import Door
from doorward.model.event import Refused
from doorward.model.reference import JsonObject, kind_of
from doorward.runtime.listener import Listener
from doorward.runtime.performing import Outcome
from doorward.runtime.shell import Shell
from doorward.testing.conformance.breach import Breach
from doorward.testing.conformance.cluster import NAME, asked
from doorward.testing.conformance.rule import Rules
from doorward.testing.conformance.server import AGAIN, Place, place
from doorward.testing.conformance.subject import Subject, owned

RULES = Rules(served=True)
PATIENCE = 60.0
"""Seconds that a step is given."""
MORE, OFF = "ome.io/ingress-additional-domains", "ome.io/ingress-disable-creation"
EXAMPLES = 40


class _Forbidden(Listener):
    """What was forbidden, in words for the author."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def performed(self, action: Action, outcome: Outcome, seconds: float) -> None:
        del seconds
        if isinstance(outcome, Refused) and outcome.status == 403:
            self.told.append(f"{action.verb} of a {action.ref.kind} is forbidden: {outcome.message}")


@RULES.rule("rights on a server")
def rights(subject: Subject) -> None:
    """With the rights that it and the engine declare, and no others, its doors open, change and close."""
    asyncio.run(_lived(subject))


async def _lived(subject: Subject) -> None:
    async with place(subject) as at:
        await at.grant()
        await at.deploy()
        engine = Engine(at.backends, settings_namespace=at.namespace, namespaces=sorted(at.namespaces))
        forbidden = _Forbidden()
        answering = asyncio.create_task(at.answer())
        try:
            async with Shell(engine, at.granted, listeners=[forbidden], grace=1.0) as shell:
                for step, wanted, done in _steps(at):
                    await step()
                    await _wait(at, shell, forbidden, wanted, done)
        finally:
            answering.cancel()


Step = tuple[Callable[[], Awaitable[None]], str, Callable[[JsonObject, list[JsonObject]], bool]]
"""What users do, what should come of it, and whether it has, by the service and the backend's objects."""


def _steps(at: Place) -> Iterator[Step]:
    evaluator, host = at.subject.evaluator, f"{NAME}.{at.namespace}.example.com"

    async def nothing() -> None:
        pass

    def claimed(objects: list[JsonObject]) -> set[str]:
        return {claim.host for obj in objects for claim in at.backends.claims(kind_of(obj), obj)}

    yield nothing, "opens", lambda service, _: _condition(service).get("status") == "True"
    if evaluator.hosts:
        other = f"{NAME}.{at.namespace}.b.example.com"
        yield lambda: at.annotate({MORE: "b.example.com"}), "changes", lambda _, objects: other in claimed(objects)
        yield lambda: at.annotate({OFF: "true"}), "closes", lambda _, objects: host not in claimed(objects)


async def _wait(
    at: Place,
    shell: Shell,
    forbidden: _Forbidden,
    wanted: str,
    done: Callable[[JsonObject, list[JsonObject]], bool],
) -> None:
    """Wait until a step is done.  Raises Breach for what was forbidden meanwhile."""
    service, objects = JsonObject(), list[JsonObject]()
    try:
        async with asyncio.timeout(PATIENCE):
            while not done(service := await at.service(), objects := await at.objects()):
                _judge(shell, forbidden)
                await asyncio.sleep(AGAIN)
    except TimeoutError:
        if absent := await at.absent():
            raise at.unserved(absent) from None
        raise Breach(f"no door {wanted} within {PATIENCE:.0f} s: {_condition(service)}", objects) from None
    _judge(shell, forbidden)


def _judge(shell: Shell, forbidden: _Forbidden) -> None:
    unseen = [kind for kind, state in shell.engine.missing.items() if state == "forbidden"]
    if unseen:
        raise Breach(f"list and watch of {', '.join(unseen)} aren't among the verbs that `watches` declares")
    if forbidden.told:
        raise Breach(f"{forbidden.told[0]}: it isn't among the verbs that `watches` declares")


def _condition(service: JsonObject) -> JsonObject:
    conditions = (service.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == "IngressReady"), {})


@RULES.rule("canonical on a server")
def canonical(subject: Subject) -> None:
    """What a real server makes of its objects is what was rendered, in the fields that it says are its own."""
    with asyncio.Runner() as runner:
        entered = place(subject)
        at = runner.run(entered.__aenter__())
        try:

            def check(door: Door) -> None:
                for obj in subject.manifests(door):
                    runner.run(_created(at, obj, door))

            subject.for_all(check, subject.doors(), examples=min(subject.examples, EXAMPLES))
        finally:
            runner.run(entered.__aexit__(None, None, None))


async def _created(at: Place, obj: JsonObject, door: Door) -> None:
    """Raises Breach where the server refuses an object, or answers with another; nothing is kept of it."""
    watch = next(watch for watch in at.backends.described(at.subject.name) if watch.resource.kind == kind_of(obj))
    if watch.external:
        return
    whole = owned(obj, door)
    whole["metadata"] = {**whole["metadata"], "namespace": at.namespace}
    version = await at.admin.served(watch.resource)
    if version is None:
        raise at.unserved([kind_of(obj)])
    what = f"{kind_of(obj)} {obj['metadata']['name']}"
    try:
        made = await at.admin.create(watch.resource, at.namespace, whole, version=version, dry_run=True)
    except ApiError as error:
        raise Breach(f"the server refuses {what}: {error}", door) from error
    spec, returned = (_owned(asked(each.get("spec") or {}), watch) for each in (obj, made))
    if different := [*_differences(spec, returned)]:
        raise Breach(f"the server makes something else of {what}: {'; '.join(different)}", door)


def _owned(spec: JsonObject, watch: Watch) -> JsonObject:
    return spec if watch.owned == "spec" else {field: spec[field] for field in watch.fields if field in spec}


def _differences(rendered: Any, returned: Any, path: str = "spec") -> Iterator[str]:
    """What a server changed, in words."""
    if isinstance(rendered, dict) and isinstance(returned, dict):
        for key in sorted({*rendered, *returned}):
            inner = f"{path}.{key}"
            if key not in returned:
                yield f"{inner} is dropped: its kind has no such field, or leaves out what is empty"
            elif key not in rendered:
                yield f"{inner} becomes {returned[key]!r} by default: write it out"
            else:
                yield from _differences(rendered[key], returned[key], inner)
    elif isinstance(rendered, list) and isinstance(returned, list) and len(rendered) == len(returned):
        for number, (one, other) in enumerate(zip(rendered, returned, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif rendered != returned:
        yield f"{path} becomes {returned!r} where {rendered!r} was rendered"
