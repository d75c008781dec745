"""What the daemon measures, for Prometheus.

Label values are few, whatever tenants write: they are kinds, plugins, verbs, codes, and reasons of conditions, of which
no more are told apart than :data:`MOST_STATES`.
"""

from __future__ import annotations

import asyncio
import platform
import re
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import prometheus_client
from doorward.model.action import Action
from doorward.model.certificates import CERTIFICATE
from doorward.model.event import Applied, Configured, Deleted, Observed, Record
from doorward.model.reference import JsonObject, Ref
from doorward.model.timestamp import seconds
from doorward.runtime.listener import Listener
from doorward.runtime.performing import Outcome
from doorward.runtime.shell import Shell
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from doorward_daemon.metered import Metered
from doorward_daemon.reported import condition_type, reported

__all__ = ["Metrics"]

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

LAG_EVERY = 1.0
"""Seconds between two measurements of the loop's lag."""
MOST_STATES = 64
"""Label values of ``doorward_doors``: whoever may write a status may write any reason, and each is a time series."""
OTHER = "Other"
_WORD = re.compile(r"[A-Za-z]{0,64}")


class Metrics(Listener, Collector):
    """Counts what the shell tells, and looks at the engine when asked."""

    def __init__(self, shell: Shell, journal: Path | None = None, requests: Metered | None = None) -> None:
        self.registry = CollectorRegistry()
        self._requests = requests
        for metric in requests.metrics if requests else ():
            self.registry.register(metric)
        self._shell = shell
        self._journal = journal
        self._conditions: dict[Ref, list[JsonObject]] = {}
        backends = shell.engine.backends
        self._sources = {kind: source for kind, source in backends.sources.items() if not source.selected}
        self._selected = [source for source in backends.sources.values() if source.selected]
        """Whose services come and go without an event of their kind: the engine is asked for them."""
        # A look-up of labels takes longer than the counting: each is made once.
        self._events = cache(self._counter("doorward_records", "Records: what changed, what was done.", "type").labels)
        self._actions = cache(
            self._counter(
                "doorward_actions", "Requests to the API server, by what came of them.", "verb", "outcome"
            ).labels
        )
        self._seconds = cache(
            Histogram("doorward_action_seconds", "How long requests took.", ["verb"], registry=self.registry).labels
        )
        self._decisions = cache(
            Histogram(
                "doorward_reconcile_seconds",
                "How long the decision about a door took.",
                ["backend", "result"],
                buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1),
                registry=self.registry,
            ).labels
        )
        self._rejected = self._counter("doorward_settings_rejected", "Edits of the settings that were refused.")
        self._slow = Histogram(
            "doorward_slow_hook_seconds",
            "Calls of a plugin's hook that held everything else up.",
            ["plugin", "hook"],
            buckets=(0.1, 0.25, 0.5, 1, 5, 30),
            registry=self.registry,
        )
        self._lag = Histogram(
            "doorward_loop_lag_seconds",
            "How much later than asked the event loop woke up.",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def text(self) -> bytes:
        return prometheus_client.generate_latest(self.registry)

    async def measure_lag(self) -> None:
        """Measure, again and again; to be cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self._lag.observe(max(0.0, loop.time() - due))

    # -- what the shell tells ------------------------------------------------------------------------------------

    def seed(self) -> None:
        """Begin with what the engine was restored to."""
        for kind in self._sources:
            for service in self._shell.engine.services(kind):
                self._note(kind, service)

    def recorded(self, records: Sequence[Record]) -> None:
        for record in records:
            event = record.event
            self._events(type(event).__name__).inc()
            if isinstance(event, Observed) and event.kind in self._sources:
                self._note(event.kind, event.object)
            elif isinstance(event, Deleted) and event.ref.kind in self._sources:
                self._conditions.pop(event.ref, None)
            elif isinstance(event, Configured) and event.problems:
                self._rejected.inc()

    def performed(self, action: Action, outcome: Outcome, seconds: float) -> None:
        self._actions(action.verb, type(outcome).__name__).inc()
        self._seconds(action.verb).observe(seconds)
        told = action.verb == "status" and action.ref.kind in self._sources
        if told and isinstance(outcome, Applied) and outcome.object:
            self._note(action.ref.kind, outcome.object)

    def planned(self, action: Action) -> None:
        self._actions(action.verb, "Planned").inc()

    def decided(self, backend: str, result: str, seconds: float) -> None:
        self._decisions(backend or "none", result).observe(seconds)

    def slow_hook(self, plugin: str, hook: str, seconds: float) -> None:
        self._slow.labels(plugin, hook).observe(seconds)

    def _note(self, kind: str, service: JsonObject) -> None:
        metadata = service["metadata"]
        self._conditions[Ref(kind, metadata.get("namespace", ""), metadata["name"])] = _conditions(service)

    # -- what is looked at when somebody asks --------------------------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        engine = self._shell.engine
        build = GaugeMetricFamily("doorward_build_info", "1: what runs.", labels=["version", "python"])
        build.add_metric([version("doorward-daemon"), platform.python_version()], 1)
        yield build
        doors = GaugeMetricFamily(
            "doorward_doors", "InferenceServices by the state of their door.", labels=["status", "reason"]
        )
        for (status, reason), count in sorted(self._doors().items()):
            doors.add_metric([status, reason], count)
        yield doors
        yield CounterMetricFamily("doorward_decided", "Times that a door was decided.", value=engine.decided)
        yield _gauge("doorward_settings_problems", "Problems of the newest settings.", len(engine.problems))
        yield _gauge("doorward_ready", "1: everything is listed and settings are in force.", int(engine.ready))
        yield _gauge("doorward_leading", "1: writes; 0: stands by.", int(self._shell.leading))
        yield _gauge("doorward_backlog", "Events that wait for the engine.", self._shell.backlog)
        depth = GaugeMetricFamily("doorward_queue_depth", "How much waits.", labels=["queue"])
        age = GaugeMetricFamily("doorward_queue_age_seconds", "For how long something has waited.", labels=["queue"])
        for name, (waiting, oldest) in self._shell.queues.items():
            depth.add_metric([name], waiting)
            age.add_metric([name], oldest)
        yield depth
        yield age
        silence = GaugeMetricFamily(
            "doorward_watch_silence_seconds", "Since a watch last told anything.", labels=["kind"]
        )
        for kind, since in sorted(self._requests.silence().items() if self._requests else ()):
            if kind not in engine.missing:
                silence.add_metric([kind], since)
        yield silence
        yield from self._certificates()
        yield CounterMetricFamily("doorward_errors", "Unexpected failures; see the log.", value=self._shell.errors)
        missing = GaugeMetricFamily("doorward_missing_kinds", "Kinds that can't be seen.", labels=["kind", "state"])
        for kind, state in sorted(engine.missing.items()):
            missing.add_metric([kind, state], 1)
        yield missing
        failing = bool(self._shell.journal_problem)
        yield _gauge("doorward_journal_failing", "1: records aren't kept just now.", int(failing))
        if self._journal is not None:
            yield _gauge("doorward_journal_bytes", "Size of the journal's file.", _size(self._journal))

    def _certificates(self) -> Iterator[Metric]:
        """Of the Certificates behind doors; the earliest alone is told apart, since there may be many."""
        now, states, earliest = self._shell.clock(), Tally[str](), None
        for certificate in self._shell.engine.relied_on(CERTIFICATE.kind):
            expires = _expiry(certificate)
            states["unknown" if expires is None else "expired" if expires <= now else "valid"] += 1
            if expires is not None:
                earliest = expires if earliest is None else min(earliest, expires)
        found = GaugeMetricFamily("doorward_certificates", "Certificates behind doors.", labels=["state"])
        for state in ("valid", "expired", "unknown"):
            found.add_metric([state], states[state])
        yield found
        if earliest is not None:
            yield _gauge("doorward_certificate_expiry_timestamp_seconds", "When the first of them expires.", earliest)

    def _doors(self) -> Tally[tuple[str, str]]:
        settings = self._shell.engine.settings
        states: Tally[tuple[str, str]] = Tally()
        known = [(self._sources[ref.kind], conditions) for ref, conditions in self._conditions.items()]
        for source in self._selected:
            known += [(source, _conditions(each)) for each in self._shell.engine.services(source.kind)]
        for source, conditions in known:
            states[_state(reported(conditions, condition_type(source, settings)))] += 1
        if len(states) > MOST_STATES:
            for state in sorted(states, key=lambda state: (-states[state], state))[MOST_STATES - 1 :]:
                states[OTHER, OTHER] += states.pop(state)
        return states


def _conditions(service: JsonObject) -> list[JsonObject]:
    conditions = (service.get("status") or {}).get("conditions")
    return [each for each in conditions if isinstance(each, dict)] if isinstance(conditions, list) else []


def _state(condition: JsonObject) -> tuple[str, str]:
    if not condition:
        return "None", ""
    status, reason = str(condition.get("status") or ""), str(condition.get("reason") or "")
    return (status if status in ("True", "False", "Unknown") else OTHER), (reason if _WORD.fullmatch(reason) else OTHER)


def _expiry(certificate: JsonObject) -> float | None:
    """When a Certificate's newest expires, in seconds since the epoch; None where cert-manager doesn't say."""
    return seconds((certificate.get("status") or {}).get("notAfter"))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _size(path: Path) -> int:
    """Of the file and the log beside it."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
