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


def init_app(app: Flask) -> None:
    """Without gevent there is nobody to watch; the next write to the client tells then."""
    app.before_request(_watch)
    app.after_request(_stop_watching)


def _watch() -> None:
    """The body is read first: from then on a readable socket means that the client has gone."""
    request.get_data()
    connection = request.environ.get("gunicorn.socket")
    if connection is not None and gevent_is_on():
        import gevent

        g.watcher = gevent.spawn(_wait, connection, gevent.getcurrent())


def _wait(connection: Any, waiting: Any) -> None:
    from gevent.socket import wait_read

    gone = True
    with suppress(OSError, ValueError):  # closed under us, or TLS, which cannot be peeked into
        wait_read(connection.fileno())
        gone = not connection.recv(1, socket.MSG_PEEK)
        # Otherwise: the next request, sent early.
    if gone:
        waiting.kill(block=False)


def _stop_watching(response: Response) -> Response:
    watcher = g.pop("watcher", None)
    if watcher is not None:
        response.call_on_close(lambda: watcher.kill(block=False))
    return response
