"""/v1/conversations."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.hosted import HostedFound, no_hosted_tools
from gpt2giga.dialects.pages import from_query, to_list
from gpt2giga.dialects.responses import items
from gpt2giga.dialects.responses.conversation_store import ConversationStore
from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.dialects.responses.input_items import to_stored_items
from gpt2giga.dialects.responses.request import from_metadata
from gpt2giga.dialects.responses.store import Store
from gpt2giga.dialects.responses.tools import Toolbox
from gpt2giga.errors import BadRequest, NotFound, ProxyError
from gpt2giga.web.body import json_body, json_response
from gpt2giga.web.exchange import current

MOST_ITEMS = 20  # of one request, as at OpenAI
FIELDS_OF_CREATE = ("items", "metadata")
FIELDS_OF_UPDATE = ("metadata",)
FIELDS_OF_ADD = ("items", "include")


def add_conversations(blueprint: Blueprint, conversations: ConversationStore, responses: Store) -> None:
    views = _Views(conversations, responses)
    one = "/conversations/<conversation_id>"
    blueprint.post("/conversations")(views.create_conversation)
    blueprint.get(one)(views.retrieve_conversation)
    blueprint.post(one)(views.update_conversation)
    blueprint.delete(one)(views.delete_conversation)
    blueprint.post(f"{one}/items")(views.add_items)
    blueprint.get(f"{one}/items")(views.list_items)
    blueprint.get(f"{one}/items/<item_id>")(views.retrieve_item)
    blueprint.delete(f"{one}/items/<item_id>")(views.delete_item)


class _Views:
    """responses: whose items may be referred to."""

    def __init__(self, conversations: ConversationStore, responses: Store) -> None:
        self._conversations, self._responses = conversations, responses

    def create_conversation(self) -> Response:
        body = _checked_body(FIELDS_OF_CREATE)
        found, exchange = self._items(body), current()
        return self._show(self._conversations.create(exchange.tenant, from_metadata(body), found, exchange.limits))

    def retrieve_conversation(self, conversation_id: str) -> Response:
        return self._show(conversation_id)

    def update_conversation(self, conversation_id: str) -> Response:
        body = _checked_body(FIELDS_OF_UPDATE)
        if "metadata" not in body:
            raise invalid("metadata", "an object; it is all that can be changed")
        self._conversations.update(current().tenant, conversation_id, from_metadata(body))
        return self._show(conversation_id)

    def delete_conversation(self, conversation_id: str) -> Response:
        self._conversations.delete(current().tenant, conversation_id)
        return json_response({"id": conversation_id, "object": "conversation.deleted", "deleted": True})

    def add_items(self, conversation_id: str) -> Response:
        body = _checked_body(FIELDS_OF_ADD)
        found, exchange = self._items(body), current()
        if not found:
            raise invalid("items", "a list with at least one item")
        self._conversations.add(exchange.tenant, conversation_id, found, exchange.limits)
        return json_response(to_list(found, has_more=False))

    def list_items(self, conversation_id: str) -> Response:
        page = from_query(request.args, usual=20, most=100)
        found, has_more = self._conversations.page(current().tenant, conversation_id, page)
        return json_response(to_list(found, has_more=has_more))

    def retrieve_item(self, conversation_id: str, item_id: str) -> Response:
        return json_response(self._conversations.item(current().tenant, conversation_id, item_id))

    def delete_item(self, conversation_id: str, item_id: str) -> Response:
        self._conversations.delete_item(current().tenant, conversation_id, item_id)
        return self._show(conversation_id)

    def _show(self, conversation_id: str) -> Response:
        return json_response(self._conversations.get(current().tenant, conversation_id))

    def _items(self, body: Body) -> list[JsonObject]:
        """In their full form; what a response could not be asked with is refused."""
        given = fields.array(body, "items")
        if len(given) > MOST_ITEMS:
            raise invalid("items", f"at most {MOST_ITEMS} items at a time, not {len(given)}")
        try:
            known = self._responses.items(current().tenant, items.reference_ids(given))
            resolved: list[Any] = [*items.resolve_references(given, known)]
            items.from_items(resolved, Toolbox(HostedFound("", no_hosted_tools, True)))
        except (BadRequest, NotFound) as error:
            raise _of_items(error) from None
        return to_stored_items(resolved, secrets.token_hex(16))


def _checked_body(known: tuple[str, ...]) -> Body:
    body = json_body()
    fields.check_nesting(body)
    for name in body:
        if name not in known:
            words = f"Unknown parameter: '{name}'. A conversation takes {' and '.join(known)}."
            raise BadRequest(words, param=name, code="unknown_parameter")
    return body


def _of_items(error: ProxyError) -> ProxyError:
    """A response has them in `input`, a conversation in `items`."""
    message, param = (text.replace("input[", "items[", 1) for text in (error.message, error.param or ""))
    return type(error)(message, param=param, code=error.code)
