"""POST /v1/chat/completions."""

from __future__ import annotations

from flask import Blueprint, Response

from gpt2giga.config.settings import Settings
from gpt2giga.dialects.openai.errors import to_error
from gpt2giga.dialects.openai.request import from_chat_request
from gpt2giga.dialects.openai.response import Head, to_chat_completion
from gpt2giga.dialects.openai.stream import heartbeat, to_chunks
from gpt2giga.telemetry import request_log
from gpt2giga.upstream.client import GetUpstream
from gpt2giga.web import sse
from gpt2giga.web.body import ignored_header, json_body, json_response, with_session


def blueprint(settings: Settings, get_upstream: GetUpstream) -> Blueprint:
    chat = Blueprint("openai_chat", __name__)

    @chat.post("/chat/completions")
    def create() -> Response:
        upstream = get_upstream()
        body = json_body()
        request, delivery = from_chat_request(body)
        request = with_session(request)
        head = Head.new(
            upstream.catalog.shown(request.model),
            legacy_functions=delivery.legacy_functions,
            filtered_as=settings.blacklist_finish_reason,
        )
        record = request_log.record().opened(head.model, body, stream=delivery.stream)
        send = upstream.stream if delivery.stream else upstream.complete
        # Each choice is asked for when the one before is done: a personal account may have one request at a time.
        answers = (record.observed(send(request)) for _ in range(delivery.n))
        if delivery.stream:
            chunks = to_chunks(answers, head, include_usage=delivery.include_usage)
            response = sse.respond(chunks, sse.Style(to_error, lambda: heartbeat(head), settings.heartbeat))
        else:
            response = json_response(to_chat_completion(answers, head))
        response.headers.update(ignored_header(delivery.ignored))
        return response

    return chat
