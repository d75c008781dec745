"""doorward in a program without an event loop: a thread watches each kind, and one turns the engine.

To try it: ``pip install kubernetes`` beside doorward, and run this file.
"""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import chain
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from doorward import AnyEvent, Collection, Elapsed, Engine, Reflector, Request, Started, outcome_of, request_of
from kubernetes import client, config
from urllib3.exceptions import HTTPError


def send(api: client.ApiClient, request: Request) -> Any:
    """Your client; the answer has a status, and comes in pieces."""
    headers = {"Accept": "application/json", "Content-Type": request.content_type}
    more = {"query_params": request.query, "header_params": headers, "body": request.body}
    call = api.param_serialize(request.method, request.path, auth_settings=["BearerToken"], **more)
    return api.call_api(*call, _request_timeout=(10, 300)).response


def follow(api: client.ApiClient, collection: Collection, events: SimpleQueue[AnyEvent]) -> None:
    reflector = Reflector(collection)
    while True:
        with suppress(HTTPError):
            answer = send(api, reflector.request())
            for data in chain(answer.stream(), [b""]):
                for event in reflector.receive(answer.status, data, time.time()):
                    events.put(event)
        time.sleep(reflector.pause)


def control(api: client.ApiClient, engine: Engine) -> None:
    events, followed = SimpleQueue[AnyEvent](), set[Collection]()
    events.put(Started(at=time.time()))
    while True:
        try:
            engine.receive(events.get(timeout=engine.wait()))
        except Empty:
            engine.receive(Elapsed(at=time.time()))
        for collection in {*Collection.wanted_by(engine)} - followed:
            followed.add(collection)
            Thread(target=follow, args=(api, collection, events), daemon=True).start()
        for action in engine.actions():
            status, body = 0, b""  # unless an answer comes, nobody knows what became of it
            with suppress(HTTPError):
                answer = send(api, request_of(engine, action))
                status, body = answer.status, answer.data
            engine.receive(outcome_of(action, status, body, at=time.time()))


if __name__ == "__main__":
    control(config.new_client_from_config(), Engine())
