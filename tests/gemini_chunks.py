"""Reading a stream of Gemini's API as a strict client does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def chunks(body: str) -> list[dict[str, Any]]:
    """Of events; fails on anything that is not a `data:` line and an empty line, but for an error's second line."""
    body, ended, again = body.rpartition("\n\n")
    last = body.rpartition("\n\n")[2]
    assert ended and (not again or last.startswith('data: {"error":') and last == f"data: {again.rstrip()}"), again
    frames = [frame for frame in body.split("\n\n") if frame]
    assert all(frame.startswith("data: ") and "\n" not in frame for frame in frames), frames
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


def accumulate(stream: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The response that the chunks add up to; fails where candidates overlap, or go on after their end."""
    whole: dict[str, Any] = {}
    candidates: list[dict[str, Any]] = []
    for chunk in stream:
        [told] = chunk["candidates"]
        [part] = told["content"]["parts"]
        assert told["content"]["role"] == "model"
        if told["index"] == len(candidates):
            assert not candidates or "finishReason" in candidates[-1]
            candidates.append({"content": {"parts": [], "role": "model"}, "index": told["index"]})
        assert told["index"] == len(candidates) - 1 and "finishReason" not in candidates[-1]
        parts = candidates[-1]["content"]["parts"]
        candidates[-1] |= {**told, "content": candidates[-1]["content"]}
        whole |= chunk
        if parts and "text" in part and not part["text"]:
            continue
        if parts and "text" in part and "text" in parts[-1] and part.get("thought") == parts[-1].get("thought"):
            parts[-1]["text"] += part["text"]
        else:
            parts.append(part)
    assert candidates and "finishReason" in candidates[-1]
    return {**whole, "candidates": candidates}
