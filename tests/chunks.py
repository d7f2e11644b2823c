"""Reading a stream of chat completion chunks as a strict client does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any


def frames(body: str) -> list[str]:
    """The data of each event; fails on anything that is not one `data:` line and an empty line."""
    assert body.endswith("\n\n"), body[-200:]
    events = body[:-2].split("\n\n")
    assert all(event.startswith("data: ") and "\n" not in event for event in events), events
    return [event.removeprefix("data: ") for event in events]


def chunks(body: str) -> list[dict[str, Any]]:
    """The chunks of a stream that is whole."""
    *data, last = frames(body)
    assert last == "[DONE]", last
    return [json.loads(item) for item in data]


def accumulate(stream: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The chat completion that the chunks add up to, for comparison with the whole answer."""
    message: dict[str, Any] = {"content": None}
    finish, usage, head = [], None, {}
    for chunk in stream:
        head = {key: chunk[key] for key in ("id", "created", "model")}
        if not chunk["choices"]:
            usage = chunk["usage"]
            continue
        [choice] = chunk["choices"]
        assert not finish, "a chunk after the finish"
        _add(message, choice["delta"])
        if choice["finish_reason"]:
            finish.append(choice["finish_reason"])
    assert len(finish) == 1, "exactly one finish"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish[0]}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if key in ("content", "reasoning_content", "refusal"):
            if value:
                message[key] = (message.get(key) or "") + value
            else:
                message.setdefault(key, None)
        elif key == "tool_calls":
            for call in value:
                _add_call(message.setdefault("tool_calls", []), call)
        elif key == "function_call":
            function = message.setdefault("function_call", {"name": "", "arguments": ""})
            message["function_call"] = {name: text + value.get(name, "") for name, text in function.items()}
        else:
            assert message.setdefault(key, value) == value


def _add_call(calls: list[dict[str, Any]], delta: dict[str, Any]) -> None:
    kinds = {kind: said for kind, said in (("function", "arguments"), ("custom", "input")) if kind in delta}
    if delta["index"] == len(calls):
        assert delta["id"] and delta["type"] in kinds and delta[delta["type"]]["name"]
        empty = {kind: {"name": "", said: ""} for kind, said in kinds.items()}
        calls.append({"id": delta["id"], "type": delta["type"], **empty})
    call = calls[delta["index"]]
    for kind in kinds:
        for key, value in delta[kind].items():
            call[kind][key] += value
