"""Messages of Chat Completions, and of Ollama's API. Pure; raises BadRequest naming the message and its part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpt2giga.chat import Message, Part, Text, ToolCall
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.messages import each_turn, from_content, from_tool, OPENAI_ROLES, RESULTS, text_of
from gpt2giga.dialects.tools import from_calls

EXPECTED_ROLE = "one of " + ", ".join((*OPENAI_ROLES, *RESULTS))


def from_messages(messages: list[Any]) -> Iterator[Message]:
    return each_turn(messages, "messages", from_message)


def from_message(message: Any, param: str, is_old: bool) -> Iterator[Message]:
    """`name` says who speaks; GigaChat has no place for it except in the result of a function."""
    if fields.mapping(message, param).get("role") in RESULTS:
        yield from_tool(message, param)
        return
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
    yield Message(role, tuple(parts))
