"""Requests in work: counted, limited, and ended in order when the process has to stop before them."""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from gpt2giga.concurrency.pump import gevent_is_on
from gpt2giga.config.settings import Settings
from gpt2giga.errors import Unavailable
from gpt2giga.web.auth import OPEN_ENDPOINTS
from gpt2giga.web.endings import when_over

RETRY_AFTER = 5.0


class InFlight:
    """A request is in work until the last byte of its response has been sent."""

    def __init__(self) -> None:
        self._open: set[Any] = set()

    def __len__(self) -> int:
        return len(self._open)

    def count(self) -> None:
        worker = _current()
        self._open.add(worker)
        when_over(lambda: self._open.discard(worker))

    def end(self) -> None:
        """Each request gets an error as if GigaChat had failed: a status, or the last event of a stream.

        Under gevent only: threads cannot be interrupted.
        """
        for greenlet in [*self._open]:
            stopping = Unavailable("The service is being restarted; send the request again.", code="restarting")
            stopping.retry_after = RETRY_AFTER
            greenlet.kill(stopping, block=False)


def init_app(app: Flask, settings: Settings) -> None:
    in_flight = InFlight()
    app.extensions["in_flight"] = in_flight

    def admit() -> None:
        """Probes are answered all the same: a service that is full is not ill."""
        in_flight.count()
        if len(in_flight) > settings.max_open_requests and not (request.endpoint or "").endswith(OPEN_ENDPOINTS):
            raise Unavailable(
                f"The service has {settings.max_open_requests} requests in work (GPT2GIGA_MAX_OPEN_REQUESTS).",
                code="overloaded",
                retry_after=RETRY_AFTER,
            )

    app.before_request(admit)


def _current() -> Any:
    """The greenlet that serves the request; without gevent just something to count."""
    if gevent_is_on():
        import gevent

        return gevent.getcurrent()
    return object()
