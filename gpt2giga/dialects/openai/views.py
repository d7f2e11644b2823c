"""OpenAI's endpoints of models: chat and legacy completions, embeddings, moderations, images."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response

from gpt2giga.config.settings import TranslationSettings
from gpt2giga.dialects.hosted import HostedTools
from gpt2giga.dialects.openai import completions, response, tokenizer
from gpt2giga.dialects.openai.completions import CompletionStream, from_completion_request, to_completion
from gpt2giga.dialects.openai.embeddings import from_embeddings_request, to_embeddings
from gpt2giga.dialects.openai.errors import OPENCLAW_HEADER, to_error, to_openclaw_error
from gpt2giga.dialects.openai.images import from_images_request, to_images
from gpt2giga.dialects.openai.models import to_list, to_model, to_model_info
from gpt2giga.dialects.openai.moderations import from_moderation_request, to_moderation
from gpt2giga.dialects.openai.request import from_chat_request, from_responses_body, ReadResponses
from gpt2giga.dialects.openai.response import to_chat_completion
from gpt2giga.dialects.openai.stream import ChunkStream
from gpt2giga.upstream.contract.filter import FILTER
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_body, json_response, name_ignored
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.embedding import Embedder
from gpt2giga.web.errors import ErrorForm
from gpt2giga.web.exchange import current
from gpt2giga.web.key_models import allowed_models, check_models
from gpt2giga.web.models import ModelsForm
from gpt2giga.web.signs import Signs

ERROR_FORM = ErrorForm(lambda error, _: to_error(error))
OPENCLAW_ERROR_FORM = ErrorForm(lambda error, _: to_openclaw_error(error), signs=Signs(headers=(OPENCLAW_HEADER,)))
MODELS_FORM = ModelsForm(to_list, to_model)


def chat_blueprint(
    translation: TranslationSettings,
    default_model: str,
    conversation: Conversation,
    read_responses: ReadResponses,
    hosted_tools: HostedTools,
) -> Blueprint:
    openai = Blueprint("openai_chat", __name__)

    @openai.post("/chat/completions")
    def create_chat_completion() -> Response:
        body = json_body()
        if body.get("messages") is None and body.get("input") is not None:
            chat, delivery = from_responses_body(body, read_responses)
        else:
            ignore_hosted = translation.ignore_hosted_tools
            chat, delivery = from_chat_request(body, ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
        head = response.ChatHead(
            chat.model or default_model, legacy_functions=delivery.legacy_functions, custom_tools=delivery.custom_tools
        )
        stream = partial(ChunkStream, head, include_usage=delivery.include_usage)
        dialect = Dialect(head.model, partial(to_chat_completion, head=head), stream)
        return conversation.reply([chat] * delivery.n, delivery, dialect)

    @openai.post("/completions")
    def create_completion() -> Response:
        chats, delivery = from_completion_request(json_body())
        head = completions.CompletionHead(chats[0].model or default_model, before=delivery.before)
        stream = partial(CompletionStream, head, include_usage=delivery.include_usage)
        return conversation.reply(chats, delivery, Dialect(head.model, partial(to_completion, head=head), stream))

    return openai


def blueprint(
    tokenizer_file: str | None, default_model: str, get_upstream: GetUpstream, embedder: Embedder
) -> Blueprint:
    """Raises SettingsError."""
    openai = Blueprint("openai", __name__)
    decode = tokenizer.load(tokenizer_file)

    @openai.post("/embeddings")
    def create_embeddings() -> Response:
        asked = from_embeddings_request(json_body(), decode)
        return embedder.reply(asked.texts, asked.model, partial(to_embeddings, request=asked), asked.ignored)

    @openai.get("/model/info")
    def list_model_info() -> Response:
        return json_response(to_model_info(allowed_models(current(), get_upstream().catalog)))

    @openai.post("/images/generations")
    def create_images() -> Response:
        asked = from_images_request(json_body())
        upstream, exchange = get_upstream(), current()
        exchange.model = asked.model or default_model
        check_models(exchange, upstream.catalog, [upstream.catalog.resolve(asked.model)])
        images = [upstream.draw(asked.prompt, asked.model, exchange) for _ in range(asked.n)]
        return name_ignored(json_response(to_images(images)), asked.ignored)

    return openai


def moderations_blueprint(get_upstream: GetUpstream) -> Blueprint:
    openai = Blueprint("openai_moderations", __name__)

    @openai.post("/moderations")
    def create_moderation() -> Response:
        asked = from_moderation_request(json_body())
        upstream, exchange = get_upstream(), current()
        exchange.model = FILTER
        check_models(exchange, upstream.catalog, [FILTER])
        return json_response(to_moderation([upstream.moderate(text, exchange) for text in asked.texts], asked))

    return openai
