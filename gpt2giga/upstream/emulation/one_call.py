"""`parallel_tool_calls: false` and its like, which nobody has seen GigaChat obey in every case (contract 5.3)."""

from __future__ import annotations

from collections.abc import Iterator

from gpt2giga.chat import ChatRequest, Event, ToolCall
from gpt2giga.upstream.emulation.batches import Ask


def first_call(ask: Ask, chat: ChatRequest) -> Iterator[list[Event]]:
    """The answer without the calls after its first one."""
    has_called = False
    for batch in ask(chat):
        passed: list[Event] = []
        for event in batch:
            if not (isinstance(event, ToolCall) and has_called):
                passed.append(event)
            has_called = has_called or isinstance(event, ToolCall)
        yield passed
