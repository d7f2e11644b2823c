"""POST /v1/responses, and what is kept of the answers."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Generator
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga.chat import ChatRequest
from gpt2giga.config.settings import Settings
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body
from gpt2giga.dialects.responses import items
from gpt2giga.dialects.responses.counting import to_texts
from gpt2giga.dialects.responses.listing import to_kept, to_page
from gpt2giga.dialects.responses.output import Wire
from gpt2giga.dialects.responses.request import Delivery, from_responses_request, Past
from gpt2giga.dialects.responses.response import Head, to_response
from gpt2giga.dialects.responses.store import Kept, Store
from gpt2giga.dialects.responses.stream import FINAL, Stream
from gpt2giga.errors import BadRequest
from gpt2giga.telemetry import request_log
from gpt2giga.upstream.client import GetUpstream
from gpt2giga.web import sse
from gpt2giga.web.auth import client_key
from gpt2giga.web.body import ignored_header, json_body, json_response, with_session

log = logging.getLogger(__name__)


def blueprint(settings: Settings, get_upstream: GetUpstream) -> Blueprint:
    views = _Views(settings, get_upstream)
    responses = Blueprint("responses", __name__)
    responses.post("/responses")(views.create)
    responses.post("/responses/input_tokens")(views.input_tokens)
    responses.get("/responses/<response_id>")(views.retrieve)
    responses.delete("/responses/<response_id>")(views.delete)
    responses.get("/responses/<response_id>/input_items")(views.input_items)
    return responses


class _Views:
    def __init__(self, settings: Settings, get_upstream: GetUpstream) -> None:
        self._settings = settings
        self._get_upstream = get_upstream
        self._store = Store(settings.state_dir, settings.store_days, settings.store_size)
        problem = self._store.problem()
        if problem and settings.store_days:
            log.warning("Responses are not kept, so previous_response_id is refused (GPT2GIGA_STATE_DIR): %s", problem)

    def create(self) -> Response:
        upstream = self._get_upstream()
        body = json_body()
        chat, delivery = self._read(body)
        chat = with_session(chat)
        filtered_as = self._settings.blacklist_finish_reason
        head = Head.new(upstream.catalog.shown(chat.model), body, delivery.toolbox, filtered_as=filtered_as)
        record = request_log.record().opened(head.model, body, stream=delivery.stream)
        keep = self._keeper(delivery, head)
        if delivery.stream:
            stream = Stream(head)
            events = _kept_first(stream.events(record.observed(upstream.stream(chat))), keep)
            response = sse.respond(events, self._style(stream))
        else:
            answer = to_response(record.observed(upstream.complete(chat)), head)
            keep(answer)
            response = json_response(answer)
        response.headers.update(ignored_header(delivery.ignored))
        return response

    def input_tokens(self) -> Response:
        """Texts only: what an image costs GigaChat does not tell beforehand."""
        chat, _ = self._read(json_body())
        counted = self._get_upstream().count_tokens(to_texts(chat), chat.model)
        return json_response({"object": "response.input_tokens", "input_tokens": counted})

    def retrieve(self, response_id: str) -> Response:
        if request.args.get("stream", "").lower() == "true":
            raise BadRequest("A response that is kept cannot be streamed again.", param="stream")
        return json_response(self._store.get(self._tenant(), response_id).response)

    def delete(self, response_id: str) -> Response:
        self._store.delete(self._tenant(), response_id)
        return json_response({"id": response_id, "object": "response", "deleted": True})

    def input_items(self, response_id: str) -> Response:
        return json_response(to_page(self._store.get(self._tenant(), response_id).input, request.args))

    def _read(self, body: Body) -> tuple[ChatRequest, Delivery]:
        return from_responses_request(body, self._past(body), ignore_hosted=self._settings.ignore_hosted_tools)

    def _past(self, body: Body) -> Past:
        previous = fields.string(body, "previous_response_id")
        referred = items.references(items.from_input(body.get("input")))
        return Past(
            self._store.conversation(self._tenant(), previous) if previous else (),
            self._store.items(self._tenant(), referred) if referred else {},
        )

    def _keeper(self, delivery: Delivery, head: Head) -> Callable[[Wire], None]:
        """Called from a stream, when the request is not at hand any more."""
        tenant = self._tenant()

        def keep(response: Wire) -> None:
            if delivery.store and self._settings.store_days:
                self._store.save(tenant, Kept(response, to_kept(delivery.input, head.key)))

        return keep

    def _style(self, stream: Stream) -> sse.Style:
        return sse.Style(stream.failed, stream.sign_of_life, self._settings.heartbeat, named=True, stamp=stream.stamp)

    def _tenant(self) -> str:
        """Where everybody may come in with any key or none, all are one."""
        if not (self._settings.api_key or self._settings.pass_token):
            return ""
        return hashlib.sha256(client_key().encode()).hexdigest()


def _kept_first(events: Generator[Wire, None, None], keep: Callable[[Wire], None]) -> Generator[Any, None, None]:
    """A client that has read the end of its response may refer to it at once. One that hung up before cannot."""
    for event in events:
        if event["type"] in FINAL:
            keep(event["response"])
        yield event
