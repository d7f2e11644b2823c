"""Requests in work: counted, limited, and ended in order when the process has to stop before them."""

from __future__ import annotations

from typing import Any

from gpt2giga.concurrency.waiting import gevent_is_on
from gpt2giga.errors import Unavailable
from gpt2giga.web.auth import is_open
from gpt2giga.web.exchange import Exchange, RESTARTING

RETRY_AFTER = 5.0


class Capacity:
    """A request is in work until the last byte of its response has been sent."""

    def __init__(self, most_requests: int) -> None:
        self._most_requests = most_requests
        self._workers: set[Any] = set()

    def admit(self, exchange: Exchange) -> None:
        """Probes are answered all the same: a service that is full is not ill."""
        worker = _current_worker()
        self._workers.add(worker)
        exchange.on_end(lambda: self._workers.discard(worker))
        if len(self._workers) > self._most_requests and not is_open(exchange.request):
            raise Unavailable(
                f"The service has {self._most_requests} requests in work (GPT2GIGA_MAX_OPEN_REQUESTS).",
                code="overloaded",
                retry_after=RETRY_AFTER,
            )

    def end(self) -> None:
        """Each request gets an error as if GigaChat had failed: a status, or the last event of a stream.

        Under gevent only: threads cannot be interrupted.
        """
        for greenlet in [*self._workers]:
            stopping = Unavailable("The service is being restarted; send the request again.", code=RESTARTING)
            stopping.retry_after = RETRY_AFTER
            greenlet.kill(stopping, block=False)


def _current_worker() -> Any:
    """The greenlet that serves the request; without gevent just something to count."""
    if gevent_is_on():
        import gevent

        return gevent.getcurrent()
    return object()
