"""POST /v1/responses, and what is kept of the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga.chat import ChatRequest, Event, HostedTool
from gpt2giga.config.settings import TranslationSettings
from gpt2giga.config.store import StoreSettings
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.pages import from_query, to_page
from gpt2giga.dialects.responses import items
from gpt2giga.dialects.responses.background_rows_store import Turn
from gpt2giga.dialects.responses.background_runner import BackgroundRunner
from gpt2giga.dialects.responses.background_store import BackgroundStore
from gpt2giga.dialects.responses.background_views import Background, own_key
from gpt2giga.dialects.responses.compaction import COMPACTION
from gpt2giga.dialects.responses.conversation_store import ConversationStore
from gpt2giga.dialects.responses.conversation_views import add_conversations
from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.dialects.responses.input_items import to_stored_items
from gpt2giga.dialects.responses.request import conversation_id, from_responses_request, Past, ResponseDelivery
from gpt2giga.dialects.responses.response import ResponseHead, to_compacted, to_echo, to_response
from gpt2giga.dialects.responses.store import MISSING, not_completed, Store, StoredResponse
from gpt2giga.dialects.responses.stream import ResponseStream
from gpt2giga.dialects.responses.summary import most_letters, newest_of_user, to_summary_chat
from gpt2giga.dialects.tokens import to_texts
from gpt2giga.errors import BadRequest, ContextTooLong, NotFound
from gpt2giga.store.database import Database
from gpt2giga.store.leases import Leases
from gpt2giga.store.response_tables import KeptConversation, KeptResponse
from gpt2giga.store.room import Room
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_body, json_response
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.exchange import current
from gpt2giga.web.sse import NAMED_SSE

log = logging.getLogger(__name__)

# Of the user's messages that stay beside a summary: some 20 000 tokens, as Codex keeps by itself.
KEPT_LETTERS = 60_000
MOST_HALVINGS = 2  # of a conversation that is to be compacted


@dataclass(frozen=True, slots=True)
class Stores:
    """What is kept of responses."""

    responses: Store
    conversations: ConversationStore
    background: BackgroundStore


def open_stores(settings: StoreSettings, database: Database | None, leases: Leases | None) -> Stores:
    room = Room(settings.days, settings.size, KeptResponse, KeptConversation)
    responses = Store(database, settings.days, room)
    if settings.days and (problem := responses.problem()):
        log.warning("Responses are not kept, so previous_response_id is refused: %s", problem)
    conversations = ConversationStore(database, settings.days, room)
    background = BackgroundStore(database, settings.days, room, responses, conversations, leases)
    return Stores(responses, conversations, background)


def blueprint(
    translation: TranslationSettings,
    default_model: str,
    stores: Stores,
    runner: BackgroundRunner | None,
    get_upstream: GetUpstream,
    conversation: Conversation,
) -> Blueprint:
    background = Background(stores.background, runner)
    views = _Views(translation, default_model, stores, background, get_upstream, conversation)
    responses = Blueprint("responses", __name__)
    add_conversations(responses, stores.conversations, stores.responses)
    responses.post("/responses")(views.create)
    responses.post("/responses/input_tokens")(views.input_tokens)
    responses.post("/responses/compact")(views.compact)
    responses.get("/responses/<response_id>")(views.retrieve)
    responses.delete("/responses/<response_id>")(views.delete)
    responses.post("/responses/<response_id>/cancel")(views.cancel)
    responses.get("/responses/<response_id>/input_items")(views.input_items)
    return responses


class _Views:
    def __init__(
        self,
        translation: TranslationSettings,
        default_model: str,
        stores: Stores,
        background: Background,
        get_upstream: GetUpstream,
        conversation: Conversation,
    ) -> None:
        self._translation, self._default_model = translation, default_model
        self._get_upstream = get_upstream
        self._conversation = conversation
        self._store, self._conversations = stores.responses, stores.conversations
        self._background = background

    def create(self) -> Response:
        body = json_body()
        chat, delivery = self._read(body, self._past(body))
        head = self._head(body, chat, delivery, delivery.compaction)
        if delivery.background:
            self._conversation.check_models([chat])
            return self._background.accept(body, delivery, head)
        keep = _keep_nothing if head.background else self._keeper(delivery, head)
        whole, stream = partial(_to_response, head=head, keep=keep), partial(ResponseStream, head, keep)
        dialect = Dialect(head.model, whole, stream, NAMED_SSE)
        if delivery.compaction:
            return self._compact(chat, delivery, dialect)
        return self._conversation.reply([chat], delivery, dialect)

    def compact(self) -> Response:
        """What the client is to go on with; nothing of it is kept here."""
        body = json_body()
        past = self._past(body)
        chat, delivery = self._read(body, past)
        head = self._head(body, chat, delivery, COMPACTION)
        said = newest_of_user([*past.items, *delivery.input], KEPT_LETTERS)
        to_whole = partial(to_compacted, head=head, kept=to_stored_items(said, head.key))
        never = partial(ResponseStream, head, _keep_nothing)
        return self._compact(chat, replace(delivery, stream=False), Dialect(head.model, to_whole, never))

    def _compact(self, chat: ChatRequest, delivery: ResponseDelivery, dialect: Dialect) -> Response:
        """What turns out to be too long is asked again with half of it: a window is counted in tokens."""
        upstream = self._get_upstream()
        letters = most_letters(upstream.book.of(upstream.catalog.resolve(chat.model)).window)
        for _ in range(MOST_HALVINGS):
            summary = to_summary_chat(chat, letters)
            try:
                return self._conversation.reply([summary], delivery, dialect)
            except ContextTooLong:
                letters = sum(map(len, to_texts(summary))) // 2
        return self._conversation.reply([to_summary_chat(chat, letters)], delivery, dialect)

    def _head(self, body: Body, chat: ChatRequest, delivery: ResponseDelivery, compaction: str) -> ResponseHead:
        model = chat.model or self._default_model
        key = own_key(current())  # whoever is at work in the background keeps it too
        is_background = bool(key) or delivery.background
        head = ResponseHead(model, to_echo(body), delivery.toolbox, compaction, is_background)
        return replace(head, key=key) if key else head

    def input_tokens(self) -> Response:
        """Texts only: what an image costs GigaChat does not tell beforehand."""
        body = json_body()
        chat, _ = self._read(body, self._past(body))
        counted = self._get_upstream().count_tokens(to_texts(chat), chat.model)
        return json_response({"object": "response.input_tokens", "input_tokens": counted})

    def retrieve(self, response_id: str) -> Response:
        found = self._find(response_id)
        if request.args.get("stream", "").lower() == "true":
            return self._background.events(response_id, request.args)
        return json_response(found.response)

    def delete(self, response_id: str) -> Response:
        if not self._background.delete(response_id):
            self._store.delete(current().tenant, response_id)
        return json_response({"id": response_id, "object": "response", "deleted": True})

    def cancel(self, response_id: str) -> Response:
        response = self._background.cancel(response_id) or self._store.get(current().tenant, response_id).response
        if not response.get("background"):
            raise BadRequest("Only a response that is made in the background can be cancelled.", param="response_id")
        return json_response(response)

    def input_items(self, response_id: str) -> Response:
        kept = self._find(response_id).input
        return json_response(to_page(kept, from_query(request.args, usual=20, most=100)))

    def _find(self, response_id: str) -> StoredResponse | Turn:
        """Between two looks it may come to its end."""
        tenant = current().tenant
        try:
            return self._store.get(tenant, response_id)
        except NotFound:
            return self._background.unfinished(response_id) or self._store.get(tenant, response_id)

    def _read(self, body: Body, past: Past) -> tuple[ChatRequest, ResponseDelivery]:
        ignore, hosted_tools = self._translation.ignore_hosted_tools, self._hosted_tools
        return from_responses_request(body, past, ignore_hosted=ignore, hosted_tools=hosted_tools)

    def _hosted_tools(self, model: str) -> Collection[HostedTool]:
        return self._get_upstream().hosted_tools(model)

    def _past(self, body: Body) -> Past:
        previous, conversation = fields.string(body, "previous_response_id"), conversation_id(body)
        exchange = current()
        before: tuple[Any, ...] = ()
        if previous:
            before = self._chain(previous)
        elif conversation:
            before = self._conversations.items(exchange.tenant, conversation, exchange.limits)
        referred = items.reference_ids(items.from_input(body.get("input")))
        known = self._store.items(exchange.tenant, referred) if referred else {}
        return Past(before, known)

    def _chain(self, previous: str) -> tuple[Any, ...]:
        exchange = current()
        try:
            return self._store.chain(exchange.tenant, previous, exchange.limits)
        except BadRequest as error:
            if error.code == MISSING and self._background.unfinished(previous):
                raise not_completed(previous, "not completed yet") from None
            raise

    def _keeper(self, delivery: ResponseDelivery, head: ResponseHead) -> Callable[[JsonObject], None]:
        """Called from a stream, when the request is not at hand any more."""
        tenant = current().tenant

        def keep(response: JsonObject) -> None:
            asked = to_stored_items(delivery.input, head.key)
            if delivery.store and self._store.is_on:
                self._store.save(tenant, StoredResponse(response, asked))
            if delivery.conversation:
                self._conversations.append(tenant, delivery.conversation, [*asked, *response["output"]])

        return keep


def _to_response(answers: Iterable[list[Event]], head: ResponseHead, keep: Callable[[JsonObject], None]) -> JsonObject:
    response = to_response(answers, head)
    keep(response)
    return response


def _keep_nothing(_: JsonObject) -> None:
    pass
