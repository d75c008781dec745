"""The authorization service on the wire: plain HTTP/1.1, kept alive, one short answer per check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from multidict import CIMultiDict
from prometheus_client import CONTENT_TYPE_LATEST

from doorward_daemon.authz.decision import Answer, Doors, Trial, Why, decide
from doorward_daemon.authz.keys import KeyRings
from doorward_daemon.authz.passwords import Passwords
from doorward_daemon.authz.question import Question, read
from doorward_daemon.listening import listening

__all__ = ["Checks", "serving"]

KEEP_ALIVE = 3900.0
"""Seconds for which an idle connection is kept: longer than Envoy keeps one, so that it never meets a closed one."""
LONGEST_LINE = 64 * 1024
"""Bytes of a request line, and of a header: nginx hands over all that a client sent."""
MOST_TRIALS = 8
"""Passwords that one check may have tried: one per door that has its host."""
CHALLENGES = {"api-key": 'Bearer realm="doorward"', "basic": 'Basic realm="doorward", charset="UTF-8"'}

_log = structlog.get_logger("doorward")


class Checks:
    """Answers checks.

    ``header`` names the one that bears the client, ``count`` is told how each was answered, ``metrics`` gives what
    ``/metrics`` says, where it is to be served here.
    """

    def __init__(
        self,
        doors: Doors,
        rings: KeyRings,
        *,
        header: Callable[[], str] = lambda: "doorward-client",
        count: Callable[[Why], None] = lambda _: None,
        metrics: Callable[[], bytes] | None = None,
    ) -> None:
        self._doors = doors
        self._rings = rings
        self._header = header
        self._count = count
        self._metrics = metrics
        self._passwords = Passwords()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request: a check, or a question after this service's own health."""
        target = request.raw_path
        if target in ("/healthz", "/readyz"):
            ready = target == "/healthz" or self._doors.ready
            return web.Response(
                status=200 if ready else 503, text="ok\n" if ready else "not everything is listed yet\n"
            )
        if target == "/metrics" and self._metrics:
            return web.Response(body=self._metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST})
        try:
            headers = request.headers
            question = read(target, lambda name: headers.getall(name, ()))
            if question is None:
                return web.Response(status=404, text="no check\n")
            answer = await self._answer(question)
        except Exception as error:  # without a traceback: what is at hand here are keys
            _log.error("a check failed, and is refused", error=type(error).__name__)
            answer = Answer(503, "unknown")
        self._count(answer.why)
        return self._response(answer)

    async def _answer(self, question: Question) -> Answer:
        outcomes: dict[Trial, bool] = {}

        def tried(trial: Trial) -> bool | None:
            return outcomes[trial] if trial in outcomes else self._passwords.tried(trial)

        for _ in range(MOST_TRIALS):
            answer = decide(question, self._doors, self._rings, tried)
            if isinstance(answer, Answer):
                return answer
            try:
                outcomes[answer] = await self._passwords.try_(answer)
            except OverflowError:
                return Answer(503, "busy")
        return Answer(503, "busy")

    def _response(self, answer: Answer) -> web.Response:
        headers: CIMultiDict[str] = CIMultiDict()
        if answer.status == 200:
            headers[self._header()] = answer.client  # set where there is none, too: a client's own never passes
        elif answer.status == 401:
            headers["WWW-Authenticate"] = CHALLENGES[answer.challenge]
        elif answer.status == 503:
            headers["Retry-After"] = "1"
        headers["Cache-Control"] = "no-store"
        return web.Response(status=answer.status, headers=headers)

    def close(self) -> None:
        self._passwords.close()


@asynccontextmanager
async def serving(checks: Checks, address: str) -> AsyncIterator[str]:
    """Serve checks at ``HOST:PORT``; gives the URL.  Raises AddressError."""
    server = web.Server(
        checks,
        access_log=None,
        keepalive_timeout=KEEP_ALIVE,
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_LINE,
        max_headers=1000,
    )
    try:
        async with listening(web.ServerRunner(server), address, backlog=1024) as url:
            yield url
    finally:
        checks.close()
