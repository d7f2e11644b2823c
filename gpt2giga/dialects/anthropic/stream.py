"""Events -> Anthropic's stream events, in its order. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from gpt2giga.chat import Done, Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCall
from gpt2giga.dialects.anthropic.errors import to_error
from gpt2giga.dialects.anthropic.response import Head, SIGNATURE, Tally, to_block, to_opening, to_tool_use
from gpt2giga.errors import ProxyError

PING = {"type": "ping"}

Item = dict[str, Any]


class MessageStream:
    """message_start comes with the first event. It holds an estimate of the prompt's tokens: GigaChat gives the figures
    last, and message_delta has them. The content blocks are open one at a time, and all are counted.
    """

    def __init__(self, head: Head, request_id: str) -> None:
        self._head, self._request_id = head, request_id
        self._tally = Tally(head)
        self._has_begun = False
        self._index = -1
        self._open = ""

    def feed(self, events: list[Event], choice: int) -> list[Item]:
        items: list[Item] = []
        if not self._has_begun:
            self._has_begun = True
            items.append({"type": "message_start", "message": to_opening(self._head)})
        for event in events:
            self._tally.add(event)
            match event:
                case TextDelta(text) | RefusalDelta(text):
                    items += [*self._opened("text"), self._delta("text_delta", "text", text)]
                case ReasoningDelta(text):
                    items += self._thinking(text)
                case ToolCall():
                    items += self._tool_use(event)
                case Done():
                    delta, usage = self._tally.stop(event), self._tally.usage(event)
                    items += [*self._closed(), {"type": "message_delta", "delta": delta, "usage": usage}]
        return items

    def heartbeat(self, choice: int) -> list[Item]:
        return [PING]

    def finish(self) -> list[Item]:
        return [{"type": "message_stop"}]

    def fail(self, error: ProxyError) -> list[Item]:
        return [to_error(error, self._request_id)]

    def _thinking(self, text: str) -> list[Item]:
        if self._head.thoughts == "none":
            return []
        opened = self._opened("thinking")
        if self._head.thoughts == "omitted":
            return opened
        return [*opened, self._delta("thinking_delta", "thinking", text)]

    def _tool_use(self, call: ToolCall) -> list[Item]:
        """The input comes in one piece, as GigaChat sends it."""
        items = [*self._closed(), self._start(to_tool_use(call, {}))]
        self._open = "tool_use"
        return [
            *items,
            self._delta("input_json_delta", "partial_json", orjson.dumps(call.arguments).decode()),
            *self._closed(),
        ]

    def _closed(self) -> list[Item]:
        kind, self._open = self._open, ""
        if not kind:
            return []
        stop = {"type": "content_block_stop", "index": self._index}
        return [self._delta("signature_delta", "signature", SIGNATURE), stop] if kind == "thinking" else [stop]

    def _opened(self, kind: str) -> list[Item]:
        if self._open == kind:
            return []
        items = [*self._closed(), self._start(to_block(kind))]
        self._open = kind
        return items

    def _start(self, block: dict[str, Any]) -> Item:
        self._index += 1
        return {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, kind: str, name: str, value: str) -> Item:
        return {"type": "content_block_delta", "index": self._index, "delta": {"type": kind, name: value}}
