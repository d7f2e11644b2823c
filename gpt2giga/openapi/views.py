"""GET /openapi.json. It is made when somebody asks for it first, and holds no secret: no key is asked for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import orjson
from flask import Blueprint, current_app, Response

from gpt2giga.config.limits import LimitSettings


def blueprint(limits: LimitSettings, asks_for_key: Callable[[], bool]) -> Blueprint:
    """Whether a key is asked for may change while the service runs."""
    openapi = Blueprint("openapi", __name__)

    @cache
    def text(*, asks_for_key: bool) -> bytes:
        from gpt2giga.openapi.document import document  # only now: most services are never asked

        return orjson.dumps(document(current_app.url_map, limits, asks_for_key=asks_for_key))

    @openapi.get("/openapi.json", endpoint="document")
    def show() -> Response:
        return Response(text(asks_for_key=asks_for_key()), mimetype="application/json")

    return openapi
