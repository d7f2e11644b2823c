"""What happens when a request is over: its last byte is sent, its client has gone, or no response came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask import g
from flask import Response


def init_app(app: Flask) -> None:
    app.after_request(_after_the_last_byte)
    app.teardown_request(_without_response)


def when_over(call: Callable[[], Any]) -> None:
    """Once, for the current request; must not raise."""
    g.setdefault("endings", []).append(call)


def _after_the_last_byte(response: Response) -> Response:
    for call in g.pop("endings", ()):
        response.call_on_close(call)
    return response


def _without_response(_: BaseException | None) -> None:
    for call in g.pop("endings", ()):
        call()
