"""OpenAI Chat Completions request -> ChatRequest. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gpt2giga.chat import ChatRequest, JsonFormat, Message, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.chat_messages import from_messages
from gpt2giga.dialects.controls import from_effort, from_extras, from_openai_format, from_stops, Messages, to_session
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.hosted import HostedTools, no_hosted_tools
from gpt2giga.dialects.messages import required_messages
from gpt2giga.dialects.openai.parameters import TABLE
from gpt2giga.dialects.openai.tools import from_tools, NO_TOOLS
from gpt2giga.dialects.openai.tools import PARAMETERS as TOOL_PARAMETERS
from gpt2giga.dialects.parameters import list_ignored

MOST_CHOICES = 8

# A body of the Responses API -> its chat, the names of its custom tools, and what of it changes nothing.
ReadResponses: TypeAlias = Callable[[Body], tuple[ChatRequest, Iterable[str], tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class ChatDelivery:
    """How the client wants its answer: no matter of the chat itself. custom_tools: see ChatTools. ignored: parameters
    that change nothing."""

    stream: bool
    include_usage: bool
    legacy_functions: bool
    n: int
    custom_tools: Mapping[str, bool]
    ignored: tuple[str, ...]


def from_chat_request(
    body: Body, *, ignore_hosted: bool, hosted_tools: HostedTools = no_hosted_tools
) -> tuple[ChatRequest, ChatDelivery]:
    fields.check_nesting(body)
    # Many chats have none, and need none of what tools need.
    tools = NO_TOOLS
    if not TOOL_PARAMETERS.isdisjoint(body):
        tools = from_tools(body, ignore_hosted=ignore_hosted, hosted_tools=hosted_tools)
    # The newer name wins when a client sends both.
    newer, older = (fields.token_limit(body, name) for name in ("max_completion_tokens", "max_tokens"))
    effort, unknown_effort = from_effort(body, "reasoning_effort")
    several = body.get("parallel_tool_calls")
    messages = tuple(from_messages(required_messages(body)))
    if body.get("system") is not None:
        messages = (*_system(body["system"]), *messages)
    word = fields.string(body, "prompt_cache_key") or fields.string(body, "user")
    chat = ChatRequest(
        model=fields.string(body, "model"),
        messages=messages,
        tools=tools.tools,
        tool_choice=tools.choice,
        hosted=tools.hosted,
        several_calls=(several is None or fields.boolean(body, "parallel_tool_calls")) and not tools.legacy,
        temperature=fields.number(body, "temperature", 0, 2),
        top_p=fields.number(body, "top_p", 0, 1),
        max_tokens=older if newer is None else newer,
        reasoning_effort=effort,
        stop=from_stops(body.get("stop"), "stop"),
        json_format=from_openai_format(body.get("response_format"), "response_format", _from_json_schema),
        session=to_session(word, messages, _texts),
        extras=from_extras(body),
    )
    delivery = ChatDelivery(
        stream=fields.boolean(body, "stream"),
        include_usage="stream_options" in body and include_usage(body),
        legacy_functions=tools.legacy,
        n=fields.integer(body, "n", 1, MOST_CHOICES) or 1,
        custom_tools=tools.custom,
        ignored=(*tools.ignored, *unknown_effort, *list_ignored(body, TABLE)),
    )
    return chat, delivery


def from_responses_body(body: Body, read: ReadResponses) -> tuple[ChatRequest, ChatDelivery]:
    """Cursor posts bodies of the Responses API to the address of chats, and reads the chunks of chats."""
    chat, custom_tools, ignored = read(body)
    return chat, ChatDelivery(
        stream=fields.boolean(body, "stream"),
        include_usage=include_usage(body),
        legacy_functions=False,
        n=1,
        custom_tools=dict.fromkeys(custom_tools, True),
        ignored=ignored,
    )


def _system(content: Any) -> Iterator[Message]:
    """In Anthropic's place for it, where Cursor leaves it for models that are called Claude."""
    if not isinstance(content, str | list):
        raise invalid("system", "a text or a list of blocks")
    return from_messages([{"role": "system", "content": content}])


def _texts(messages: Messages) -> str:
    return "\n".join(part.text for message in messages for part in message.parts if isinstance(part, Text))


def include_usage(body: Body) -> bool:
    options = fields.optional_mapping(body, "stream_options")
    return fields.boolean(options, "include_usage", "stream_options")


def _from_json_schema(wanted: Body, param: str) -> JsonFormat:
    """Its name and description mean nothing to GigaChat, but a wrong type shows a mistake."""
    inner, place = fields.required_object(wanted, "json_schema", param)
    for name in ("name", "description"):
        fields.string(inner, name, place)
    schema = fields.optional_mapping(inner, "schema", place)
    return JsonFormat(schema, fields.boolean(inner, "strict", place), param)
