"""The lines of Ollama's streams, and what its clients make of them."""

from __future__ import annotations

import json
from typing import Any

# What differs from run to run.
TIMES = ("created_at", "total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


def lines(body: str) -> list[dict[str, Any]]:
    """Each ends in a line feed, the last one too."""
    *found, rest = body.split("\n")
    assert rest == ""
    return [json.loads(line) for line in found]


def accumulate(items: list[dict[str, Any]]) -> dict[str, Any]:
    """As the clients' examples do it: texts are joined, calls gathered, and the last line has the rest."""
    assert [item["done"] for item in items] == [False] * (len(items) - 1) + [True]
    whole = json.loads(json.dumps(items[-1]))
    target = whole.get("message", whole)
    for item in items[:-1]:
        said = item.get("message", item)
        for name in {"content", "response", "thinking", "tool_calls"} & said.keys():
            target[name] = target[name] + said[name] if target.get(name) else said[name]
    return without_times(whole)


def without_times(whole: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in whole.items() if name not in TIMES}
