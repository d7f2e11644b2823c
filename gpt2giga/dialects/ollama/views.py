"""Ollama's API (https://docs.ollama.com/api), below /api."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, Response

from gpt2giga.chat import ChatRequest
from gpt2giga.dialects import fields
from gpt2giga.dialects.controls import Delivery
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.ollama import embeddings, models
from gpt2giga.dialects.ollama.parameters import AT_ONCE, EMBED
from gpt2giga.dialects.ollama.request import from_chat_request, from_generate_request
from gpt2giga.dialects.ollama.stream import LineHead, LineStream, to_answer, to_error
from gpt2giga.dialects.parameters import list_ignored
from gpt2giga.errors import NotSupported
from gpt2giga.upstream.contract.models import Model
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_body, json_response
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.embedding import Embedder
from gpt2giga.web.errors import ErrorForm
from gpt2giga.web.exchange import current
from gpt2giga.web.json_lines import JSON_LINES
from gpt2giga.web.key_models import allowed_models, find_model
from gpt2giga.web.signs import Signs

ROOT = "/api"
# But for /api/v1, which is OpenAI's.
SIGNS = Signs(re.compile(f"{ROOT}(?!/v1(/|$))(/|$)"))
ERROR_FORM = ErrorForm(lambda error, _: to_error(error), signs=SIGNS)
# What Ollama does with models on its own disk.
CHANGES = {"create": "POST", "copy": "POST", "push": "POST", "delete": "DELETE"}


def blueprint(
    default_model: str, get_upstream: GetUpstream, conversation: Conversation, embedder: Embedder
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

    def _answer(self, read: Callable[[Body], tuple[ChatRequest, Delivery]], asked: str) -> Response:
        """asked: the parameter without which Ollama would only load the model."""
        body, is_chat = json_body(), asked == "messages"
        if body.get(asked) in (None, "", []):
            self._find_model(body)
            head = LineHead(current().model, is_chat)
            return json_response(head.to_end("unload" if body.get("keep_alive") in AT_ONCE else "load"))
        chat, delivery = read(body)
        head = LineHead(chat.model or self.default_model, is_chat, delivery.thoughts)
        dialect = Dialect(head.model, partial(to_answer, head=head), partial(LineStream, head), JSON_LINES)
        return self.conversation.reply([chat], delivery, dialect)

    def _find_model(self, body: Body) -> Model:
        """By the name that the client has for it, which is `name` to older ones. Raises NotFound."""
        current().model = name = fields.string(body, "model") or fields.string(body, "name") or self.default_model
        return find_model(current(), self.get_upstream().catalog, name)

    def embed(self) -> Response:
        body = json_body()
        return self._embed(body, body.get("input"), partial(embeddings.to_embed, body=body, started=current().started))

    def embeddings(self) -> Response:
        """The older form of it."""
        body = json_body()
        return self._embed(body, fields.string(body, "prompt"), embeddings.to_embedding)

    def _embed(self, body: Body, given: Any, to_whole: Callable[..., Any]) -> Response:
        texts, ignored = embeddings.from_input(given), list_ignored(body, EMBED)
        return self.embedder.reply(texts, fields.string(body, "model"), to_whole, ignored)

    def models(self) -> Response:
        return json_response(models.to_list(allowed_models(current(), self.get_upstream().catalog)))

    def show(self) -> Response:
        return json_response(models.to_show(self._find_model(json_body())))

    def pull(self) -> Response:
        """One line, streamed or not: the model is there."""
        self._find_model(json_body())
        return json_response({"status": "success"})

    def version(self) -> Response:
        return json_response({"version": models.VERSION})

    def refuse_change(self) -> Response:
        raise NotSupported("GigaChat's models can only be used: they are not made, copied, pushed or deleted here.")
