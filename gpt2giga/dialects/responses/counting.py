"""The texts of a chat, to count their tokens. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from gpt2giga.chat import ChatRequest, Part, Text, ToolCall, ToolResult


def to_texts(chat: ChatRequest) -> list[str]:
    parts = (part for message in chat.messages for part in message.parts)
    texts = [text for part in parts for text in _texts(part)]
    for tool in chat.tools:
        texts += [tool.name, tool.description, orjson.dumps(tool.parameters).decode()]
    if chat.json_format and chat.json_format.schema is not None:
        texts.append(orjson.dumps(chat.json_format.schema).decode())
    return [text for text in texts if text]


def _texts(part: Part) -> Iterator[str]:
    match part:
        case Text(text):
            yield text
        case ToolCall(_, name, arguments):
            yield from (name, orjson.dumps(arguments).decode())
        case ToolResult():
            yield from (text for inner in part.parts for text in _texts(inner))
