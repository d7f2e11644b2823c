"""Requests of /api/chat and /api/generate -> ChatRequest. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gpt2giga.chat import ChatRequest, JsonFormat, Message, Text, Tool, ToolResult
from gpt2giga.dialects import fields, file_parts
from gpt2giga.dialects.chat_messages import from_message
from gpt2giga.dialects.controls import Delivery, Effort, from_effort, from_extras, from_stops, to_session
from gpt2giga.dialects.fields import Body, INT32, invalid
from gpt2giga.dialects.messages import each_turn, required_messages
from gpt2giga.dialects.ollama.parameters import CHAT, GENERATE
from gpt2giga.dialects.parameters import list_ignored, Parameter
from gpt2giga.dialects.tools import from_function, inner_tool, tool_kind, tools_by_name


def from_chat_request(body: Body) -> tuple[ChatRequest, Delivery]:
    fields.check_nesting(body)
    messages = tuple(each_turn(required_messages(body), "messages", _from_message))
    return _from_request(body, messages, tuple(tools_by_name(_tools(body)).values()), CHAT)


def _from_message(message: Any, param: str, is_old: bool) -> Iterator[Message]:
    """Images stand beside the content. The model's own are none that it can see."""
    images = [*file_parts.from_images(fields.mapping(message, param), param, is_old=is_old)]
    for found in from_message(message, param, is_old):
        match found.role, found.parts:
            case "user", [ToolResult() as result]:
                found = replace(found, parts=(replace(result, parts=(*result.parts, *images)),))
            case "user", parts:
                found = replace(found, parts=(*parts, *images))
        yield found


def from_generate_request(body: Body) -> tuple[ChatRequest, Delivery]:
    fields.check_nesting(body)
    system = fields.string(body, "system")
    asked = Message("user", (Text(fields.string(body, "prompt")), *file_parts.from_images(body, "", is_old=False)))
    messages = (Message("system", (Text(system),)), asked) if system else (asked,)
    return _from_request(body, messages, (), GENERATE)


def _from_request(
    body: Body, messages: tuple[Message, ...], tools: tuple[Tool, ...], table: Mapping[str, Parameter]
) -> tuple[ChatRequest, Delivery]:
    options = fields.optional_mapping(body, "options")
    given = {**body, **fields.unfolded(options, "options")}
    effort, shows_thoughts, unknown_effort = _thinking(body)
    limit = fields.integer(given, "options.num_predict", -2, INT32) or 0
    penalty = fields.number(given, "options.repeat_penalty", 0, INT32)
    chat = ChatRequest(
        model=fields.string(body, "model"),
        messages=messages,
        tools=tools,
        temperature=fields.number(given, "options.temperature", 0, 2),
        top_p=fields.number(given, "options.top_p", 0, 1),
        max_tokens=limit if limit > 0 else None,
        reasoning_effort=effort,
        stop=from_stops(options.get("stop"), "options.stop"),
        json_format=_format(body.get("format")),
        session=to_session("", messages),
        extras={**({} if penalty is None else {"repetition_penalty": penalty}), **from_extras(body)},
    )
    stream = body.get("stream") is None or fields.boolean(body, "stream")
    return chat, Delivery(stream, shows_thoughts, (*unknown_effort, *list_ignored(given, table)))


def _thinking(body: Body) -> tuple[Effort | None, bool, list[str]]:
    """The effort, whether thoughts are shown, and what changes nothing. Thoughts come unasked, as from Ollama."""
    think = body.get("think")
    if isinstance(think, str):
        effort, unknown = from_effort(body, "think")
        return effort, True, unknown
    if not isinstance(think, bool | None):
        raise invalid("think", "true, false, or an effort such as low, medium and high")
    return "medium" if think else None, think is not False, []


def _format(wanted: Any) -> JsonFormat | None:
    if wanted in (None, "", "json"):
        return JsonFormat() if wanted else None
    return JsonFormat(dict(fields.mapping(wanted, "format", "json or a JSON Schema")), param="format")


def _tools(body: Body) -> Iterator[tuple[Tool, str]]:
    for entry, place in fields.objects(body, "tools"):
        if tool_kind(entry, place) not in ("", "function"):
            raise invalid(f"{place}.type", "function")
        yield from_function(*inner_tool(entry, "function", place)), place
