"""Events -> OpenAI chat completion. Pure. What strict clients check field by field is all there."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gpt2giga.chat import Citation, Done, Event, Picture, ReasoningDelta, RefusalDelta, TextDelta, ToolCall, Usage
from gpt2giga.dialects.openai.annotations import Mark, to_annotations
from gpt2giga.dialects.pictures import to_markdown
from gpt2giga.dialects.tools import to_custom_input


@dataclass(frozen=True, slots=True)
class ChatHead:
    """What all objects of one answer share.

    model: the name the client asked for. legacy_functions: calls in the form before tool_calls. custom_tools: see
    ChatTools.
    """

    model: str
    legacy_functions: bool = False
    custom_tools: Mapping[str, bool] = field(default_factory=dict)
    id: str = field(default_factory=lambda: "chatcmpl-" + secrets.token_hex(16))
    created: int = field(default_factory=lambda: int(time.time()))

    def to_object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices}


def to_chat_completion(answers: Iterable[list[Event]], head: ChatHead) -> dict[str, Any]:
    """One answer for each choice. The usage is null where GigaChat did not tell it."""
    choices = []
    usages = []
    for index, events in enumerate(answers):
        choice, usage = _to_choice(events, index, head)
        choices.append(choice)
        usages.append(usage)
    return {**head.to_object("chat.completion", choices), "usage": to_usage(sum_usages(usages))}


def _to_choice(events: Iterable[Event], index: int, head: ChatHead) -> tuple[dict[str, Any], Usage | None]:
    said: defaultdict[type, str] = defaultdict(str)
    calls: list[ToolCall] = []
    marks: list[Mark] = []
    letters = 0
    finish = "stop"
    usage: Usage | None = None
    for event in events:
        match event:
            case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
                said[type(event)] += text
                letters += len(text) if isinstance(event, TextDelta) else 0
            case Picture():
                picture = to_markdown(event)
                marks.append((letters, len(picture)))
                said[TextDelta] += picture
            case Citation():
                marks.append(event)
            case ToolCall():
                calls.append(event)
            case Done(finish, counted):
                usage = counted
    content, refusal = said[TextDelta] or None, said[RefusalDelta] or None
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal}
    if said[ReasoningDelta]:
        message["reasoning_content"] = said[ReasoningDelta]
    if marks:
        message |= to_annotations(marks)
    if calls:
        message |= _to_calls(calls, head)
    choice = {"index": index, "message": message, "logprobs": None, "finish_reason": to_finish(finish, head)}
    return choice, usage


def _to_calls(calls: list[ToolCall], head: ChatHead) -> dict[str, Any]:
    if head.legacy_functions:
        return {"function_call": to_function(calls[0])}
    return {"tool_calls": [to_call(call, head) for call in calls]}


def to_call(call: ToolCall, head: ChatHead) -> dict[str, Any]:
    if call.name not in head.custom_tools:
        return {"id": call.id, "type": "function", "function": to_function(call)}
    text = to_custom_input(call.arguments)
    custom = {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": text}}
    if not head.custom_tools[call.name]:
        return custom
    # Cursor, whose custom tools have the form of Responses, looks for the name of a function in every call.
    return {**custom, "function": {"name": call.name, "arguments": text}}


def to_function(call: ToolCall) -> dict[str, str]:
    return {"name": call.name, "arguments": orjson.dumps(call.arguments).decode()}


def to_finish(finish: str, head: ChatHead) -> str:
    return "function_call" if finish == "tool_calls" and head.legacy_functions else finish


def sum_usages(usages: list[Usage | None]) -> Usage | None:
    """None when one of them is not known: a sum without it, or zeros, would look like the truth."""
    known = [usage for usage in usages if usage]
    return sum(known[1:], known[0]) if known and len(known) == len(usages) else None


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
