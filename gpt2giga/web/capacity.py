"""Requests in work: counted, limited, and ended when their client hangs up or the process has to stop before them."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from gpt2giga.concurrency.waiting import gevent_is_on
from gpt2giga.errors import BadRequest, Unavailable
from gpt2giga.upstream.caller import PRIORITIES, Priority
from gpt2giga.web.auth import needs_no_key
from gpt2giga.web.exchange import Exchange, RESTARTING, SAFE_METHODS

RETRY_AFTER = 5.0
PRIORITY = "HTTP_X_GPT2GIGA_PRIORITY"
READABLE = 1  # libev's EV_READ


class Capacity:
    """A request is in work until the last byte of its response has been sent."""

    def __init__(self, most_requests: int) -> None:
        self._most_requests = most_requests
        self._workers: set[Any] = set()

    def admit(self, exchange: Exchange) -> None:
        """After the key was checked: who has none takes no place, however many connections it opens.

        Probes are answered all the same: a service that is full is not ill.
        """
        if exchange.request.method in SAFE_METHODS and needs_no_key(exchange.request):
            return
        if exchange.asker and exchange.asker.priority is not None:
            exchange.priority = exchange.asker.priority
        elif word := exchange.request.environ.get(PRIORITY):
            exchange.priority = _priority(word, exchange.priority)
        worker: Any = object()  # without gevent just something to count
        if gevent_is_on():
            import gevent

            worker = gevent.getcurrent()
        self._workers.add(worker)
        exchange.on_end(lambda: self._workers.discard(worker))
        if len(self._workers) > self._most_requests:
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


def _priority(word: str, most: Priority | None) -> Priority:
    """What a client asks for, up to what its key has. Raises BadRequest."""
    asked = PRIORITIES.get(word.strip().lower())
    if asked is None:
        raise BadRequest(
            "'X-Gpt2giga-Priority' must be low, normal or high.", param="X-Gpt2giga-Priority", code="invalid_value"
        )
    return asked if most is None else max(asked, most)


def watch_client(exchange: Exchange) -> None:
    """A client that hangs up ends its request at once, also while GigaChat is silent: the body has been read, so from
    now on a readable socket means that the client has gone.

    Without gevent there is nobody to watch; the next write to the client tells then.
    """
    connection = exchange.request.environ.get("gunicorn.socket")
    if connection is not None and gevent_is_on():
        import gevent

        # Of the loop itself: a greenlet for each open request would cost memory, and time to start and to end.
        watcher = gevent.get_hub().loop.io(connection.fileno(), READABLE)
        watcher.start(_readable, watcher, connection, gevent.getcurrent())
        exchange.on_end(watcher.close)


def _readable(watcher: Any, connection: Any, waiting: Any) -> None:
    """Runs in the loop, so it must not wait."""
    watcher.stop()
    gone = True
    with suppress(OSError, ValueError):  # closed under us, or TLS, which cannot be peeked into
        gone = not connection.recv(1, socket.MSG_PEEK)
        # Otherwise: the next request, sent early.
    if gone:
        waiting.kill(block=False)
