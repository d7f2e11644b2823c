"""Reading a stream of Anthropic's events as a strict client does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

TEXTS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def events(body: str) -> list[dict[str, Any]]:
    """The data of each event; fails on anything that is not an `event:` line, its `data:` line and an empty line."""
    assert body.endswith("\n\n"), body[-200:]
    found = []
    for frame in body[:-2].split("\n\n"):
        name, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}" and data.startswith("data: ")
    return found


def accumulate(stream: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The message that the events add up to; fails on a wrong order."""
    first, *rest, delta, stop = (event for event in stream if event["type"] != "ping")
    assert [first["type"], delta["type"], stop["type"]] == ["message_start", "message_delta", "message_stop"]
    content: list[dict[str, Any]] = []
    is_open = False
    for event in rest:
        match event["type"]:
            case "content_block_start":
                assert not is_open and event["index"] == len(content)
                is_open = True
                content.append({**event["content_block"]})
            case "content_block_delta":
                assert is_open and event["index"] == len(content) - 1
                _add(content[-1], event["delta"])
            case "content_block_stop":
                assert is_open and event["index"] == len(content) - 1
                is_open = False
            case other:
                raise AssertionError(other)
    assert not is_open
    return {**first["message"], "content": content, **delta["delta"], "usage": delta["usage"]}


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if delta["type"] == "citations_delta":
        assert block["type"] == "text"
        block["citations"] = [*block.get("citations", []), delta["citation"]]
    elif delta["type"] == "input_json_delta":
        assert block["input"] == {}
        block["input"] = json.loads(delta["partial_json"])
    else:
        block[TEXTS[delta["type"]]] += delta[TEXTS[delta["type"]]]
