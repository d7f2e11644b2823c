"""OpenAI Responses request -> ChatRequest. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gpt2giga.chat import ChatRequest, is_writable, JsonFormat, Message, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.responses import items, read
from gpt2giga.dialects.responses.choice import from_choice
from gpt2giga.dialects.responses.parameters import check_refused, ignored
from gpt2giga.dialects.responses.tools import from_tools, Toolbox

INT32 = 2**31 - 1
MOST_METADATA = 16
# Clients send whatever their menus offer; what GigaChat does not know is clamped.
EFFORTS: dict[str, Literal["low", "medium", "high"]] = {
    "none": "low",
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}


@dataclass(frozen=True, slots=True)
class Past:
    """What the store knows of a request: the conversation before it, and the items it refers to by id."""

    items: tuple[Any, ...] = ()
    known: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the client wants its answer: no matter of the chat itself. ignored: parameters that change nothing."""

    stream: bool
    store: bool
    toolbox: Toolbox
    input: tuple[Any, ...]
    ignored: tuple[str, ...]


def from_responses_request(body: Body, past: Past, *, ignore_hosted: bool) -> tuple[ChatRequest, Delivery]:
    _check_depth(body)
    check_refused(body)
    toolbox = from_tools(body, ignore_hosted=ignore_hosted)
    choice = from_choice(body, toolbox)
    given = tuple(items.resolved(items.from_input(body.get("input")), past.known))
    chat = ChatRequest(
        model=fields.string(body, "model"),
        messages=_messages(body, past, given, toolbox),
        tools=choice.tools,
        tool_choice=choice.choice,
        temperature=fields.number(body, "temperature", 0, 2),
        top_p=fields.number(body, "top_p", 0, 1),
        max_tokens=fields.integer(body, "max_output_tokens", 1, INT32),
        reasoning_effort=_effort(body),
        json_format=_json_format(body),
    )
    _check_the_rest(body)
    left_out = [f"tools.{kind}" for kind in toolbox.hosted]
    left_out += ["tool_choice"] if choice.ignored else []
    left_out += [f"input.{kind}" for kind in dict.fromkeys(items.foreign(given))]
    left_out += _verbosity(body)
    delivery = Delivery(
        stream=fields.boolean(body, "stream"),
        store=wants_store(body),
        toolbox=toolbox,
        input=given,
        ignored=(*ignored(body), *left_out),
    )
    return replace(chat, session=_session(body, chat.messages)), delivery


def wants_store(body: Body) -> bool:
    return True if body.get("store") is None else fields.boolean(body, "store")


def _messages(body: Body, past: Past, given: tuple[Any, ...], toolbox: Toolbox) -> tuple[Message, ...]:
    instructions = fields.string(body, "instructions")
    system = (Message("system", (Text(instructions),)),) if instructions else ()
    # The past was read before, so that a mistake can only be in what is given now.
    items.from_items(given, toolbox)
    spoken = items.from_items([*past.items, *given], toolbox)
    if not spoken and not system:
        raise invalid("input", "a string or a list with at least one item")
    return (*system, *spoken)


def _session(body: Body, messages: tuple[Message, ...]) -> str:
    """The client's own word for the conversation, or its beginning, which every later turn repeats."""
    words = ("prompt_cache_key", "safety_identifier", "user")
    word = next((found for name in words if (found := fields.string(body, name))), "")
    users = (number for number, message in enumerate(messages) if message.role == "user")
    beginning = messages[: next(users, 0) + 1]
    return str(uuid.uuid5(uuid.NAMESPACE_OID, word or repr(beginning)))


def _effort(body: Body) -> Literal["low", "medium", "high"] | None:
    if body.get("reasoning") is None:
        return None
    effort = read.optional_string(fields.mapping(body["reasoning"], "reasoning"), "effort", "reasoning")
    if effort and effort not in EFFORTS:
        raise invalid("reasoning.effort", "one of " + ", ".join(EFFORTS))
    return EFFORTS.get(effort)


def _text(body: Body) -> Body:
    return fields.mapping(body["text"], "text") if body.get("text") is not None else {}


def _verbosity(body: Body) -> list[str]:
    """Medium is what happens anyway."""
    verbosity = read.optional_string(_text(body), "verbosity", "text")
    if verbosity not in ("", "low", "medium", "high"):
        raise invalid("text.verbosity", "low, medium or high")
    return ["text.verbosity"] if verbosity in ("low", "high") else []


def _json_format(body: Body) -> JsonFormat | None:
    wanted = _text(body).get("format")
    if wanted is None:
        return None
    wanted = fields.mapping(wanted, "text.format")
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return JsonFormat()
    if kind != "json_schema":
        raise invalid("text.format.type", "text, json_object or json_schema")
    schema, strict = wanted.get("schema"), wanted.get("strict")
    if not isinstance(schema, dict):
        raise invalid("text.format.schema", "a JSON Schema")
    if strict is not None and not isinstance(strict, bool):
        raise invalid("text.format.strict", "true or false")
    return JsonFormat(schema, strict=bool(strict))


def _check_depth(body: Body) -> None:
    """Most of a request comes back with its response, so it must be possible to write it."""
    for name, value in body.items():
        if not is_writable(value):
            raise invalid(name, "less nesting")


def _check_the_rest(body: Body) -> None:
    """What only comes back with the response, or means what GigaChat does anyway."""
    fields.boolean(body, "parallel_tool_calls")
    fields.string(body, "previous_response_id")
    if body.get("stream_options") is not None:
        fields.mapping(body["stream_options"], "stream_options")
    metadata = fields.mapping({} if body.get("metadata") is None else body["metadata"], "metadata")
    if len(metadata) > MOST_METADATA or not all(isinstance(value, str) for value in metadata.values()):
        raise invalid("metadata", f"an object of at most {MOST_METADATA} strings")
