"""The backend under test, among those that are installed, and what it makes of doors."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FlakyFailure
from hypothesis.strategies import SearchStrategy, tuples

from doorward.backends import BackendError, Backends
from doorward.model import names
from doorward.model.door import Door, Rendering
from doorward.model.reference import JsonObject, Ref, ref_of
from doorward.model.settings import Settings
from doorward.settings.configuration import parse
from doorward.state.transform import OWNER
from doorward.testing.conformance.breach import Breach
from doorward.testing.conformance.doors import doors, make
from doorward.testing.conformance.evaluator import Answer, Evaluator


class NotTried(Exception):
    """A promise can't be tried here; the message says why, and what to do about it."""


class Subject:
    """One backend by name, as its entry point gives it, or ``plugin``.

    ``examples`` says on how many doors a rule is tried; ``kubeconfig`` where a real API server is, if there is one, and
    ``definitions`` which CustomResourceDefinitions it is to have.
    """

    def __init__(
        self,
        name: str,
        evaluator: Evaluator,
        plugin: object = None,
        *,
        examples: int = 100,
        kubeconfig: Path | None = None,
        definitions: Sequence[JsonObject] = (),
    ) -> None:
        self.kubeconfig = kubeconfig
        self.definitions = definitions
        self.name = name
        self.evaluator = evaluator
        self.examples = examples
        self._plugin = plugin
        self.read: set[str] = set()
        """The kinds that it read so far."""

    @cached_property
    def backends(self) -> Backends:
        """All that are installed, and this one.  Raises Breach where it can't be loaded."""
        try:
            installed = Backends()
            if self._plugin is None:
                if self.name not in installed.by_name:
                    known = ", ".join(sorted(installed.by_name))
                    raise Breach(
                        f"no installed distribution has an entry point {self.name!r} in group doorward: {known}"
                    )
                return installed
            others = {name: plugin for name, plugin in installed.manager.list_name_plugin() if plugin is not None}
            return Backends({**others, self.name: self._plugin})
        except (BackendError, ValueError, TypeError) as error:
            raise Breach(f"it can't be loaded: {error}") from error

    @cached_property
    def settings(self) -> Settings:
        """Those of the evaluator's ``config``."""
        parsed = parse({"ingress": orjson.dumps(self.evaluator.config).decode()})
        if parsed.settings is None:
            raise ValueError(f"{type(self.evaluator).__name__}.config: {'; '.join(map(str, parsed.problems))}")
        return parsed.settings

    @property
    def kinds(self) -> list[str]:
        """The kinds that it writes."""
        watches = self.backends.described(self.name)
        return [watch.resource.kind for watch in watches if watch.owned != "nothing"]

    def doors(self) -> SearchStrategy[Door]:
        """Doors that it is to open, or that are closed."""
        return doors(backend=self.name, modes=self.evaluator.modes, fixed=self._fixed)

    def door(self, name: str, *hosts: str) -> Door:
        """An open door of this service with these hosts, in the first of its modes."""
        changes = {"name": name, "backend": self.name, "mode": self.evaluator.modes[0], "hosts": hosts}
        return make(**{**changes, **self._fixed})

    @property
    def _fixed(self) -> dict[str, Any]:
        """What each of its doors has."""
        return {"settings": self.settings, **self.evaluator.door}

    def for_all(self, check: Callable[..., None], *what: SearchStrategy[Any], examples: int = 0) -> None:
        """Try a check on many values; the smallest that fails is the one that is told."""
        quiet = settings(
            max_examples=examples or self.examples,
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )
        try:
            quiet(given(tuples(*what))(lambda values: check(*values)))()
        except FlakyFailure as flaky:
            # What keeps state answers otherwise when it is tried again: the first that it broke is told.
            breaches = [each for each in flaky.exceptions if isinstance(each, Breach)]
            raise breaches[0] if breaches else flaky from None

    def for_doors(self, check: Callable[[Door], None]) -> None:
        self.for_all(check, self.doors())

    # -- what it makes of a door

    def render(self, door: Door) -> Rendering | None:
        """Raises Breach where the hook does."""
        with asked(door):
            return self.backends.by_name[self.name].render(door, self._reader(door))

    def manifests(self, door: Door) -> tuple[JsonObject, ...]:
        rendering = self.render(door)
        return rendering.objects if rendering else ()

    def standing(self, door: Door) -> list[JsonObject]:
        """All that stands once a door is open and taken up: what every backend puts there, marked as ours."""
        found = []
        with asked(door):
            for backend in self.backends.renderers(door.backend):
                rendering = backend.render(door, self._reader(door))
                found += [self.taken_up(owned(each, door)) for each in (rendering.objects if rendering else ())]
        return found

    def taken_up(self, obj: JsonObject) -> JsonObject:
        status = self.status(obj)
        return obj if status is None else {**obj, "status": status}

    # -- what its evaluator says

    def status(self, obj: JsonObject) -> JsonObject | None:
        with evaluated(self.evaluator.status, [obj]):
            return self.evaluator.status(obj)

    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        with evaluated(self.evaluator.route, objects):
            return self.evaluator.route(objects, url)

    def is_guarded(self, objects: Sequence[JsonObject], url: str) -> bool:
        with evaluated(self.evaluator.is_guarded, objects):
            return self.evaluator.is_guarded(objects, url)

    def _reader(self, door: Door) -> Callable[[Ref], JsonObject | None]:
        there = {ref_of(each): each for each in self.evaluator.surroundings}
        services = list(map(component_service, *_components(door)))
        there |= {ref_of(each): each for each in services}
        there |= {ref_of(each): each for service in services for each in self.evaluator.beside(service)}

        def read(ref: Ref) -> JsonObject | None:
            self.read.add(ref.kind)
            return there.get(ref)

        return read


@contextmanager
def asked(door: Door) -> Iterator[None]:
    """A hook that raises, or answers with something else than it should, breaks a promise."""
    try:
        yield
    except BackendError as error:
        raise Breach(f"hook {error.hook} of {error.plugin} failed: {error}", door) from error


@contextmanager
def evaluated(method: Callable[..., object], objects: Sequence[JsonObject]) -> Iterator[None]:
    """An evaluator that raises is told with the place, and with the objects that it couldn't judge."""
    try:
        yield
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = (
            f"{method.__qualname__} raised {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        )
        why = "objects come to it as they are rendered, and as a server returns them, with its defaults"
        raise Breach(f"the evaluator failed: {what}; {why}", list(objects)) from error


def owned(manifest: JsonObject, door: Door) -> JsonObject:
    """A manifest as the engine writes it."""
    metadata = manifest["metadata"]
    ours = {"ome.io/inferenceservice": names.cut(door.name), "app.kubernetes.io/managed-by": "doorward"}
    labels = {**metadata.get("labels", {}), **ours}
    annotations = {**metadata.get("annotations", {}), OWNER: door.uid}
    marked = {**metadata, "namespace": door.namespace, "labels": labels, "annotations": annotations}
    return {**manifest, "metadata": marked}


def component_service(namespace: str, name: str, component: str) -> JsonObject:
    """The Service of a component, as whoever deploys it makes it."""
    labels: Mapping[str, str] = {"ome.io/inferenceservice": names.cut(name), "component": component}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": names.cut(f"{name}-{component}"), "namespace": namespace, "labels": dict(labels)},
        "spec": {"selector": dict(labels), "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def _components(door: Door) -> tuple[list[str], list[str], list[str]]:
    components = [target.component for target in door.targets]
    return [door.namespace] * len(components), [door.name] * len(components), components
