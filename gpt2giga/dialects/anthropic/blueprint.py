"""POST /v1/messages and /v1/messages/count_tokens, and what Anthropic's clients expect of every answer."""

from __future__ import annotations

import re
from dataclasses import replace

from flask import Blueprint
from flask import request
from flask import Response

from gpt2giga import http
from gpt2giga import logs
from gpt2giga import sse
from gpt2giga.dialects.anthropic.errors import to_error
from gpt2giga.dialects.anthropic.errors import to_status
from gpt2giga.dialects.anthropic.models import meant
from gpt2giga.dialects.anthropic.request import from_count_request
from gpt2giga.dialects.anthropic.request import from_messages_request
from gpt2giga.dialects.anthropic.response import Head
from gpt2giga.dialects.anthropic.response import to_message
from gpt2giga.dialects.anthropic.stream import PING
from gpt2giga.dialects.anthropic.stream import to_stream_events
from gpt2giga.dialects.anthropic.tokens import estimate
from gpt2giga.dialects.anthropic.tokens import texts
from gpt2giga.errors import ProxyError
from gpt2giga.settings import Settings
from gpt2giga.upstream.client import GetUpstream

PATHS = re.compile(r"(/v1)?/messages(/.*)?")


def is_spoken() -> bool:
    """Does the current request come from a client of Anthropic's, whatever becomes of it?"""
    return "Anthropic-Version" in request.headers or bool(PATHS.fullmatch(request.path))


def answer_error(error: ProxyError) -> Response:
    return http.json_response(to_error(error, logs.record().id), to_status(error))


def blueprint(settings: Settings, get_upstream: GetUpstream) -> Blueprint:
    messages = Blueprint("anthropic_messages", __name__)

    @messages.post("/messages")
    def create() -> Response:
        upstream = get_upstream()
        body = http.json_body()
        chat, delivery = from_messages_request(body, ignore_hosted=settings.ignore_hosted_tools)
        head = Head.new(
            upstream.catalog.shown(chat.model),
            thoughts=delivery.thoughts,
            filtered_as=settings.blacklist_finish_reason,
            prompt=estimate(sum(map(len, texts(chat)))),
        )
        chat = http.with_session(replace(chat, model=meant(chat.model, upstream.catalog)))
        record = logs.record()
        record.opened(head.model, body, stream=delivery.stream)
        if delivery.stream:
            events = to_stream_events(record.observed(upstream.stream(chat)), head)
            response = sse.respond(events, _style(record.id, settings.heartbeat))
        else:
            response = http.json_response(to_message(record.observed(upstream.complete(chat)), head))
        response.headers.update(http.ignored_header(delivery.ignored))
        return response

    @messages.post("/messages/count_tokens")
    def count_tokens() -> Response:
        upstream = get_upstream()
        chat = from_count_request(http.json_body(), ignore_hosted=settings.ignore_hosted_tools)
        model = upstream.catalog.resolve(meant(chat.model, upstream.catalog))
        return http.json_response({"input_tokens": upstream.count_tokens(texts(chat), model)})

    @messages.get("/")
    def root() -> Response:
        """Claude Code looks whether anybody is there before it asks."""
        return http.json_response({"name": "gpt2giga"})

    @messages.after_app_request
    def add_request_id(response: Response) -> Response:
        if is_spoken():
            response.headers["request-id"] = logs.record().id
        return response

    return messages


def _style(request_id: str, interval: float) -> sse.Style:
    return sse.Style(lambda error: to_error(error, request_id), lambda: PING, interval, named=True)
