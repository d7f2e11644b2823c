"""What happens when a request is over: its last byte is sent, its client has gone, or no response came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TYPE_CHECKING

from flask import Flask, g, Response

from gpt2giga.telemetry import request_log

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class ClosedWhenRefused(Response):
    """A server that does not like the headers of a response raises, answers 500 and closes nothing."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return super().__call__(environ, start_response)
        except BaseException:
            request_log.record().status = 500
            self.close()
            raise


def init_app(app: Flask) -> None:
    app.response_class = ClosedWhenRefused
    app.after_request(_with_the_response)
    app.teardown_request(_without_response)


def when_over(call: Callable[[], Any]) -> None:
    """`call` is called once, when the current request is over. It must not raise."""
    g.setdefault("endings", []).append(call)


def _with_the_response(response: Response) -> Response:
    for call in g.pop("endings", ()):
        response.call_on_close(call)
    return response


def _without_response(_: BaseException | None) -> None:
    for call in g.pop("endings", ()):
        call()
