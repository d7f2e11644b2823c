"""Messages of a Chat Completions request. Pure; raises BadRequest naming the message and its part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpt2giga.chat import Message, Part, Text, ToolCall, ToolResult
from gpt2giga.concurrency.waiting import in_turns
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.messages import from_content, from_result, newest_of_user, OPENAI_ROLES
from gpt2giga.dialects.openai.tools import from_calls
from gpt2giga.errors import BadRequest

RESULTS = ("tool", "function")  # function: the form before tool_calls, which has no ids
EXPECTED_ROLE = "one of " + ", ".join((*OPENAI_ROLES, *RESULTS))


def from_messages(messages: list[Any]) -> Iterator[Message]:
    """An old message that cannot be read is left out, for the client sends it again with every turn."""
    newest = newest_of_user(messages)
    open_calls = 0
    for number, message in in_turns(messages):
        param, is_old = f"messages[{number}]", number < newest
        try:
            fields.mapping(message, param)
            if message.get("role") in RESULTS:
                yield _result(message, param, is_old, has_call=open_calls > 0)
                open_calls -= open_calls > 0
            else:
                said = _said(message, param, is_old)
                yield said
                open_calls += sum(isinstance(part, ToolCall) for part in said.parts)
        except BadRequest:
            if not is_old:
                raise


def _result(message: Body, param: str, is_old: bool, *, has_call: bool) -> Message:
    call_id, name = (fields.string(message, field, param) for field in ("tool_call_id", "name"))
    if not (call_id or has_call or is_old) and message["role"] == "tool":
        raise invalid(f"{param}.tool_call_id", "the id of a tool call")
    parts = from_result(message.get("content"), f"{param}.content", is_old=is_old)
    return Message("user", (ToolResult(call_id, name, parts),))


def _said(message: Body, param: str, is_old: bool) -> Message:
    """`name` says who speaks; GigaChat has no place for it except in the result of a function."""
    role = fields.one_of(message.get("role"), OPENAI_ROLES, f"{param}.role", EXPECTED_ROLE)
    fields.string(message, "name", param)
    parts: list[Part] = [*from_content(message.get("content"), role, f"{param}.content", is_old=is_old)]
    if role == "assistant":
        # A refusal that a client sends back is what the assistant said.
        if refusal := fields.string(message, "refusal", param):
            parts.append(Text(refusal))
        calls = from_calls(message, param)
        # Clients that speak Anthropic's API too have some calls in both places.
        ids = {call.id for call in calls}
        parts = [*(part for part in parts if not (isinstance(part, ToolCall) and part.id in ids)), *calls]
    return Message(role, tuple(parts))
