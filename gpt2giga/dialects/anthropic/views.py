"""POST /v1/messages and /v1/messages/count_tokens, and what Anthropic's clients expect of every answer."""

from __future__ import annotations

import re
from dataclasses import replace

from flask import Blueprint, request, Response

from gpt2giga.config.settings import Settings
from gpt2giga.dialects.anthropic.errors import to_error, to_status
from gpt2giga.dialects.anthropic.models import meant
from gpt2giga.dialects.anthropic.request import from_count_request, from_messages_request
from gpt2giga.dialects.anthropic.response import Head, to_message
from gpt2giga.dialects.anthropic.stream import PING, to_stream_events
from gpt2giga.dialects.anthropic.tokens import estimate, texts
from gpt2giga.errors import ProxyError
from gpt2giga.telemetry import request_log
from gpt2giga.upstream.client import GetUpstream
from gpt2giga.web import sse
from gpt2giga.web.body import ignored_header, json_body, json_response, with_session

PATHS = re.compile(r"(/v1)?/messages(/.*)?")


def is_spoken() -> bool:
    """Does the current request come from a client of Anthropic's, whatever becomes of it?"""
    return "Anthropic-Version" in request.headers or bool(PATHS.fullmatch(request.path))


def answer_error(error: ProxyError) -> Response:
    return json_response(to_error(error, request_log.record().id), to_status(error))


def blueprint(settings: Settings, get_upstream: GetUpstream) -> Blueprint:
    messages = Blueprint("anthropic_messages", __name__)

    @messages.post("/messages")
    def create() -> Response:
        upstream = get_upstream()
        body = json_body()
        chat, delivery = from_messages_request(body, ignore_hosted=settings.ignore_hosted_tools)
        head = Head.new(
            upstream.catalog.shown(chat.model),
            thoughts=delivery.thoughts,
            filtered_as=settings.blacklist_finish_reason,
            prompt=estimate(sum(map(len, texts(chat)))),
        )
        chat = with_session(replace(chat, model=meant(chat.model, upstream.catalog)))
        record = request_log.record()
        record.opened(head.model, body, stream=delivery.stream)
        if delivery.stream:
            events = to_stream_events(record.observed(upstream.stream(chat)), head)
            response = sse.respond(events, _style(record.id, settings.heartbeat))
        else:
            response = json_response(to_message(record.observed(upstream.complete(chat)), head))
        response.headers.update(ignored_header(delivery.ignored))
        return response

    @messages.post("/messages/count_tokens")
    def count_tokens() -> Response:
        upstream = get_upstream()
        chat = from_count_request(json_body(), ignore_hosted=settings.ignore_hosted_tools)
        model = upstream.catalog.resolve(meant(chat.model, upstream.catalog))
        return json_response({"input_tokens": upstream.count_tokens(texts(chat), model)})

    @messages.get("/")
    def root() -> Response:
        """Claude Code looks whether anybody is there before it asks."""
        return json_response({"name": "gpt2giga"})

    @messages.after_app_request
    def add_request_id(response: Response) -> Response:
        if is_spoken():
            response.headers["request-id"] = request_log.record().id
        return response

    return messages


def _style(request_id: str, interval: float) -> sse.Style:
    return sse.Style(lambda error: to_error(error, request_id), lambda: PING, interval, named=True)
