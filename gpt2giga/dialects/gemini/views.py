"""generateContent, its stream, countTokens and embeddings, as methods of /v1beta/models/{model}."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from flask import Blueprint, request, Response

from gpt2giga.chat import HostedTool
from gpt2giga.config.settings import TranslationSettings
from gpt2giga.dialects.gemini.embeddings import from_batch_request, from_embed_request, to_embedding, to_embeddings
from gpt2giga.dialects.gemini.errors import to_error
from gpt2giga.dialects.gemini.models import bare_name, known_name, to_list, to_model
from gpt2giga.dialects.gemini.request import from_count_request, from_generate_request
from gpt2giga.dialects.gemini.response import to_response
from gpt2giga.dialects.gemini.stream import GenerateHead, GenerateStream
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
from gpt2giga.web.sse import SSE

SIGNS = Signs(GOOGLES_PATHS, ("X-Goog-Api-Key", "X-Goog-Api-Client"), "key")
ERROR_FORM = ErrorForm(lambda error, _: to_error(error), signs=SIGNS)
MODELS_FORM = ModelsForm(to_list, to_model, SIGNS, known_name=known_name)


def blueprint(
    translation: TranslationSettings, get_upstream: GetUpstream, conversation: Conversation, embedder: Embedder
) -> Blueprint:
    gemini = Blueprint("gemini", __name__)
    views = _Views(translation, get_upstream, conversation, embedder)
    for method, view in (
        ("generateContent", views.generate_content),
        ("streamGenerateContent", views.stream_generate_content),
        ("countTokens", views.count_tokens),
        ("embedContent", views.embed_content),
        ("batchEmbedContents", views.batch_embed_contents),
    ):
        gemini.add_url_rule(f"/models/<path:model_id>:{method}", view_func=view, methods=["POST"])
    return gemini


class _Views:
    """`model_id` is the one that the address names."""

    def __init__(
        self,
        translation: TranslationSettings,
        get_upstream: GetUpstream,
        conversation: Conversation,
        embedder: Embedder,
    ) -> None:
        self._translation, self._get_upstream = translation, get_upstream
        self._conversation, self._embedder = conversation, embedder

    def generate_content(self, model_id: str) -> Response:
        return self._generate(model_id, None)

    def stream_generate_content(self, model_id: str) -> Response:
        return self._generate(model_id, SSE if request.args.get("alt") == "sse" else json_array())

    def count_tokens(self, model_id: str) -> Response:
        chat = from_count_request(json_body(), model_id, hosted_tools=self._hosted_tools)
        upstream = self._get_upstream()
        asked = upstream.catalog.resolve(known_name(model_id, upstream.catalog))
        return json_response({"totalTokens": upstream.count_tokens(to_texts(chat), asked)})

    def embed_content(self, model_id: str) -> Response:
        asked = from_embed_request(json_body())
        return self._embedder.reply(
            asked.texts, bare_name(model_id), partial(to_embedding, request=asked), asked.ignored
        )

    def batch_embed_contents(self, model_id: str) -> Response:
        asked = from_batch_request(json_body())
        return self._embedder.reply(
            asked.texts, bare_name(model_id), partial(to_embeddings, request=asked), asked.ignored
        )

    def _generate(self, model: str, framing: Framing | None) -> Response:
        """framing: None for a whole answer."""
        chat, delivery = from_generate_request(
            json_body(),
            model,
            stream=framing is not None,
            ignore_hosted=self._translation.ignore_hosted_tools,
            hosted_tools=self._hosted_tools,
        )
        filtered_as = self._translation.blacklist_finish_reason
        head = GenerateHead(bare_name(model), delivery.thoughts, bool(chat.hosted), filtered_as)
        chat = replace(chat, model=known_name(model, self._get_upstream().catalog))
        whole, stream = partial(to_response, head=head), partial(GenerateStream, head)
        dialect = Dialect(head.model, whole, stream, framing or SSE)
        return self._conversation.reply([chat] * delivery.candidates, delivery, dialect)

    def _hosted_tools(self, model: str) -> Collection[HostedTool]:
        upstream = self._get_upstream()
        return upstream.hosted_tools(known_name(model, upstream.catalog))
