"""OpenAI's endpoints but for Responses: chat and legacy completions, embeddings, images, files."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from flask import Blueprint, request, Response

from gpt2giga.chat import Usage
from gpt2giga.config.settings import TranslationSettings
from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.hosted import HostedTools
from gpt2giga.dialects.openai import completions, response, tokenizer
from gpt2giga.dialects.openai.completions import CompletionStream, from_completion_request, to_completion
from gpt2giga.dialects.openai.embeddings import from_embeddings_request, to_embeddings
from gpt2giga.dialects.openai.errors import OPENCLAW_HEADER, to_error, to_openclaw_error
from gpt2giga.dialects.openai.files import to_file, to_file_list
from gpt2giga.dialects.openai.images import from_images_request, to_images
from gpt2giga.dialects.openai.models import to_list, to_model, to_model_info
from gpt2giga.dialects.openai.request import from_chat_request, from_responses_body, ReadResponses
from gpt2giga.dialects.openai.response import to_chat_completion
from gpt2giga.dialects.openai.stream import ChunkStream
from gpt2giga.errors import BadRequest, ProxyError, Unavailable
from gpt2giga.upstream.files.media import from_bytes
from gpt2giga.upstream.files.storage import check_id
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_body, json_response, name_ignored
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.embedding import Embedder
from gpt2giga.web.errors import ErrorForm
from gpt2giga.web.exchange import current
from gpt2giga.web.file_owners import FileOwners
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
        images, exchange.usage = [], Usage()
        for _ in range(asked.n):
            image, usage = upstream.draw(asked.prompt, asked.model, exchange)
            images.append(image)
            exchange.usage += usage  # at once: the next one may fail
        return name_ignored(json_response(to_images(images)), asked.ignored)

    return openai


def files_blueprint(get_upstream: GetUpstream, owners: FileOwners) -> Blueprint:
    openai = Blueprint("openai_files", __name__)

    def own(file_id: str) -> str:
        return owners.check(current().tenant, check_id(file_id))

    @openai.post("/files")
    def upload_file() -> Response:
        sent = request.files.get("file")
        if sent is None:
            raise invalid("file", "a file, in a multipart form")
        media = from_bytes(sent.read(), sent.mimetype, sent.filename or "", current().limits.max_pixels)
        files = get_upstream().files
        stored = files.upload(media, request.form.get("purpose", ""))
        try:
            owners.add(current().tenant, stored.id)
        except (BadRequest, Unavailable):
            with suppress(ProxyError):
                files.delete(stored.id)  # nobody could ever ask for it
            raise
        return json_response(to_file(stored))

    @openai.get("/files")
    def list_files() -> Response:
        found = owners.only_owned(current().tenant, get_upstream().files.list())
        return json_response(to_file_list(found, request.args))

    @openai.get("/files/<file_id>")
    def retrieve_file(file_id: str) -> Response:
        return json_response(to_file(get_upstream().files.get(own(file_id))))

    @openai.get("/files/<file_id>/content")
    def retrieve_file_content(file_id: str) -> Response:
        return Response(get_upstream().files.content(own(file_id)), mimetype="application/octet-stream")

    @openai.delete("/files/<file_id>")
    def delete_file(file_id: str) -> Response:
        get_upstream().files.delete(own(file_id))
        owners.remove(current().tenant, file_id)
        return json_response({"id": file_id, "object": "file", "deleted": True})

    return openai
