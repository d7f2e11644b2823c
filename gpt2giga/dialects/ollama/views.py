"""Ollama's API (https://docs.ollama.com/api), below /api."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response

from gpt2giga.config.settings import TranslationSettings
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.ollama.embeddings import from_input, to_embed, to_embedding
from gpt2giga.dialects.ollama.errors import to_error
from gpt2giga.dialects.ollama.models import known_name, to_list, to_show, VERSION
from gpt2giga.dialects.ollama.parameters import EMBED
from gpt2giga.dialects.ollama.request import from_chat_request, from_generate_request, is_unload, Read
from gpt2giga.dialects.ollama.stream import LineHead, LineStream, to_answer
from gpt2giga.dialects.parameters import list_ignored
from gpt2giga.errors import NotFound, NotSupported
from gpt2giga.upstream.contract.models import Model
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_body, json_response
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.embedding import Embedder
from gpt2giga.web.errors import ErrorForm
from gpt2giga.web.exchange import current
from gpt2giga.web.json_lines import JSON_LINES
from gpt2giga.web.key_models import allowed_models, check_models
from gpt2giga.web.signs import Signs

ROOT = "/api"
# But for /api/v1, which is OpenAI's.
SIGNS = Signs(re.compile(f"{ROOT}(?!/v1(/|$))(/|$)"))
ERROR_FORM = ErrorForm(lambda error, _: to_error(error), signs=SIGNS)
# What Ollama does with models on its own disk.
CHANGES = {"create": "POST", "copy": "POST", "push": "POST", "delete": "DELETE"}


def blueprint(
    translation: TranslationSettings,
    default_model: str,
    get_upstream: GetUpstream,
    conversation: Conversation,
    embedder: Embedder,
) -> Blueprint:
    views = _Views(default_model, get_upstream, conversation, embedder)
    ollama = Blueprint("ollama", __name__, url_prefix=ROOT)
    for view in (views.chat, views.generate, views.embed, views.embeddings, views.show, views.pull):
        ollama.post(f"/{view.__name__}")(view)
    for name, answer in {"tags": views.models, "ps": views.models, "version": views.version}.items():
        ollama.get(f"/{name}", endpoint=name)(answer)
    for name, method in CHANGES.items():
        ollama.add_url_rule(f"/{name}", name, views.refuse_change, methods=[method])
    return ollama


@dataclass(frozen=True)
class _Views:
    default_model: str
    get_upstream: GetUpstream
    conversation: Conversation
    embedder: Embedder

    def chat(self) -> Response:
        return self._answer(from_chat_request, "messages")

    def generate(self) -> Response:
        return self._answer(from_generate_request, "prompt")

    def _answer(self, read: Read, asked: str) -> Response:
        """asked: the parameter without which Ollama would only load the model."""
        body, is_chat = json_body(), asked == "messages"
        if body.get(asked) in (None, "", []):
            name = self._find_model(body)[0]
            return json_response(LineHead(name, is_chat).to_end("unload" if is_unload(body) else "load"))
        chat, delivery = read(body)
        name = fields.string(body, "model") or self.default_model
        head = LineHead(name, is_chat, delivery.thoughts)
        dialect = Dialect(known_name(name), partial(to_answer, head=head), partial(LineStream, head), JSON_LINES)
        return self.conversation.reply([chat], delivery, dialect)

    def _find_model(self, body: Body) -> tuple[str, Model]:
        """And what the client calls it, which is `name` to older ones. Raises NotFound."""
        catalog, exchange = self.get_upstream().catalog, current()
        name = fields.string(body, "model") or fields.string(body, "name") or self.default_model
        exchange.model = known = known_name(name)
        try:
            found = catalog.model(known)
        except NotFound:  # any name may mean the default
            found = catalog.model(catalog.resolve(known))
        check_models(exchange, catalog, [found.gigachats_id])
        return name, found

    def embed(self) -> Response:
        body = json_body()
        return self._embed(body, from_input(body), to_embed)

    def embeddings(self) -> Response:
        """The older form of it."""
        body = json_body()
        prompt = fields.string(body, "prompt")
        return self._embed(body, [prompt] if prompt else [], to_embedding)

    def _embed(self, body: Body, texts: list[str], to_whole: Callable[..., Any]) -> Response:
        model, ignored = known_name(fields.string(body, "model")), list_ignored(body, EMBED)
        return self.embedder.reply(texts, model, partial(to_whole, body=body), ignored)

    def models(self) -> Response:
        return json_response(to_list(allowed_models(current(), self.get_upstream().catalog)))

    def show(self) -> Response:
        return json_response(to_show(self._find_model(json_body())[1]))

    def pull(self) -> Response:
        """One line, streamed or not: the model is there."""
        self._find_model(json_body())
        return json_response({"status": "success"})

    def version(self) -> Response:
        return json_response({"version": VERSION})

    def refuse_change(self) -> Response:
        raise NotSupported("GigaChat's models can only be used: they are not made, copied, pushed or deleted here.")
