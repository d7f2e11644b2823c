"""POST /v1/chat/completions."""

from __future__ import annotations

from flask import Blueprint
from flask import Response

from gpt2giga import http
from gpt2giga import sse
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.openai.request import from_chat_request
from gpt2giga.dialects.openai.response import Head
from gpt2giga.dialects.openai.response import to_chat_completion
from gpt2giga.dialects.openai.stream import heartbeat
from gpt2giga.dialects.openai.stream import to_chunks
from gpt2giga.settings import Settings
from gpt2giga.upstream.client import Upstream


def blueprint(settings: Settings, upstream: Upstream) -> Blueprint:
    chat = Blueprint("openai_chat", __name__)

    @chat.post("/chat/completions")
    def create() -> Response:
        request, delivery = from_chat_request(http.json_body())
        head = Head.new(
            upstream.catalog.shown(request.model),
            legacy_functions=delivery.legacy_functions,
            filtered_as=settings.blacklist_finish_reason,
        )
        if delivery.stream:
            chunks = to_chunks(upstream.stream(request), head, include_usage=delivery.include_usage)
            return sse.respond(chunks, sse.Style(to_error, heartbeat(head), settings.heartbeat))
        return http.json_response(to_chat_completion(upstream.complete(request), head))

    return chat
