"""Messages of Chat Completions, and of Ollama's API. Pure; raises BadRequest naming the message and its part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from gpt2giga.chat import Image, Message, Part, Text, ToolCall, ToolResult
from gpt2giga.dialects import fields, file_parts
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.messages import each_turn, from_content, from_tool, OPENAI_ROLES, RESULTS, text_of
from gpt2giga.dialects.tools import from_calls

EXPECTED_ROLE = "one of " + ", ".join((*OPENAI_ROLES, *RESULTS))


def from_messages(messages: list[Any], *, with_images: bool = False) -> Iterator[Message]:
    """with_images: Ollama's, beside the content. Other clients may hold anything in a field of that name."""

    def read(message: Any, param: str, is_old: bool) -> Iterator[Message]:
        is_result = fields.mapping(message, param).get("role") in RESULTS
        found = from_tool(message, param) if is_result else _said(message, param, is_old)
        if with_images and message.get("images") is not None:
            found = _with_images(found, tuple(file_parts.from_images(message, param, is_old=is_old)))
        yield found

    return each_turn(messages, "messages", read)


def _said(message: Body, param: str, is_old: bool) -> Message:
    """`name` says who speaks; GigaChat has no place for it except in the result of a function."""
    role = fields.one_of(message.get("role"), OPENAI_ROLES, f"{param}.role", EXPECTED_ROLE)
    if not is_old:
        fields.string(message, "name", param)
    parts: list[Part] = [*from_content(message.get("content"), role, f"{param}.content", is_old=is_old)]
    if role == "assistant":
        # A refusal that a client sends back is what the assistant said.
        if text_of(message, "refusal"):
            parts.append(Text(text_of(message, "refusal")))
        calls = from_calls(message, param)
        # Clients that speak Anthropic's API too have some calls in both places.
        ids = {call.id for call in calls}
        parts = [*(part for part in parts if not (isinstance(part, ToolCall) and part.id in ids)), *calls]
        if not parts and (message.get("tool_calls") or message.get("function_call")):
            raise invalid(f"{param}.tool_calls", "calls")  # and so nothing was said at all
    return Message(role, tuple(parts))


def _with_images(message: Message, images: tuple[Image, ...]) -> Message:
    """Those of a tool belong to its result. The model's own are none that it can see."""
    match message.role, message.parts:
        case "user", [ToolResult() as result]:
            return replace(message, parts=(replace(result, parts=(*result.parts, *images)),))
        case "user", parts:
            return replace(message, parts=(*parts, *images))
    return message
