"""A client that hangs up ends its request at once, also while GigaChat is silent."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from gpt2giga.concurrency.waiting import gevent_is_on
from gpt2giga.web.exchange import Exchange

READABLE = 1  # libev's EV_READ


def watch(exchange: Exchange) -> None:
    """The body has been read: from now on a readable socket means that the client has gone.

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
