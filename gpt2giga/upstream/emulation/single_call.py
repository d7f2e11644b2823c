"""At most one call in an answer, where a client cannot take several (contract 5.8)."""

from __future__ import annotations

from collections.abc import Iterator

from gpt2giga.chat import ChatRequest, Event, ToolCall
from gpt2giga.upstream.emulation.batches import Ask


def ask_for_one_call(chat: ChatRequest, ask: Ask) -> Iterator[list[Event]]:
    """GigaChat is told, but nothing shows that it obeys. A model that still wants the other calls makes them later."""
    has_called = False
    for batch in ask(chat):
        kept: list[Event] = []
        for event in batch:
            if not isinstance(event, ToolCall) or not has_called:
                kept.append(event)
            has_called = has_called or isinstance(event, ToolCall)
        yield kept
