"""Events -> Anthropic's stream events, in its order. Pure."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

import orjson

from gpt2giga.chat import Done, Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCall
from gpt2giga.dialects.anthropic.response import Head, SIGNATURE, Tally, to_block, to_input, to_opening, to_tool_use

PING = {"type": "ping"}


def to_stream_events(events: Iterable[Event], head: Head) -> Generator[dict[str, Any], None, None]:
    """message_start comes with the first event, so that a refusal can still be a status.

    It holds an estimate of the prompt's tokens: GigaChat gives the figures last, and message_delta has them.
    """
    blocks, tally, started = _Blocks(head), Tally(head), False
    for event in events:
        if not started:
            started = True
            yield {"type": "message_start", "message": to_opening(head)}
        tally.add(event)
        match event:
            case TextDelta(text) | RefusalDelta(text):
                yield from blocks.text(text)
            case ReasoningDelta(text):
                yield from blocks.thinking(text)
            case ToolCall():
                yield from blocks.tool_use(event)
            case Done():
                yield from blocks.close()
                yield {"type": "message_delta", "delta": tally.stop(event), "usage": tally.usage(event)}
                yield {"type": "message_stop"}


class _Blocks:
    """The content blocks: one is open at a time, and all are counted."""

    def __init__(self, head: Head) -> None:
        self._thoughts = head.thoughts
        self._index = -1
        self._open = ""

    def text(self, text: str) -> Iterator[dict[str, Any]]:
        yield from self._opened("text")
        yield self._delta("text_delta", "text", text)

    def thinking(self, text: str) -> Iterator[dict[str, Any]]:
        if self._thoughts == "none":
            return
        yield from self._opened("thinking")
        if self._thoughts == "shown":
            yield self._delta("thinking_delta", "thinking", text)

    def tool_use(self, call: ToolCall) -> Iterator[dict[str, Any]]:
        """The input comes in one piece, as GigaChat sends it."""
        yield from self.close()
        yield self._start(to_tool_use(call, {}))
        self._open = "tool_use"
        yield self._delta("input_json_delta", "partial_json", orjson.dumps(to_input(call)).decode())
        yield from self.close()

    def close(self) -> Iterator[dict[str, Any]]:
        if self._open == "thinking":
            yield self._delta("signature_delta", "signature", SIGNATURE)
        if self._open:
            yield {"type": "content_block_stop", "index": self._index}
        self._open = ""

    def _opened(self, kind: str) -> Iterator[dict[str, Any]]:
        if self._open != kind:
            yield from self.close()
            yield self._start(to_block(kind))
            self._open = kind

    def _start(self, block: dict[str, Any]) -> dict[str, Any]:
        self._index += 1
        return {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, kind: str, name: str, value: str) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": self._index, "delta": {"type": kind, name: value}}
