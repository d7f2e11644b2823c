"""Events -> Anthropic's stream events, in its order. Pure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson

from gpt2giga.chat import (
    Citation,
    Done,
    Event,
    HostedCall,
    Picture,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCall,
    Usage,
)
from gpt2giga.dialects.anthropic.errors import to_error
from gpt2giga.dialects.anthropic.searches import Searches, to_citation, to_search
from gpt2giga.dialects.anthropic.thinking import Thoughts
from gpt2giga.dialects.pictures import to_markdown
from gpt2giga.dialects.tokens import estimate
from gpt2giga.errors import ProxyError

StreamEvent: TypeAlias = dict[str, Any]

PING = {"type": "ping"}
# Clients keep it and send it back; GigaChat's thoughts are never read again, so there is nothing to sign.
SIGNATURE = "Z3B0MmdpZ2E="
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


@dataclass(frozen=True, slots=True)
class MessageHead:
    """What all of one answer shares.

    model: the name the client asked for. prompt: an estimate of the prompt's tokens, for as long as GigaChat has not
    said.
    """

    model: str
    thoughts: Thoughts
    prompt: int
    id: str = field(default_factory=lambda: "msg_" + secrets.token_hex(16))


class MessageStream:
    """message_start comes with the first event or sign of life, as at Anthropic. It holds an estimate of the prompt's
    tokens: GigaChat gives the figures last, and message_delta has them. The content blocks are open one at a time, and
    all are counted.
    """

    def __init__(self, head: MessageHead, request_id: str) -> None:
        self._head, self._request_id = head, request_id
        self._has_begun = self._has_refused = False
        self._letters = 0
        self._index = -1
        self._kind = ""
        self._searches = Searches(head.id.removeprefix("msg_"))

    def feed(self, events: list[Event], choice: int) -> list[StreamEvent]:
        items = self._begin()
        for event in events:
            match event:
                case TextDelta(text) | RefusalDelta(text):
                    self._letters += len(text)
                    self._has_refused = self._has_refused or isinstance(event, RefusalDelta)
                    items += [*self._open("text"), self._delta("text_delta", "text", text)]
                case ReasoningDelta(text):
                    self._letters += len(text)
                    items += self._thinking(text)
                case ToolCall():
                    items += [*self._results(), *self._tool_use(event)]
                case HostedCall():
                    items += self._search(event)
                case Citation():
                    items += self._cite(event)
                case Picture():
                    items += [*self._open("text"), self._delta("text_delta", "text", to_markdown(event))]
                case Done():
                    items += [*self._results(), *self._close(), self._end(event)]
        return items

    def heartbeat(self, choice: int) -> list[StreamEvent]:
        return self._begin() or [PING]

    def finish(self) -> list[StreamEvent]:
        return [{"type": "message_stop"}]

    def fail(self, error: ProxyError) -> list[StreamEvent]:
        return [to_error(error, self._request_id)]

    def _begin(self) -> list[StreamEvent]:
        if self._has_begun:
            return []
        self._has_begun = True
        return [{"type": "message_start", "message": to_opening(self._head)}]

    def _thinking(self, text: str) -> list[StreamEvent]:
        if self._head.thoughts == "none":
            return []
        opened = self._open("thinking")
        if self._head.thoughts == "omitted":
            return opened
        return [*opened, self._delta("thinking_delta", "thinking", text)]

    def _tool_use(self, call: ToolCall) -> list[StreamEvent]:
        """The input comes in one piece, as GigaChat sends it."""
        return [
            *self._close(),
            self._start(to_tool_use(call)),
            self._delta("input_json_delta", "partial_json", orjson.dumps(call.arguments).decode()),
            self._stop(),
        ]

    def _search(self, call: HostedCall) -> list[StreamEvent]:
        """Its input is empty: GigaChat does not tell what it searches for."""
        search = self._searches.tell(call)
        if not search:
            return []
        closed, opened = self._close(), self._start(to_search(search))
        return [*closed, opened, self._delta("input_json_delta", "partial_json", "{}"), self._stop()]

    def _cite(self, citation: Citation) -> list[StreamEvent]:
        """On the text that is open. Of one that is over, the results still tell."""
        self._searches.add_source(citation)
        return [self._delta("citations_delta", "citation", to_citation(citation))] if self._kind == "text" else []

    def _results(self) -> list[StreamEvent]:
        results = self._searches.take_results()
        closed = self._close() if results else []
        return [*closed, *(item for result in results for item in (self._start(result), self._stop()))]

    def _close(self) -> list[StreamEvent]:
        kind, self._kind = self._kind, ""
        signature = [self._delta("signature_delta", "signature", SIGNATURE)] if kind == "thinking" else []
        return [*signature, self._stop()] if kind else []

    def _open(self, kind: str) -> list[StreamEvent]:
        if self._kind == kind:
            return []
        items = [*self._close(), self._start(to_block(kind))]
        self._kind = kind
        return items

    def _start(self, block: dict[str, Any]) -> StreamEvent:
        self._index += 1
        return {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, kind: str, name: str, value: Any) -> StreamEvent:
        return {"type": "content_block_delta", "index": self._index, "delta": {"type": kind, name: value}}

    def _stop(self) -> StreamEvent:
        return {"type": "content_block_stop", "index": self._index}

    def _end(self, done: Done) -> StreamEvent:
        """A streamed text that a stop sequence cuts comes without GigaChat's figures."""
        delta = {"stop_reason": self._stop_reason(done), "stop_sequence": done.stopped_by or None}
        usage = done.usage or Usage(self._head.prompt, estimate(self._letters))
        return {"type": "message_delta", "delta": delta, "usage": {**to_usage(usage), **self._searches.to_usage()}}

    def _stop_reason(self, done: Done) -> str:
        if self._has_refused:
            return "refusal"
        if done.stopped_by:
            return "stop_sequence"
        return STOP_REASONS[done.finish]


def to_opening(head: MessageHead) -> dict[str, Any]:
    """The message as it is known before the first word."""
    return {
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": to_usage(Usage(head.prompt)),
    }


def to_block(kind: str) -> dict[str, Any]:
    """An empty text or thinking block; the text stands under the name of the kind."""
    return {"type": kind, kind: "", **({"signature": ""} if kind == "thinking" else {})}


def to_tool_use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}


def to_usage(usage: Usage) -> dict[str, int]:
    """Anthropic leaves the cached tokens out of input_tokens."""
    return {
        "input_tokens": usage.prompt - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    }
