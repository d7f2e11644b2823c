"""How long is a chat?"""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from gpt2giga.chat import ChatRequest, Part, Text, ToolCall, ToolResult

# Sber's rule of thumb is three to four.
LETTERS_A_TOKEN = 3


def to_texts(chat: ChatRequest) -> list[str]:
    """All that GigaChat would read; pictures and files cannot be counted."""
    texts = [text for message in chat.messages for part in message.parts for text in _texts(part)]
    for tool in chat.tools:
        schema = orjson.dumps(tool.parameters).decode() if tool.parameters else ""
        texts.append(" ".join(text for text in (tool.name, tool.description, schema) if text))
    if chat.json_format and chat.json_format.schema:
        texts.append(orjson.dumps(chat.json_format.schema).decode())
    return [text for text in texts if text]


def _texts(part: Part) -> Iterator[str]:
    match part:
        case Text(text):
            yield text
        case ToolCall(_, name, arguments):
            yield f"{name} {orjson.dumps(arguments).decode()}"
        case ToolResult(_, _, parts):
            yield from (inner.text for inner in parts if isinstance(inner, Text))


def estimate(letters: int) -> int:
    return -(-letters // LETTERS_A_TOKEN)
