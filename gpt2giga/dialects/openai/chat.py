"""POST /v1/chat/completions."""

from __future__ import annotations

from flask import Blueprint
from flask import Response

from gpt2giga import http
from gpt2giga import logs
from gpt2giga import sse
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.openai.request import from_chat_request
from gpt2giga.dialects.openai.response import Head
from gpt2giga.dialects.openai.response import to_chat_completion
from gpt2giga.dialects.openai.stream import heartbeat
from gpt2giga.dialects.openai.stream import to_chunks
from gpt2giga.settings import Settings
from gpt2giga.upstream.client import GetUpstream


def blueprint(settings: Settings, get_upstream: GetUpstream) -> Blueprint:
    chat = Blueprint("openai_chat", __name__)

    @chat.post("/chat/completions")
    def create() -> Response:
        upstream = get_upstream()
        body = http.json_body()
        request, delivery = from_chat_request(body)
        head = Head.new(
            upstream.catalog.shown(request.model),
            legacy_functions=delivery.legacy_functions,
            filtered_as=settings.blacklist_finish_reason,
        )
        record = logs.record()
        record.model, record.stream = head.model, delivery.stream
        record.keep(body)
        if not delivery.stream:
            return http.json_response(to_chat_completion(record.observed(upstream.complete(request)), head))
        events = record.observed(upstream.stream(request))
        chunks = to_chunks(events, head, include_usage=delivery.include_usage)
        return sse.respond(chunks, sse.Style(to_error, heartbeat(head), settings.heartbeat))

    return chat
