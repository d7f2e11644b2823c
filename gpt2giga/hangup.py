"""A client that hangs up ends its request at once, also while GigaChat is silent."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from flask import Flask
from flask import g
from flask import request
from flask import Response

from gpt2giga.pump import gevent_is_on

READABLE = 1  # libev's EV_READ


def init_app(app: Flask) -> None:
    """Without gevent there is nobody to watch; the next write to the client tells then."""
    app.before_request(_watch)
    app.after_request(_stop_after_response)
    app.teardown_request(_stop_without_response)


def _watch() -> None:
    """The body is read first: from then on a readable socket means that the client has gone."""
    request.get_data()
    connection = request.environ.get("gunicorn.socket")
    if connection is not None and gevent_is_on():
        import gevent

        # Of the loop itself: a greenlet for each open request would cost memory, and time to start and to end.
        g.watcher = gevent.get_hub().loop.io(connection.fileno(), READABLE)
        g.watcher.start(_readable, g.watcher, connection, gevent.getcurrent())


def _readable(watcher: Any, connection: Any, waiting: Any) -> None:
    """Runs in the loop, so it must not wait."""
    watcher.stop()
    gone = True
    with suppress(OSError, ValueError):  # closed under us, or TLS, which cannot be peeked into
        gone = not connection.recv(1, socket.MSG_PEEK)
        # Otherwise: the next request, sent early.
    if gone:
        waiting.kill(block=False)


def _stop_after_response(response: Response) -> Response:
    watcher = g.pop("watcher", None)
    if watcher is not None:
        response.call_on_close(watcher.close)
    return response


def _stop_without_response(_: BaseException | None) -> None:
    watcher = g.pop("watcher", None)
    if watcher is not None:
        watcher.close()
