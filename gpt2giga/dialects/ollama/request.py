"""Requests of /api/chat and /api/generate -> ChatRequest. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from gpt2giga.chat import ChatRequest, Image, JsonFormat, Message, Text, Tool, ToolResult
from gpt2giga.dialects import fields, file_parts
from gpt2giga.dialects.chat_messages import from_message
from gpt2giga.dialects.controls import Delivery, Effort, from_effort, from_extras, from_stops, to_session
from gpt2giga.dialects.fields import Body, INT32, invalid
from gpt2giga.dialects.messages import each_turn, required_messages
from gpt2giga.dialects.ollama.models import known_name
from gpt2giga.dialects.ollama.parameters import CHAT, GENERATE
from gpt2giga.dialects.parameters import list_ignored, Parameter
from gpt2giga.dialects.tools import from_function, inner_tool, tool_kind, tools_by_name
from gpt2giga.errors import BadRequest

AT_ONCE = (0, "0", "0s")


Read: TypeAlias = Callable[[Body], tuple[ChatRequest, Delivery]]


def is_unload(body: Body) -> bool:
    return body.get("keep_alive") in AT_ONCE and body.get("keep_alive") is not False


def from_chat_request(body: Body) -> tuple[ChatRequest, Delivery]:
    fields.check_nesting(body)
    messages = tuple(each_turn(required_messages(body), "messages", _from_message))
    return _from_request(body, messages, tuple(tools_by_name(_tools(body)).values()), CHAT)


def _from_message(message: Any, param: str, is_old: bool) -> Iterator[Message]:
    """Images stand beside the content."""
    for found in from_message(message, param, is_old):
        images = tuple(file_parts.from_images(message, param, is_old=is_old))
        yield _with_images(found, images) if images else found


def _with_images(message: Message, images: tuple[Image, ...]) -> Message:
    """Those of a tool belong to its result. The model's own are none that it can see."""
    match message.role, message.parts:
        case "user", [ToolResult() as result]:
            return replace(message, parts=(replace(result, parts=(*result.parts, *images)),))
        case "user", parts:
            return replace(message, parts=(*parts, *images))
    return message


def from_generate_request(body: Body) -> tuple[ChatRequest, Delivery]:
    fields.check_nesting(body)
    if fields.string(body, "suffix"):
        raise BadRequest("GigaChat cannot insert text: 'suffix' is not supported.", param="suffix")
    system = fields.string(body, "system")
    images = file_parts.from_images(body, "", is_old=False)
    asked = Message("user", (Text(fields.required_string(body, "prompt", "")), *images))
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
        model=known_name(fields.string(body, "model")),
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
    if think is None or isinstance(think, bool):
        return "medium" if think else None, think is not False, []
    if not isinstance(think, str):
        raise invalid("think", "true, false, or an effort such as low, medium and high")
    effort, unknown = from_effort(body, "think")
    return effort, True, unknown


def _format(wanted: Any) -> JsonFormat | None:
    if wanted is None or wanted == "":
        return None
    if wanted == "json":
        return JsonFormat()
    return JsonFormat(dict(fields.mapping(wanted, "format", "json or a JSON Schema")))


def _tools(body: Body) -> Iterator[tuple[Tool, str]]:
    for entry, place in fields.objects(body, "tools"):
        if tool_kind(entry, place) not in ("", "function"):
            raise invalid(f"{place}.type", "function")
        yield from_function(*inner_tool(entry, "function", place)), place
