"""POST /v1/responses, and what is kept of the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from functools import partial

from flask import Blueprint, request, Response

from gpt2giga.chat import ChatRequest, Event, HostedTool
from gpt2giga.config.settings import TranslationSettings
from gpt2giga.config.store import StoreSettings
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.pages import to_page
from gpt2giga.dialects.responses import items
from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.dialects.responses.input_items import to_stored_items
from gpt2giga.dialects.responses.request import from_responses_request, Past, ResponseDelivery
from gpt2giga.dialects.responses.response import ResponseHead, to_echo, to_response
from gpt2giga.dialects.responses.store import Store, StoredResponse
from gpt2giga.dialects.responses.stream import ResponseStream
from gpt2giga.dialects.tokens import to_texts
from gpt2giga.errors import BadRequest
from gpt2giga.store.database import Database
from gpt2giga.upstream.gigachat import GetUpstream
from gpt2giga.web.body import json_body, json_response
from gpt2giga.web.converse import Conversation, Dialect
from gpt2giga.web.exchange import current
from gpt2giga.web.sse import NAMED_SSE

log = logging.getLogger(__name__)

# A shorter word is the name of something that is not here: POST /responses/compact is a 404 then, and not a 405.
RESPONSE_ID = "string(minlength=8):response_id"


def blueprint(
    translation: TranslationSettings,
    default_model: str,
    store: StoreSettings,
    database: Database | None,
    get_upstream: GetUpstream,
    conversation: Conversation,
) -> Blueprint:
    views = _Views(translation, default_model, store, database, get_upstream, conversation)
    responses = Blueprint("responses", __name__)
    responses.post("/responses")(views.create)
    responses.post("/responses/input_tokens")(views.input_tokens)
    responses.get(f"/responses/<{RESPONSE_ID}>")(views.retrieve)
    responses.delete(f"/responses/<{RESPONSE_ID}>")(views.delete)
    responses.get(f"/responses/<{RESPONSE_ID}>/input_items")(views.input_items)
    return responses


class _Views:
    def __init__(
        self,
        translation: TranslationSettings,
        default_model: str,
        store: StoreSettings,
        database: Database | None,
        get_upstream: GetUpstream,
        conversation: Conversation,
    ) -> None:
        self._translation, self._default_model = translation, default_model
        self._get_upstream = get_upstream
        self._conversation = conversation
        self._keeps = store.days > 0
        self._store = Store(database, store.days, store.size)
        problem = self._store.problem()
        if problem and self._keeps:
            log.warning("Responses are not kept, so previous_response_id is refused: %s", problem)

    def create(self) -> Response:
        body = json_body()
        chat, delivery = self._read(body)
        filtered_as = self._translation.blacklist_finish_reason
        head = ResponseHead(chat.model or self._default_model, to_echo(body), delivery.toolbox, filtered_as)
        keep = self._keeper(delivery, head)
        whole, stream = partial(_to_response, head=head, keep=keep), partial(ResponseStream, head, keep)
        dialect = Dialect(head.model, whole, stream, NAMED_SSE)
        return self._conversation.reply([chat], delivery, dialect)

    def input_tokens(self) -> Response:
        """Texts only: what an image costs GigaChat does not tell beforehand."""
        chat, _ = self._read(json_body())
        counted = self._get_upstream().count_tokens(to_texts(chat), chat.model)
        return json_response({"object": "response.input_tokens", "input_tokens": counted})

    def retrieve(self, response_id: str) -> Response:
        if request.args.get("stream", "").lower() == "true":
            raise BadRequest("A response that is kept cannot be streamed again.", param="stream")
        return json_response(self._store.get(current().tenant, response_id).response)

    def delete(self, response_id: str) -> Response:
        self._store.delete(current().tenant, response_id)
        return json_response({"id": response_id, "object": "response", "deleted": True})

    def input_items(self, response_id: str) -> Response:
        kept = self._store.get(current().tenant, response_id).input
        return json_response(to_page(kept, request.args, usual=20, most=100))

    def _read(self, body: Body) -> tuple[ChatRequest, ResponseDelivery]:
        ignore, hosted_tools = self._translation.ignore_hosted_tools, self._hosted_tools
        return from_responses_request(body, self._past(body), ignore_hosted=ignore, hosted_tools=hosted_tools)

    def _hosted_tools(self, model: str) -> Collection[HostedTool]:
        return self._get_upstream().hosted_tools(model)

    def _past(self, body: Body) -> Past:
        previous = fields.string(body, "previous_response_id")
        referred = items.reference_ids(items.from_input(body.get("input")))
        return Past(
            self._store.conversation(current().tenant, previous, current().limits) if previous else (),
            self._store.items(current().tenant, referred) if referred else {},
        )

    def _keeper(self, delivery: ResponseDelivery, head: ResponseHead) -> Callable[[JsonObject], None]:
        """Called from a stream, when the request is not at hand any more."""
        tenant = current().tenant

        def keep(response: JsonObject) -> None:
            if delivery.store and self._keeps:
                self._store.save(tenant, StoredResponse(response, to_stored_items(delivery.input, head.key)))

        return keep


def _to_response(answers: Iterable[list[Event]], head: ResponseHead, keep: Callable[[JsonObject], None]) -> JsonObject:
    response = to_response(answers, head)
    keep(response)
    return response
