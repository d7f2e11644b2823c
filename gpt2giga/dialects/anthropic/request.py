"""Anthropic Messages request -> ChatRequest. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gpt2giga.chat import ChatRequest, JsonFormat, Message, Part, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.anthropic.parameters import TABLE
from gpt2giga.dialects.anthropic.thinking import from_thinking, Thoughts
from gpt2giga.dialects.anthropic.tools import from_tools
from gpt2giga.dialects.controls import from_extras, from_stops, to_session
from gpt2giga.dialects.fields import Body, INT32, invalid
from gpt2giga.dialects.hosted import HostedTools, no_hosted_tools
from gpt2giga.dialects.messages import each_turn, from_content, from_tool, required_messages, RESULTS, Role
from gpt2giga.dialects.parameters import list_ignored

# Claude Code's first system block. It changes from version to version, and GigaChat's prompt cache goes by beginnings.
BILLING = "x-anthropic-billing-header:"
# Claude Code puts `system` between the others, also last.
ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


@dataclass(frozen=True, slots=True)
class MessageDelivery:
    """How the client wants its answer: no matter of the chat itself. ignored: parameters that change nothing."""

    stream: bool
    thoughts: Thoughts
    ignored: tuple[str, ...]


def from_messages_request(
    body: Body, *, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools
) -> tuple[ChatRequest, MessageDelivery]:
    fields.check_nesting(body)
    unused = list_ignored(body, TABLE)
    messages = tuple(_messages(body))
    tools = from_tools(body, ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
    effort, thoughts, ignored = from_thinking(body)
    chat = ChatRequest(
        model=fields.string(body, "model"),
        messages=messages,
        tools=tools.tools,
        tool_choice=tools.choice,
        hosted=tools.hosted,
        several_calls=tools.several_calls,
        temperature=fields.number(body, "temperature", 0, 1),
        top_p=fields.number(body, "top_p", 0, 1),
        max_tokens=_max_tokens(body),
        reasoning_effort=effort,
        stop=from_stops(body.get("stop_sequences"), "stop_sequences"),
        json_format=_format(body),
        extras=from_extras(body),
        session=to_session(_user(body), messages),
    )
    stream = fields.boolean(body, "stream")
    return chat, MessageDelivery(stream, thoughts, (*unused, *ignored, *tools.ignored))


def from_count_request(body: Body, *, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools) -> ChatRequest:
    """The same body without what only an answer needs."""
    body = {**body, "max_tokens": 1, "stream": False}
    chat, _ = from_messages_request(body, ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
    return chat


def _format(body: Body) -> JsonFormat | None:
    """`output_format` is the beta's name for it."""
    param, wanted = "output_config.format", fields.optional_mapping(body, "output_config").get("format")
    if wanted is None:
        param, wanted = "output_format", body.get("output_format")
    if wanted is None:
        return None
    wanted = fields.mapping(wanted, param)
    if wanted.get("type") != "json_schema":
        raise invalid(f"{param}.type", "json_schema")
    schema, place = fields.required_object(wanted, "schema", param)
    return JsonFormat(dict(schema), param=place)


def _max_tokens(body: Body) -> int | None:
    """Required, as by Anthropic: a client that forgets it is told here and not in production."""
    if body.get("max_tokens") is None:
        raise invalid("max_tokens", f"an integer from 1 to {INT32}; it is required")
    return fields.token_limit(body, "max_tokens")


def _messages(body: Body) -> Iterator[Message]:
    if system := _system(body):
        yield Message("system", system)
    yield from each_turn(required_messages(body), "messages", _message)


def _system(body: Body) -> tuple[Part, ...]:
    parts = from_content(body.get("system"), "system", "system")
    return tuple(part for part in parts if not (isinstance(part, Text) and part.text.startswith(BILLING)))


def _message(message: Any, param: str, is_old: bool) -> Iterator[Message]:
    """Claude Code's reminders for one turn stay in the history and are not shown again."""
    if fields.mapping(message, param).get("role") in RESULTS:
        yield from_tool(message, param)
    elif not (is_old and message.get("clear_at") == "next_user_message"):
        role = fields.one_of(message.get("role"), ROLES, f"{param}.role")
        yield Message(role, tuple(from_content(message.get("content"), role, f"{param}.content", is_old=is_old)))


def _user(body: Body) -> str:
    """Claude Code's user_id holds its session."""
    return fields.string(fields.optional_mapping(body, "metadata"), "user_id", "metadata")
