"""OpenAI Responses request -> ChatRequest. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gpt2giga.chat import ChatRequest, JsonFormat, Message, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.controls import from_effort, from_extras, from_openai_format, from_stops, to_session
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.hosted import HostedTools, no_hosted_tools
from gpt2giga.dialects.responses import items
from gpt2giga.dialects.responses.parameters import check_refused, list_all_ignored
from gpt2giga.dialects.responses.tool_choice import from_choice
from gpt2giga.dialects.responses.tools import from_tools, Toolbox
from gpt2giga.errors import BadRequest

MOST_METADATA = 16


@dataclass(frozen=True, slots=True)
class Past:
    """What the store knows of a request: the conversation before it, and the items it refers to by id."""

    items: tuple[Any, ...] = ()
    known: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResponseDelivery:
    """How the client wants its answer: no matter of the chat itself. ignored: parameters that change nothing."""

    stream: bool
    store: bool
    toolbox: Toolbox
    input: tuple[Any, ...]
    ignored: tuple[str, ...]


def from_responses_request(
    body: Body, past: Past, *, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools
) -> tuple[ChatRequest, ResponseDelivery]:
    fields.check_nesting(body)
    check_refused(body)
    given = tuple(items.resolve_references(items.from_input(body.get("input")), past.known))
    brought = [*items.brought_tools(past.items, are_past=True), *items.brought_tools(given)]
    toolbox = from_tools(body, brought, ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
    selection = from_choice(body, toolbox)
    several = body.get("parallel_tool_calls")
    text = fields.optional_mapping(body, "text")
    effort, unknown_effort = from_effort(fields.optional_mapping(body, "reasoning"), "effort", "reasoning")
    chat = ChatRequest(
        model=fields.string(body, "model"),
        messages=_messages(body, past, given, toolbox),
        tools=selection.tools,
        tool_choice=selection.choice,
        hosted=selection.hosted,
        several_calls=several is None or fields.boolean(body, "parallel_tool_calls"),
        temperature=fields.number(body, "temperature", 0, 2),
        top_p=fields.number(body, "top_p", 0, 1),
        max_tokens=fields.token_limit(body, "max_output_tokens"),
        reasoning_effort=effort,
        json_format=from_openai_format(text.get("format"), "text.format", _from_schema),
        extras=from_extras(body),
    )
    _check_the_rest(body)
    left_out = [f"tools.{name}" for name in (*toolbox.hosted.left_out, *toolbox.hosted.options)]
    left_out += ["tool_choice"] if selection.ignored else []
    left_out += [f"input.{kind}" for kind in dict.fromkeys(items.foreign_kinds(given))]
    left_out += [*unknown_effort, *_ignored_verbosity(text)]
    delivery = ResponseDelivery(
        stream=fields.boolean(body, "stream"),
        store=wants_store(body),
        toolbox=toolbox,
        input=given,
        ignored=(*list_all_ignored(body), *left_out),
    )
    words = ("prompt_cache_key", "safety_identifier", "user")
    word = next((found for name in words if (found := fields.string(body, name))), "")
    return replace(chat, session=to_session(word, chat.messages)), delivery


def from_input_at_chat(
    body: Body, *, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools
) -> tuple[ChatRequest, Collection[str], tuple[str, ...]]:
    """Such a body at /chat/completions, where Cursor posts it: the chat, the names of its custom tools, and what of it
    changes nothing. Nothing is kept, the names of tools are the flat ones, and chat's `stop` counts."""
    if body.get("previous_response_id") is not None:
        raise BadRequest(
            "Only /v1/responses knows earlier responses: send the conversation in 'input'.",
            param="previous_response_id",
        )
    chat, delivery = from_responses_request(body, Past(), ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
    chat = replace(chat, stop=from_stops(body.get("stop"), "stop"))
    client_tools = delivery.toolbox.client_tools.items()
    return chat, [flat for flat, tool in client_tools if tool.kind == "custom"], delivery.ignored


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


def _ignored_verbosity(text: Body) -> list[str]:
    """Medium is what happens anyway."""
    verbosity = fields.string(text, "verbosity", "text")
    if verbosity not in ("", "low", "medium", "high"):
        raise invalid("text.verbosity", "low, medium or high")
    return ["text.verbosity"] if verbosity in ("low", "high") else []


def _from_schema(wanted: Body, param: str) -> JsonFormat:
    schema = fields.mapping(wanted.get("schema"), f"{param}.schema", "a JSON Schema")
    return JsonFormat(schema, fields.boolean(wanted, "strict", param))


def _check_the_rest(body: Body) -> None:
    """What only comes back with the response, or was read elsewhere."""
    fields.string(body, "previous_response_id")
    fields.optional_mapping(body, "stream_options")
    metadata = fields.optional_mapping(body, "metadata")
    if len(metadata) > MOST_METADATA or not all(isinstance(value, str) for value in metadata.values()):
        raise invalid("metadata", f"an object of at most {MOST_METADATA} strings")
