"""create_app: the only module that knows all parts."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, TYPE_CHECKING

from flask import Flask, request, Response
from werkzeug.exceptions import HTTPException

from gpt2giga.config.settings import Settings
from gpt2giga.config.sources import load_settings
from gpt2giga.dialects.anthropic import models as anthropic_models
from gpt2giga.dialects.anthropic import views as anthropic
from gpt2giga.dialects.openai import completions, embeddings, files, images, models
from gpt2giga.dialects.openai import views as chat
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.responses import views as responses
from gpt2giga.errors import BodyTooLarge, InternalError, MethodNotAllowed, NotFound, ProxyError
from gpt2giga.telemetry import request_log
from gpt2giga.telemetry.last_hour import Activity
from gpt2giga.ui import views as ui
from gpt2giga.upstream.accounts.pool import Accounts
from gpt2giga.upstream.listener import NOBODY
from gpt2giga.web import auth, body, capacity, cors, disconnect, endings, health
from gpt2giga.web.body import json_response

if TYPE_CHECKING:
    from gpt2giga.telemetry.metrics import Metrics

log = logging.getLogger(__name__)


class _Application(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Nothing here is a coroutine, and Flask would look at each hook of each request."""
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """Raises SettingsError. Talks to nobody: the first request asks for the first token."""
    settings = settings or load_settings()
    metrics = _metrics(settings)
    upstream = Accounts(settings, metrics or NOBODY)
    app = _Application("gpt2giga", static_folder=None)
    app.url_map.strict_slashes = False
    activity = Activity()
    endings.init_app(app)
    request_log.init_app(app, settings, activity.add, *([metrics.closed] if metrics else []))
    cors.init_app(app, settings)
    capacity.init_app(app, settings)
    if settings.ui:
        ui.init_app(app)
    auth.init_app(app, settings)
    body.init_app(app, settings)
    disconnect.init_app(app)  # after the body has been read
    for blueprint in (
        health.blueprint(settings, upstream),
        chat.blueprint(settings, upstream),
        models.blueprint(upstream),
        embeddings.blueprint(settings, upstream),
        completions.blueprint(settings, upstream),
        files.blueprint(upstream),
        images.blueprint(upstream),
        responses.blueprint(settings, upstream),
        anthropic.blueprint(settings, upstream),
        anthropic_models.blueprint(upstream),
    ):
        # Guides point clients at the root as often as at /v1.
        app.register_blueprint(blueprint)
        app.register_blueprint(blueprint, name=f"v1_{blueprint.name}", url_prefix="/v1")
    if metrics:
        app.register_blueprint(metrics.blueprint())
    if settings.ui:
        app.register_blueprint(ui.blueprint(settings, upstream, activity))
    app.register_error_handler(ProxyError, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_bug)
    return app


def _metrics(settings: Settings) -> Metrics | None:
    if not settings.metrics:
        return None
    from gpt2giga.telemetry.metrics import Metrics  # only now, for it loads a library of its own

    return Metrics(settings)


def _answer(error: ProxyError) -> Response:
    request_log.record().cause = error.code or error.type
    response = anthropic.answer_error(error) if anthropic.is_spoken() else json_response(to_error(error), error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return response


def _answer_http(error: HTTPException) -> Response:
    """Errors of routing and of reading the request: a blueprint never sees them."""
    if error.code == 404:
        return _answer(NotFound(f"There is no {request.method} {request.path} here.", code="unknown_url"))
    if error.code == 405:
        response = _answer(MethodNotAllowed(f"{request.path} does not take {request.method}."))
        response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
        return response
    if error.code == 413:
        return _answer(BodyTooLarge("The request body is larger than this service takes."))
    refused = ProxyError(error.description or error.name)
    refused.status, refused.type = error.code or 500, "invalid_request_error"
    return _answer(refused)


def _answer_bug(error: Exception) -> Response:
    log.error("Unexpected failure", exc_info=error)
    return _answer(InternalError("The proxy failed unexpectedly; its log says more."))
