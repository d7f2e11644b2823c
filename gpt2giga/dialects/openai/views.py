"""OpenAI's endpoints of models: chat and legacy completions, embeddings, images."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response

from gpt2giga.chat import Usage
from gpt2giga.config.settings import TranslationSettings
from gpt2giga.dialects.hosted import HostedTools
from gpt2giga.dialects.openai import completions, response, tokenizer
from gpt2giga.dialects.openai.completions import CompletionStream, from_completion_request, to_completion
from gpt2giga.dialects.openai.embeddings import from_embeddings_request, to_embeddings
from gpt2giga.dialects.openai.errors import OPENCLAW_HEADER, to_error, to_openclaw_error
from gpt2giga.dialects.openai.images import from_images_request, to_images
from gpt2giga.dialects.openai.models import to_list, to_model, to_model_info
from gpt2giga.dialects.openai.request import from_chat_request, from_responses_body, ReadResponses
from gpt2giga.dialects.openai.response import to_chat_completion
from gpt2giga.dialects.openai.store import EmbeddingStore
from gpt2giga.dialects.openai.stream import ChunkStream
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_body, json_response, name_ignored
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.errors import ErrorForm
from gpt2giga.web.exchange import current
from gpt2giga.web.key_models import allowed_models, check_models
from gpt2giga.web.models import ModelsForm

# Names the texts, by number, whose embedding is the mean of their parts.
AVERAGED_HEADER = "X-Gpt2giga-Averaged"

ERROR_FORM = ErrorForm(lambda error, _: to_error(error))
OPENCLAW_ERROR_FORM = ErrorForm(lambda error, _: to_openclaw_error(error), header=OPENCLAW_HEADER)
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
            chat.model or default_model,
            legacy_functions=delivery.legacy_functions,
            custom_tools=delivery.custom_tools,
            filtered_as=translation.blacklist_finish_reason,
        )
        stream = partial(ChunkStream, head, include_usage=delivery.include_usage)
        dialect = Dialect(head.model, partial(to_chat_completion, head=head), stream)
        return conversation.reply([chat] * delivery.n, delivery, dialect)

    @openai.post("/completions")
    def create_completion() -> Response:
        chats, delivery = from_completion_request(json_body())
        head = completions.CompletionHead(
            chats[0].model or default_model, before=delivery.before, filtered_as=translation.blacklist_finish_reason
        )
        stream = partial(CompletionStream, head, include_usage=delivery.include_usage)
        return conversation.reply(chats, delivery, Dialect(head.model, partial(to_completion, head=head), stream))

    return openai


def blueprint(
    tokenizer_file: str | None, default_model: str, get_upstream: GetUpstream, remembered: EmbeddingStore
) -> Blueprint:
    """Raises SettingsError."""
    openai = Blueprint("openai", __name__)
    decode = tokenizer.load(tokenizer_file)

    @openai.post("/embeddings")
    def create_embeddings() -> Response:
        asked = from_embeddings_request(json_body(), decode)
        upstream, exchange = get_upstream(), current()
        exchange.model = model = upstream.catalog.embedder(asked.model)
        check_models(exchange, upstream.catalog, [model])
        ask = partial(upstream.embed, model=model, caller=exchange)
        found = remembered.embed(asked.texts, model, exchange.tenant, ask)
        answer = json_response(to_embeddings(found, asked, model))
        exchange.usage = Usage(prompt=sum(embedding.tokens for embedding in found))
        averaged = [str(number) for number, embedding in enumerate(found) if embedding.averaged]
        if averaged:
            answer.headers[AVERAGED_HEADER] = ",".join(averaged)
        return name_ignored(answer, asked.ignored)

    @openai.get("/model/info")
    def list_model_info() -> Response:
        return json_response(to_model_info(allowed_models(current(), get_upstream().catalog)))

    @openai.post("/images/generations")
    def create_images() -> Response:
        asked = from_images_request(json_body())
        upstream, exchange = get_upstream(), current()
        exchange.model = asked.model or default_model
        check_models(exchange, upstream.catalog, [upstream.catalog.resolve(asked.model)])
        images, exchange.usage = [], Usage()
        for _ in range(asked.n):
            image, usage = upstream.draw(asked.prompt, asked.model, exchange)
            images.append(image)
            exchange.usage += usage  # at once: the next one may fail
        return name_ignored(json_response(to_images(images)), asked.ignored)

    return openai
