"""generateContent, its stream, countTokens and embeddings, as methods of /v1beta/models/{model}."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga.chat import HostedTool
from gpt2giga.config.settings import TranslationSettings
from gpt2giga.dialects.gemini.embeddings import EmbedRequest, from_batch_request, from_embed_request, to_values
from gpt2giga.dialects.gemini.errors import to_error
from gpt2giga.dialects.gemini.models import bare_name, known_name, to_list, to_model
from gpt2giga.dialects.gemini.request import from_count_request, from_generate_request
from gpt2giga.dialects.gemini.stream import GenerateHead, GenerateStream, to_response
from gpt2giga.dialects.tokens import to_texts
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_body, json_response
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.embedding import Embedder
from gpt2giga.web.errors import ErrorForm
from gpt2giga.web.framing import Framing
from gpt2giga.web.json_lines import json_array
from gpt2giga.web.models import ModelsForm
from gpt2giga.web.signs import GOOGLES_PATHS, Signs
from gpt2giga.web.sse import GOOGLES_SSE

SIGNS = Signs(GOOGLES_PATHS, ("X-Goog-Api-Key", "X-Goog-Api-Client"), "key")
ERROR_FORM = ErrorForm(lambda error, _: to_error(error), signs=SIGNS)
MODELS_FORM = ModelsForm(to_list, to_model, SIGNS, known_name=known_name)
MODEL = "/models/<path:model_id>"


def blueprint(
    translation: TranslationSettings, get_upstream: GetUpstream, conversation: Conversation, embedder: Embedder
) -> Blueprint:
    gemini = Blueprint("gemini", __name__)

    def our_name(model: str) -> str:
        return known_name(model, get_upstream().catalog)

    def hosted_tools(model: str) -> Collection[HostedTool]:
        return get_upstream().hosted_tools(our_name(model))

    def generate(model: str, framing: Framing | None) -> Response:
        """framing: None for a whole answer."""
        stream, ignore_hosted = framing is not None, translation.ignore_hosted_tools
        chat, delivery = from_generate_request(
            json_body(), model, stream=stream, ignore_hosted=ignore_hosted, hosted_tools=hosted_tools
        )
        head = GenerateHead(bare_name(model), delivery.thoughts, bool(chat.hosted), delivery.choices)
        to_whole, to_stream = partial(to_response, head=head), partial(GenerateStream, head)
        dialect = Dialect(head.model, to_whole, to_stream, framing or GOOGLES_SSE)
        return conversation.reply([replace(chat, model=our_name(model))] * delivery.choices, delivery, dialect)

    @gemini.post(f"{MODEL}:generateContent")
    def generate_content(model_id: str) -> Response:
        return generate(model_id, None)

    @gemini.post(f"{MODEL}:streamGenerateContent")
    def stream_generate_content(model_id: str) -> Response:
        return generate(model_id, GOOGLES_SSE if request.args.get("alt") == "sse" else json_array())

    @gemini.post(f"{MODEL}:countTokens")
    def count_tokens(model_id: str) -> Response:
        chat, upstream = from_count_request(json_body(), model_id, hosted_tools=hosted_tools), get_upstream()
        model = upstream.catalog.resolve(our_name(model_id))
        return json_response({"totalTokens": upstream.count_tokens(to_texts(chat), model)})

    @gemini.post(f"{MODEL}:embedContent")
    def embed_content(model_id: str) -> Response:
        return embed(from_embed_request(json_body()), model_id, lambda values: {"embedding": values[0]})

    @gemini.post(f"{MODEL}:batchEmbedContents")
    def batch_embed_contents(model_id: str) -> Response:
        return embed(from_batch_request(json_body()), model_id, lambda values: {"embeddings": values})

    def embed(asked: EmbedRequest, model: str, to_answer: Callable[..., Any]) -> Response:
        return embedder.reply(
            asked.texts, bare_name(model), lambda found, model: to_answer(to_values(found, model, asked)), asked.ignored
        )

    return gemini
