"""OpenAI Chat Completions request -> ChatRequest. Pure; raises BadRequest naming the parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from typing import Literal

from gpt2giga.chat import ChatRequest
from gpt2giga.chat import Message
from gpt2giga.chat import Text
from gpt2giga.dialects.openai import fields
from gpt2giga.dialects.openai.fields import Body
from gpt2giga.dialects.openai.fields import invalid

INT32 = 2**31 - 1
ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
# Clients send whatever their menus offer; what GigaChat does not know is clamped, as `ollama` does.
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
    """How the client wants its answer: no matter of the chat itself."""

    stream: bool
    include_usage: bool


def from_chat_request(body: Body) -> ChatRequest:
    return ChatRequest(
        model=fields.string(body, "model"),
        messages=tuple(_messages(body.get("messages"))),
        temperature=fields.number(body, "temperature", 0, 2),
        top_p=fields.number(body, "top_p", 0, 1),
        max_tokens=_max_tokens(body),
        reasoning_effort=_effort(body),
    )


def delivery(body: Body) -> Delivery:
    options = body.get("stream_options")
    include_usage = options is not None and fields.boolean(fields.mapping(options, "stream_options"), "include_usage")
    return Delivery(fields.boolean(body, "stream"), include_usage)


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


def _messages(messages: Any) -> list[Message]:
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", "a list with at least one message")
    return [_message(fields.mapping(item, f"messages[{i}]"), f"messages[{i}]") for i, item in enumerate(messages)]


def _message(message: Body, param: str) -> Message:
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise invalid(f"{param}.role", "one of " + ", ".join(ROLES))
    return Message(ROLES[role], tuple(_parts(message.get("content"), f"{param}.content")))


def _parts(content: Any, param: str) -> list[Text]:
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, list):
        raise invalid(param, "a string or a list of parts")
    return [_part(fields.mapping(item, f"{param}[{i}]"), f"{param}[{i}]") for i, item in enumerate(content)]


def _part(part: Body, param: str) -> Text:
    kind = part.get("type")
    if kind != "text":
        raise invalid(f"{param}.type", f"text; parts of type {kind!r} are not supported")
    if not isinstance(part.get("text"), str):
        raise invalid(f"{param}.text", "a string")
    return Text(part["text"])
