"""Errors, each in the form of the dialect whose client asked."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, request, Response
from werkzeug.exceptions import HTTPException

from gpt2giga.errors import BodyTooLarge, InternalError, MethodNotAllowed, NotFound, ProxyError
from gpt2giga.web.body import json_response
from gpt2giga.web.exchange import current
from gpt2giga.web.signs import Signs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """How a dialect tells of errors. The id is the exchange's. signs: of the clients that read them."""

    to_body: Callable[[ProxyError, str], Any]
    to_status: Callable[[ProxyError], int] = lambda error: error.status
    signs: Signs = Signs()
    id_header: str = ""


def init_app(app: Flask, forms: Sequence[ErrorForm]) -> None:
    """The last of the forms is for those that none of the others claims."""

    def answer(error: ProxyError) -> Response:
        exchange = current()
        exchange.fail(error)
        form = next((form for form in forms if form.signs.are_shown()), forms[-1])
        response = json_response(form.to_body(error, exchange.id), form.to_status(error))
        if form.id_header:
            response.headers[form.id_header] = exchange.id
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(math.ceil(error.retry_after))
        if error.is_final:
            response.headers["x-should-retry"] = "false"  # the SDKs of OpenAI and Anthropic repeat 429 and 5xx else
        return response

    def answer_http(error: HTTPException) -> Response:
        """Errors of routing and of reading the request: a blueprint never sees them."""
        response = answer(_from_http(error))
        if error.code == 405:
            response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
        return response

    def answer_bug(error: Exception) -> Response:
        log.error("Unexpected failure", exc_info=error)
        return answer(InternalError("The proxy failed unexpectedly; its log says more."))

    app.register_error_handler(ProxyError, answer)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(Exception, answer_bug)


def _from_http(error: HTTPException) -> ProxyError:
    if error.code == 404:
        return NotFound(f"There is no {request.method} {request.path} here.", code="unknown_url")
    if error.code == 405:
        return MethodNotAllowed(f"{request.path} does not take {request.method}.")
    if error.code == 413:
        return BodyTooLarge("The request body is larger than this service takes.")
    refused = ProxyError(error.description or error.name)
    refused.status, refused.type = error.code or 500, "invalid_request_error"
    return refused
