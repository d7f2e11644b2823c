"""What happens when a request is over: its last byte is sent, its client has gone, or no response came of it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import TYPE_CHECKING

from flask import Flask
from flask import g
from flask import request
from flask import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse
    from _typeshed.wsgi import WSGIApplication
    from _typeshed.wsgi import WSGIEnvironment

# In the WSGI environment: what the server is about to get.
RESPONSE = "gpt2giga.response"


def init_app(app: Flask) -> None:
    app.wsgi_app = _closing_what_is_refused(app.wsgi_app)  # type: ignore[method-assign, assignment]
    app.after_request(_with_the_response)
    app.teardown_request(_without_response)


def when_over(call: Callable[[], Any]) -> None:
    """`call` is called once, when the current request is over. It must not raise."""
    g.setdefault("endings", []).append(call)


def _with_the_response(response: Response) -> Response:
    for call in g.pop("endings", ()):
        response.call_on_close(call)
    request.environ[RESPONSE] = response
    return response


def _without_response(_: BaseException | None) -> None:
    for call in g.pop("endings", ()):
        call()


def _closing_what_is_refused(app: WSGIApplication) -> WSGIApplication:
    """A server that does not like the headers of a response raises, answers 500 and closes nothing."""

    def closing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except BaseException:
            if RESPONSE in environ:
                environ[RESPONSE].status_code = 500
                environ[RESPONSE].close()
            raise

    return closing
