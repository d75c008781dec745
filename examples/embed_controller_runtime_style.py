"""doorward in a controller with a work queue, as client-go and controller-runtime have it.

    informers --handlers--> engine --actions, by the object that they write--> queue --workers--> reconcile(key)

The engine gives out one action per object at a time, so that a key is all that the queue has to hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Protocol

from doorward import Action, AnyEvent, Elapsed, Engine, Ref, Request, Started, outcome_of, request_of

Send = Callable[[Request], tuple[int, bytes]]
"""Your client: the status and the body of the answer.  Raises OSError where none comes."""
TIME = Ref("Time", "", "")
"""The key of what is to be done because time has passed."""


class Queue(Protocol):
    """Yours: workers take keys from it, and a key that was added twice is done once."""

    def add(self, key: Ref) -> None: ...
    def add_after(self, key: Ref, seconds: float) -> None: ...


class Doors:
    """A reconciler.  Informers tell it what they see, workers give it the keys that they take from the queue."""

    def __init__(self, engine: Engine, queue: Queue, send: Send) -> None:
        self._engine, self._queue, self._send = engine, queue, send
        self._due: dict[Ref, Action] = {}
        self._turn = Lock()
        self.tell([Started(at=time.time())])

    def tell(self, events: Iterable[AnyEvent]) -> None:
        """For handlers: ``collection.listed(…)`` once, then ``collection.observed(…)`` or ``collection.deleted(…)``."""
        with self._turn:
            for event in events:
                self._engine.receive(event)
            for action in self._engine.actions():
                self._due[action.ref] = action
                self._queue.add(action.ref)
            if (wait := self._engine.wait()) is not None:
                self._queue.add_after(TIME, wait)

    def reconcile(self, key: Ref) -> None:
        if key == TIME:
            self.tell([Elapsed(at=time.time())])
        elif action := self._due.pop(key, None):
            try:
                status, body = self._send(request_of(self._engine, action))
            except OSError:
                status, body = 0, b""  # nobody knows whether it was carried out: the engine looks
            self.tell([outcome_of(action, status, body, at=time.time())])
