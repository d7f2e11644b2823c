"""OpenAI Chat Completions request -> ChatRequest. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any, Literal

from gpt2giga.chat import ChatRequest, is_writable, Message, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.dialects.openai.controls import check_modalities, from_response_format, from_stop
from gpt2giga.dialects.openai.messages import from_messages
from gpt2giga.dialects.openai.parameters import ignored
from gpt2giga.dialects.openai.tools import from_tools

INT32 = 2**31 - 1
MOST_CHOICES = 8
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
class Delivery:
    """How the client wants its answer: no matter of the chat itself. ignored: parameters that change nothing."""

    stream: bool
    include_usage: bool
    legacy_functions: bool
    n: int
    ignored: tuple[str, ...]


def from_chat_request(body: Body) -> tuple[ChatRequest, Delivery]:
    for name, value in body.items():
        if not is_writable(value):
            raise invalid(name, "JSON that is nested less deeply")
    tooling = from_tools(body)
    chat = ChatRequest(
        model=fields.string(body, "model"),
        messages=_messages(body),
        tools=tooling.tools,
        tool_choice=tooling.choice,
        temperature=fields.number(body, "temperature", 0, 2),
        top_p=fields.number(body, "top_p", 0, 1),
        max_tokens=_max_tokens(body),
        reasoning_effort=_effort(body),
        stop=from_stop(body),
        json_format=from_response_format(body),
    )
    # GigaChat gives one call per answer (contract 3.1.13), whatever is asked for.
    fields.boolean(body, "parallel_tool_calls")
    check_modalities(body)
    delivery = Delivery(
        stream=fields.boolean(body, "stream"),
        include_usage=include_usage(body),
        legacy_functions=tooling.legacy,
        n=fields.integer(body, "n", 1, MOST_CHOICES) or 1,
        ignored=tuple(ignored(body)),
    )
    return replace(chat, session=_session(body, chat.messages)), delivery


def _session(body: Body, messages: tuple[Message, ...]) -> str:
    """The client's own word for the conversation, or its beginning, which every later turn repeats."""
    word = fields.string(body, "prompt_cache_key") or fields.string(body, "user")
    users = (number for number, message in enumerate(messages) if message.role == "user")
    beginning = messages[: next(users, 0) + 1]
    texts = [part.text for message in beginning for part in message.parts if isinstance(part, Text)]
    return str(uuid.uuid5(uuid.NAMESPACE_OID, word or "\n".join(texts)))


def include_usage(body: Body) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    return fields.boolean(fields.mapping(options, "stream_options"), "include_usage", "stream_options")


def _messages(body: Body) -> tuple[Message, ...]:
    messages: Any = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", "a list with at least one message")
    return tuple(from_messages(messages))


def _max_tokens(body: Body) -> int | None:
    """The newer name wins when a client sends both."""
    newer = fields.integer(body, "max_completion_tokens", 1, INT32)
    older = fields.integer(body, "max_tokens", 1, INT32)
    return older if newer is None else newer


def _effort(body: Body) -> Literal["low", "medium", "high"] | None:
    effort = fields.string(body, "reasoning_effort")
    if effort and effort not in EFFORTS:
        raise invalid("reasoning_effort", "one of " + ", ".join(EFFORTS))
    return EFFORTS.get(effort)
