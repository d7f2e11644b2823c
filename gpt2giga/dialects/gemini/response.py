"""Events -> GenerateContentResponse. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from gpt2giga.chat import Event
from gpt2giga.dialects.gemini.stream import GenerateHead, GenerateStream


def to_response(answers: Iterable[list[Event]], head: GenerateHead) -> dict[str, Any]:
    """What a client makes of the stream."""
    made, whole = GenerateStream(head), head.to_chunk({})
    candidates = []
    for choice, events in enumerate(answers):
        parts: list[dict[str, Any]] = []
        for item in made.feed(events, choice):
            chunk = orjson.loads(item) if isinstance(item, bytes) else item
            whole |= chunk
            _add(parts, chunk["candidates"][0]["content"]["parts"][0])
        candidates.append({**whole["candidates"][0], "content": {"parts": parts, "role": "model"}})
    return {**whole, "candidates": candidates}


def _add(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """A text goes on where the one before it is of its kind; an empty one is only the end of a stream."""
    if parts and "text" in part and parts[-1].keys() == part.keys():
        parts[-1] = {**parts[-1], "text": parts[-1]["text"] + part["text"]}
    elif not parts or part != {"text": ""}:
        parts.append(part)
