"""`background: true`: the request is taken, and whoever asked comes back for the answer."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import Any

import orjson
from flask import Response

from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.responses.background_rows_store import Turn
from gpt2giga.dialects.responses.background_runner import BackgroundRunner
from gpt2giga.dialects.responses.background_store import BackgroundStore
from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.dialects.responses.input_items import to_stored_items
from gpt2giga.dialects.responses.request import ResponseDelivery
from gpt2giga.dialects.responses.response import ResponseHead, to_object
from gpt2giga.dialects.responses.stream import to_error_code
from gpt2giga.errors import BadRequest, ProxyError, Unavailable
from gpt2giga.web.admission import RUNS_ONCE
from gpt2giga.web.auth import NO_ACCOUNT_IS_KEPT
from gpt2giga.web.body import json_response, name_ignored
from gpt2giga.web.exchange import current, Exchange, Outcome, RESTARTING
from gpt2giga.web.on_behalf import OnBehalf
from gpt2giga.web.sse import NAMED_SSE
from gpt2giga.web.streaming import stream

# Between two looks whether there are more events.
POLL_SECONDS = 0.3
PREFIX = "resp_"


def own_key(exchange: Exchange) -> str:
    """Of the response that is made in the background by this request; empty for the requests of clients."""
    work = exchange.asker.work if exchange.asker else ""
    return work.removeprefix(PREFIX) if work.startswith(PREFIX) else ""


class Background:
    """runner: None where nothing can be done without the client."""

    def __init__(self, store: BackgroundStore, runner: BackgroundRunner | None) -> None:
        self._store, self._runner = store, runner

    def accept(self, body: Body, delivery: ResponseDelivery, head: ResponseHead) -> Response:
        if self._runner is None:
            raise BadRequest(NO_ACCOUNT_IS_KEPT, param="background", code="unsupported_parameter")
        exchange, queued = current(), to_object(head, "queued")
        if exchange.request.environ.get(RUNS_ONCE):
            words = "This service runs as a CGI script, which ends with each request: nobody could work on it."
            raise BadRequest(words, param="background", code="unsupported_parameter")
        exchange.model, exchange.stream = head.model, delivery.stream
        kinds = ("response.created", "response.queued")
        first = [{"type": kind, "response": queued, "sequence_number": n} for n, kind in enumerate(kinds)]
        self._store.add(
            exchange.tenant,
            OnBehalf.of(exchange, head.id, is_counted=True).to_json(),
            Turn(queued, to_stored_items(delivery.input, head.key), delivery.conversation),
            orjson.dumps({**body, "background": False, "stream": True}),
            first if delivery.stream else None,
        )
        self._runner.wake()
        response = self._stream(exchange, head.id, -1) if delivery.stream else json_response(queued)
        return name_ignored(response, delivery.ignored)

    def unfinished(self, response_id: str) -> Turn | None:
        turn = self._store.find(current().tenant, response_id)
        if turn and self._runner:  # whose work it was may have died
            self._runner.wake()
        return turn

    def events(self, response_id: str, query: Mapping[str, str]) -> Response:
        """Those that were told, and from then on those that are, each as soon as it is."""
        after = query.get("starting_after", "-1")
        if after != "-1" and not after.isdecimal():
            raise invalid("starting_after", "the number of an event")
        exchange, number = current(), int(after[:18])
        if self._store.events_after(exchange.tenant, response_id, number) is None:
            raise BadRequest(
                "Only what was made with 'background' and 'stream' can be streamed again, for an hour after its end.",
                param="stream",
            )
        return self._stream(exchange, response_id, number)

    def cancel(self, response_id: str) -> JsonObject | None:
        """None where it is not unfinished."""
        found = self._store.cancel(current().tenant, response_id)
        self._stop(response_id)
        return found

    def delete(self, response_id: str) -> bool:
        """False where it is not unfinished."""
        is_deleted = self._store.delete(current().tenant, response_id)
        self._stop(response_id)
        return is_deleted

    def _stop(self, response_id: str) -> None:
        if self._runner:
            self._runner.stop(response_id)

    def _stream(self, exchange: Exchange, response_id: str, number: int) -> Response:
        frames = self._frames(exchange, response_id, number)
        return stream(exchange, frames, NAMED_SSE.mimetype, NAMED_SSE.headers)

    def _frames(self, exchange: Exchange, response_id: str, number: int) -> Generator[bytes, None, None]:
        yield b""  # there may be none for long
        try:
            while (told := self._store.events_after(exchange.tenant, response_id, number)) is not None:
                if told.events:
                    number = told.events[-1]["sequence_number"]
                    yield NAMED_SSE.encode(told.events)
                elif told.is_over:
                    break
                elif self._runner and self._runner.is_closed:
                    raise Unavailable("The service is being restarted; ask for the rest.", code=RESTARTING)
                else:
                    time.sleep(POLL_SECONDS)
            exchange.outcome = Outcome.WHOLE
        except ProxyError as error:
            exchange.fail(error)
            failure: dict[str, Any] = {"type": "error", "code": to_error_code(error), "message": error.message}
            # No event of the response, and the next one has the next number: where to go on is as before.
            yield NAMED_SSE.encode([{**failure, "param": error.param, "sequence_number": number}])
