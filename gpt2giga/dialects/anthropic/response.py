"""Events -> Anthropic message. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from gpt2giga.chat import Event
from gpt2giga.dialects.anthropic.stream import MessageHead, MessageStream


def to_message(answers: Iterable[list[Event]], head: MessageHead) -> dict[str, Any]:
    """What a client makes of the stream."""
    (events,) = answers
    message: dict[str, Any] = {}
    for item in MessageStream(head, "").feed(events, 0):
        match item:
            case {"message": opening}:
                message = opening
            case {"content_block": block}:
                message["content"].append(block)
            case {"delta": end, "usage": usage}:
                message |= {**end, "usage": usage}
            case {"delta": {"partial_json": text}}:
                message["content"][-1]["input"] = orjson.loads(text)
            case {"delta": {"citation": citation}}:
                message["content"][-1].setdefault("citations", []).append(citation)
            case {"delta": delta}:
                _, (name, text) = delta.items()
                message["content"][-1][name] += text
    return message
