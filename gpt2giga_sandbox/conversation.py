"""What a history of v1 says last: the word of the user, or the results of functions."""

from __future__ import annotations

from typing import Any


def fresh_results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results since the last word of the user, when the history ends on one."""
    fresh: list[dict[str, Any]] = []
    messages = up_to_results(messages)
    if messages[-1]["role"] != "function":
        return fresh
    for message in reversed(messages):
        if message["role"] == "user":
            break
        if message["role"] == "function":
            fresh.insert(0, message)
    return fresh


def up_to_results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what an agent adds to results in the user's name: OpenClaw lists its tools there, which must not be
    taken for a wish to call them again, for ever."""
    before = messages
    while before and before[-1]["role"] == "user":
        before = before[:-1]
    return before if before and before[-1]["role"] == "function" else messages
