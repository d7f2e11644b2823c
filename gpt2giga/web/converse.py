"""The one way from a request for answers to the bytes of its response, for every dialect of chat."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from flask import Response

from gpt2giga.chat import ChatRequest, Done, Event
from gpt2giga.concurrency.read_ahead import Sources
from gpt2giga.errors import InternalError, ProxyError
from gpt2giga.upstream.gigachat import GetUpstream, GigaChat
from gpt2giga.web.body import json_response, name_ignored
from gpt2giga.web.exchange import ACCEPTED_ID, current, Exchange, Outcome
from gpt2giga.web.file_owners import FileOwners
from gpt2giga.web.framing import EMPTY_LINES, Framing
from gpt2giga.web.key_models import check_models
from gpt2giga.web.sse import SSE
from gpt2giga.web.streaming import stream

log = logging.getLogger(__name__)

# Of the time between two signs of life: one that is nearly due is sent, or it would wait for the next tick.
NEARLY = 0.9


class Delivery(Protocol):
    """How a client wants its answers. ignored: parameters of the request that change nothing."""

    @property
    def stream(self) -> bool: ...

    @property
    def ignored(self) -> Collection[str]: ...


class Stream(Protocol):
    """A streamed response in the making. Each method gives what is to be sent; `choice` numbers the answers."""

    def feed(self, events: list[Event], choice: int) -> list[Any]: ...

    def heartbeat(self, choice: int) -> list[Any]:
        """A sign of life that changes nothing; where a dialect has none, empty lines are sent."""

    def finish(self) -> list[Any]: ...

    def fail(self, error: ProxyError) -> list[Any]:
        """The last words of a stream that broke."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one request is answered. model: its name in the answer and in the log.

    framing: how a stream is written. write: a whole answer as a response.
    """

    model: str
    to_whole: Callable[[Iterable[list[Event]]], Any]
    to_stream: Callable[[], Stream]
    framing: Framing = SSE
    write: Callable[[Any], Response] = json_response


# The page asks for it, to say whether a request waits in line or for the model. No other client knows such an event,
# and it begins the response: a refusal that comes after it is no status any more.
TELLS_LINE = "HTTP_X_GPT2GIGA_TELL_LINE"
LINE_TICK = 1.0


class Conversation:
    """Answers chats. heartbeat: seconds of silence after which a stream gives a sign of life; 0: never. tells_filter: a
    text that GigaChat's filter stopped ends so, and not as any other."""

    def __init__(self, get_upstream: GetUpstream, heartbeat: float, owners: FileOwners, *, tells_filter: bool) -> None:
        self._get_upstream, self._owners = get_upstream, owners
        self._heartbeat, self._tells_filter = heartbeat, tells_filter
        self._sources = Sources()

    def reply(self, chats: Sequence[ChatRequest], delivery: Delivery, dialect: Dialect) -> Response:
        """Each chat is asked when the one before is answered: a personal account may have one request at a time."""
        exchange, upstream = current(), self._get_upstream()
        exchange.model, exchange.stream = dialect.model, delivery.stream
        if exchange.stored_key:
            self.check_models(chats)
        if self._owners.keeps_apart:
            chats = [self._owners.only_own(exchange.tenant, chat) for chat in chats]
        given = exchange.request.environ.get("HTTP_X_SESSION_ID", "")
        if ACCEPTED_ID.fullmatch(given):  # it wins over what the request tells of the conversation
            chats = [replace(chat, session=given) for chat in chats]
        if delivery.stream:
            framing = dialect.framing
            pieces = self._frames(exchange, upstream, chats, dialect)
            response = stream(exchange, pieces, framing.mimetype, framing.headers)
        else:
            response = dialect.write(
                dialect.to_whole(self._observed(exchange, upstream.complete(chat, exchange)) for chat in chats)
            )
        return name_ignored(response, delivery.ignored)

    def check_models(self, chats: Sequence[ChatRequest]) -> None:
        """Whether the key may use them. Raises NotFound."""
        catalog = self._get_upstream().catalog
        check_models(current(), catalog, [catalog.resolve(chat.model) for chat in chats])

    def _frames(
        self, exchange: Exchange, upstream: GigaChat, chats: Sequence[ChatRequest], dialect: Dialect
    ) -> Generator[bytes, None, None]:
        """An error after the beginning is the last event; a regular end would make the cut answer look whole.

        This is the hot lane: each layer between GigaChat's socket and this loop maps a list to a list, once a chunk.
        """
        told, encode = dialect.to_stream(), dialect.framing.encode
        silence = _Silence(exchange, told, encode, self._heartbeat)
        tick, sent_at, has_begun = silence.tick(), time.monotonic(), False
        try:
            for choice, chat in enumerate(chats):
                answer = upstream.answer(chat, stream=True, tick=tick, caller=exchange)
                source = self._sources.new(answer, tick)
                exchange.on_end(partial(self._sources.remove, source))
                self._sources.add(source)
                for batches in source.parts():
                    for batch in batches:
                        if batch:
                            if exchange.wants_all or batch[-1].__class__ is Done:
                                batch = self._observed(exchange, batch)
                            piece = encode(told.feed(batch, choice))
                        else:
                            piece = silence.sign(choice, sent_at)
                        if piece:
                            has_begun, sent_at = True, time.monotonic()
                            source.lent.append(sent_at)
                            yield piece
                            try:
                                source.lent.pop()
                            except IndexError:
                                break  # a slow client: the answer was read on without it
            last = told.finish()
            exchange.outcome = Outcome.WHOLE
        except Exception as error:  # noqa: BLE001 told in the dialect's own words
            if not has_begun:
                raise
            last = told.fail(_to_failure(error, exchange))
        if end := encode(last) + dialect.framing.closing:
            yield end

    def _observed(self, exchange: Exchange, events: list[Event]) -> list[Event]:
        """As the client is told of them."""
        exchange.observe(events)
        done = events[-1]
        if self._tells_filter or not isinstance(done, Done) or done.finish != "content_filter":
            return events
        return [*events[:-1], replace(done, finish="stop", was_filtered=True)]


class _Silence:
    """What a client is sent for as long as nothing comes."""

    def __init__(
        self, exchange: Exchange, told: Stream, encode: Callable[[Iterable[Any]], bytes], heartbeat: float
    ) -> None:
        self._exchange, self._told, self._encode, self._heartbeat = exchange, told, encode, heartbeat
        self._tells_line = TELLS_LINE in exchange.request.environ
        self._is_in_line = False

    def tick(self) -> float | None:
        """How often to look."""
        tick = self._heartbeat / 2 or None
        return min(tick or LINE_TICK, LINE_TICK) if self._tells_line else tick

    def sign(self, choice: int, sent_at: float) -> bytes:
        """Mostly none. sent_at: when something was sent last."""
        if self._tells_line and self._exchange.is_in_line != self._is_in_line:
            self._is_in_line = self._exchange.is_in_line
            return self._encode([{"type": "line", "waits": self._is_in_line}])
        if 0 < self._heartbeat * NEARLY <= time.monotonic() - sent_at:
            return self._encode(self._told.heartbeat(choice)) or EMPTY_LINES
        return b""


def _to_failure(error: Exception, exchange: Exchange) -> ProxyError:
    if not isinstance(error, ProxyError):
        log.error("Unexpected failure in a stream", exc_info=error)
        error = InternalError("The proxy failed unexpectedly; its log says more.")
    exchange.fail(error)
    return error
