"""How long is a request? Pure."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from gpt2giga.chat import ChatRequest, Part, Text, ToolCall, ToolResult

# Sber's rule of thumb is three to four.
LETTERS_A_TOKEN = 3


def texts(chat: ChatRequest) -> list[str]:
    """All that GigaChat would read; pictures and files cannot be counted."""
    found = [text for message in chat.messages for part in message.parts for text in _texts(part)]
    found += [f"{tool.name} {tool.description} {orjson.dumps(tool.parameters).decode()}" for tool in chat.tools]
    return [text for text in found if text]


def _texts(part: Part) -> Iterator[str]:
    if isinstance(part, Text):
        yield part.text
    elif isinstance(part, ToolCall):
        yield f"{part.name} {orjson.dumps(part.arguments).decode()}"
    elif isinstance(part, ToolResult):
        yield from (inner.text for inner in part.parts if isinstance(inner, Text))


def estimate(letters: int) -> int:
    return -(-letters // LETTERS_A_TOKEN)
