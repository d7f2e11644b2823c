"""Events -> OpenAI chat completion. Pure. What strict clients check field by field is all there."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from gpt2giga.chat import Done, Event, ReasoningDelta, RefusalDelta, TextDelta, ToolCall, Usage


@dataclass(frozen=True, slots=True)
class Head:
    """What all objects of one answer share.

    model: the name the client asked for. legacy_functions: calls in the form before tool_calls.
    filtered_as: the finish reason of a text that GigaChat's filter stopped.
    """

    id: str
    created: int
    model: str
    legacy_functions: bool
    filtered_as: str

    @classmethod
    def new(cls, model: str, *, legacy_functions: bool, filtered_as: str) -> Head:
        return cls("chatcmpl-" + secrets.token_hex(16), int(time.time()), model, legacy_functions, filtered_as)


def to_chat_completion(answers: Iterable[list[Event]], head: Head) -> dict[str, Any]:
    """One answer for each choice. The usage is null where GigaChat did not tell it."""
    choices = []
    total: Usage | None = Usage()
    for index, events in enumerate(answers):
        choice, usage = _to_choice(events, index, head)
        choices.append(choice)
        total = added(total, usage)
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": choices,
        "usage": to_usage(total),
    }


def _to_choice(events: Iterable[Event], index: int, head: Head) -> tuple[dict[str, Any], Usage | None]:
    said: defaultdict[type, str] = defaultdict(str)
    calls: list[ToolCall] = []
    finish = "stop"
    usage: Usage | None = None
    for event in events:
        match event:
            case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
                said[type(event)] += text
            case ToolCall():
                calls.append(event)
            case Done(finish, counted):
                usage = counted
    message = {"role": "assistant", "content": said[TextDelta] or None, "refusal": said[RefusalDelta] or None}
    if said[ReasoningDelta]:
        message["reasoning_content"] = said[ReasoningDelta]
    choice = {
        "index": index,
        "message": message | _to_calls(calls, head),
        "logprobs": None,
        "finish_reason": to_finish(finish, head),
    }
    return choice, usage


def _to_calls(calls: list[ToolCall], head: Head) -> dict[str, Any]:
    if not calls:
        return {}
    if head.legacy_functions:
        return {"function_call": to_function(calls[0])}
    return {"tool_calls": [{"id": call.id, "type": "function", "function": to_function(call)} for call in calls]}


def to_function(call: ToolCall) -> dict[str, str]:
    return {"name": call.name, "arguments": orjson.dumps(call.arguments).decode()}


def to_finish(finish: str, head: Head) -> str:
    if finish == "content_filter":
        return head.filtered_as
    return "function_call" if finish == "tool_calls" and head.legacy_functions else finish


def added(total: Usage | None, usage: Usage | None) -> Usage | None:
    """None as soon as one of them is not known: a sum without it, or zeros, would look like the truth."""
    return total + usage if total and usage else None


def to_usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0},
    }
