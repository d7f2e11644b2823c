"""POST /v1/messages and /v1/messages/count_tokens."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from flask import Blueprint, Response

from gpt2giga.chat import HostedTool
from gpt2giga.config.settings import TranslationSettings
from gpt2giga.dialects.anthropic.errors import to_error, to_status
from gpt2giga.dialects.anthropic.models import known_name, to_list, to_model
from gpt2giga.dialects.anthropic.request import from_count_request, from_messages_request
from gpt2giga.dialects.anthropic.response import to_message
from gpt2giga.dialects.anthropic.stream import MessageHead, MessageStream
from gpt2giga.dialects.tokens import estimate, to_texts
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_body, json_response
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.errors import ErrorForm
from gpt2giga.web.exchange import current
from gpt2giga.web.models import ModelsForm
from gpt2giga.web.signs import Signs
from gpt2giga.web.sse import NAMED_SSE

# Only Anthropic's clients send it, and they read the id of the request under a name of their own.
SIGNS = Signs(re.compile(r"(/v1)?/messages(/|$)"), ("Anthropic-Version",))
ID_HEADER = "request-id"

ERROR_FORM = ErrorForm(to_error, to_status, SIGNS, ID_HEADER)
MODELS_FORM = ModelsForm(to_list, to_model, SIGNS, ID_HEADER, known_name)


def blueprint(
    translation: TranslationSettings, default_model: str, get_upstream: GetUpstream, conversation: Conversation
) -> Blueprint:
    messages = Blueprint("anthropic_messages", __name__)
    ignore_hosted = translation.ignore_hosted_tools

    def hosted_tools(model: str) -> Collection[HostedTool]:
        upstream = get_upstream()
        return upstream.hosted_tools(known_name(model, upstream.catalog))

    @messages.post("/messages")
    def create() -> Response:
        chat, delivery = from_messages_request(json_body(), ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
        head = MessageHead(
            chat.model or default_model, thoughts=delivery.thoughts, prompt=estimate(sum(map(len, to_texts(chat))))
        )
        chat = replace(chat, model=known_name(chat.model, get_upstream().catalog))
        stream = partial(MessageStream, head, current().id)
        dialect = Dialect(head.model, partial(to_message, head=head), stream, NAMED_SSE)
        return conversation.reply([chat], delivery, dialect)

    @messages.post("/messages/count_tokens")
    def count_tokens() -> Response:
        upstream = get_upstream()
        chat = from_count_request(json_body(), ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
        model = upstream.catalog.resolve(known_name(chat.model, upstream.catalog))
        return json_response({"input_tokens": upstream.count_tokens(to_texts(chat), model)})

    @messages.after_request
    def add_request_id(response: Response) -> Response:
        response.headers[ID_HEADER] = current().id
        return response

    return messages
