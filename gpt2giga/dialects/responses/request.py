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
from gpt2giga.dialects.responses.compaction import asked_for, compacted
from gpt2giga.dialects.responses.parameters import list_all_ignored
from gpt2giga.dialects.responses.tool_choice import from_choice
from gpt2giga.dialects.responses.tools import from_tools, Toolbox
from gpt2giga.errors import BadRequest

MOST_METADATA, LONGEST_METADATA_KEY, LONGEST_METADATA = 16, 64, 512


@dataclass(frozen=True, slots=True)
class Past:
    """What the store knows of a request: the items before it, and those that it refers to by id."""

    items: tuple[Any, ...] = ()
    known: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResponseDelivery:
    """How the client wants its answer: no matter of the chat itself. conversation: the id of the one that the turn is
    added to, if any. compaction: the kind of item that is asked for instead of an answer, empty for an answer. ignored:
    parameters that change nothing."""

    stream: bool
    store: bool
    background: bool
    toolbox: Toolbox
    input: tuple[Any, ...]
    conversation: str
    compaction: str
    ignored: tuple[str, ...]


def from_responses_request(
    body: Body, past: Past, *, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools
) -> tuple[ChatRequest, ResponseDelivery]:
    fields.check_nesting(body)
    unused = [*list_all_ignored(body)]
    given = _given(body, past)
    wanted = asked_for(given)
    given = given[:-1] if wanted else given
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
        background=_wants_background(body),
        toolbox=toolbox,
        input=given,
        conversation=conversation_id(body),
        compaction=wanted,
        ignored=(*unused, *left_out),
    )
    words = ("prompt_cache_key", "safety_identifier", "user")
    word = next((found for name in words if (found := fields.string(body, name))), "")
    return replace(chat, session=to_session(word, chat.messages)), delivery


def from_input_at_chat(
    body: Body, *, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools
) -> tuple[ChatRequest, Collection[str], tuple[str, ...]]:
    """Such a body at /chat/completions, where Cursor posts it: the chat, the names of its custom tools, and what of it
    changes nothing. Nothing is kept, the names of tools are the flat ones, and chat's `stop` counts."""
    for name in ("previous_response_id", "conversation"):
        if body.get(name) is not None:
            words = "Only /v1/responses knows what was said earlier: send the conversation in 'input'."
            raise BadRequest(words, param=name)
    chat, delivery = from_responses_request(body, Past(), ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
    if delivery.background:
        raise BadRequest("Only /v1/responses works in the background.", param="background")
    if delivery.compaction:
        raise BadRequest("Only /v1/responses compacts a conversation.", param="input")
    chat = replace(chat, stop=from_stops(body.get("stop"), "stop"))
    client_tools = delivery.toolbox.client_tools.items()
    return chat, [flat for flat, tool in client_tools if tool.kind == "custom"], delivery.ignored


def conversation_id(body: Body) -> str:
    """Empty where none is named. Clients send the id alone, or in an object."""
    value = body.get("conversation")
    if value is None:
        return ""
    if body.get("previous_response_id") is not None:
        raise BadRequest(
            "'conversation' and 'previous_response_id' each say what came before: send one of them.",
            param="conversation",
            code="mutually_exclusive_parameters",
        )
    if isinstance(value, dict):
        return fields.required_string(value, "id", "conversation")
    if not isinstance(value, str) or not value:
        raise invalid("conversation", "the id of a conversation, or an object with its 'id'")
    return value


def from_metadata(body: Body) -> dict[str, str]:
    metadata = fields.optional_mapping(body, "metadata")
    is_short = all(
        len(key) <= LONGEST_METADATA_KEY and isinstance(value, str) and len(value) <= LONGEST_METADATA
        for key, value in metadata.items()
    )
    if len(metadata) > MOST_METADATA or not is_short:
        expected = f"an object of at most {MOST_METADATA} strings of {LONGEST_METADATA} letters"
        raise invalid("metadata", f"{expected}, with keys of {LONGEST_METADATA_KEY}")
    return {**metadata}


def _given(body: Body, past: Past) -> tuple[Any, ...]:
    """The items of `input` that are new, each itself and not a reference to it."""
    found = items.from_input(body.get("input"))
    if conversation_id(body):
        found = [*items.without_present(found, {item["id"]: item for item in past.items})]
    return tuple(items.resolve_references(found, past.known))


def wants_store(body: Body) -> bool:
    return True if body.get("store") is None else fields.boolean(body, "store")


def _wants_background(body: Body) -> bool:
    wanted = fields.boolean(body, "background")
    if wanted and not wants_store(body):
        raise BadRequest("What is made in the background must be kept: 'background' needs 'store'.", param="background")
    return wanted


def _messages(body: Body, past: Past, given: tuple[Any, ...], toolbox: Toolbox) -> tuple[Message, ...]:
    instructions = fields.string(body, "instructions")
    system = (Message("system", (Text(instructions),)),) if instructions else ()
    # The past was read before, so that a mistake can only be in what is given now.
    items.from_items(given, toolbox)
    spoken = items.from_items(compacted([*past.items, *given]), toolbox)
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
    return JsonFormat(schema, fields.boolean(wanted, "strict", param), f"{param}.schema")


def _check_the_rest(body: Body) -> None:
    """What only comes back with the response, or was read elsewhere."""
    fields.string(body, "previous_response_id")
    fields.optional_mapping(body, "stream_options")
    from_metadata(body)
