"""GigaChat's v1 chat contract: ChatRequest -> payload, and completions or chunks -> events. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from typing import Literal

import orjson
from gigachat.models import ChatCompletion
from gigachat.models import ChatCompletionChunk
from gigachat.models import FunctionCall
from gigachat.models import Messages
from gigachat.models import MessagesChunk
from gigachat.models import Usage as SdkUsage

from gpt2giga.chat import ChatRequest
from gpt2giga.chat import Done
from gpt2giga.chat import Event
from gpt2giga.chat import File
from gpt2giga.chat import Image
from gpt2giga.chat import ReasoningDelta
from gpt2giga.chat import TextDelta
from gpt2giga.chat import Tool
from gpt2giga.chat import ToolCall
from gpt2giga.chat import Usage
from gpt2giga.errors import UpstreamCut
from gpt2giga.errors import UpstreamError
from gpt2giga.upstream.history import to_messages
from gpt2giga.upstream.hold import possible_start
from gpt2giga.upstream.names import ToolNames
from gpt2giga.upstream.schema import to_function_parameters
from gpt2giga.upstream.state_id import call_id

# 0 is refused, and below 0.001 the service is deterministic (contract 3).
LOWEST_TEMPERATURE = 0.0001
# They are reported to refuse reasoning_effort (contract 3), which agents send to every model.
WITHOUT_REASONING = ("GigaChat-2", "GigaChat-Pro", "GigaChat-Max", "GigaChat-Plus", "GigaChat-preview")
# What may leak as text before a call (contract 3.1).
LEAK = "assistant function call"
FINISH: dict[str, Literal["stop", "length", "content_filter"]] = {"length": "length", "blacklist": "content_filter"}


def tool_names(chat: ChatRequest) -> ToolNames:
    called = (part.name for message in chat.messages for part in message.parts if isinstance(part, ToolCall))
    return ToolNames([*(tool.name for tool in chat.tools), *called])


def to_payload(
    chat: ChatRequest, model: str, names: ToolNames, files: Mapping[Image | File, str], *, send_state_id: bool
) -> dict[str, Any]:
    """What goes over the wire, key for key. `model` is GigaChat's id, `files` the id of each file."""
    messages = to_messages(chat.messages, names, files, send_state_id=send_state_id)
    if chat.tools and messages[-1]["role"] == "assistant":
        # GigaChat-3 refuses functions unless the user or a function spoke last (contract 3.1).
        messages.append({"role": "user", "content": "Continue."})
    payload: dict[str, Any] = {"model": model, "messages": messages}
    if chat.tools:
        payload["functions"] = [_function(tool, names) for tool in chat.tools]
    if chat.tools and chat.tool_choice.mode == "none":
        payload["function_call"] = "none"
    if chat.tools and chat.tool_choice.mode == "named":
        payload["function_call"] = {"name": names.to_gigachat(chat.tool_choice.name)}
    if chat.json_format and chat.json_format.schema is not None:
        payload["response_format"] = {"type": "json_schema", "schema": chat.json_format.schema, "strict": True}
    if chat.temperature is not None:
        payload["temperature"] = max(chat.temperature, LOWEST_TEMPERATURE)
    if chat.top_p is not None:
        payload["top_p"] = chat.top_p
    if chat.max_tokens is not None:
        payload["max_tokens"] = chat.max_tokens
    if chat.reasoning_effort is not None and not model.startswith(WITHOUT_REASONING):
        payload["reasoning_effort"] = chat.reasoning_effort
    return payload


def to_drawing_payload(prompt: str, model: str) -> dict[str, Any]:
    """`auto` without functions switches GigaChat's built-in ones on (contract 3.1)."""
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": "Нарисуй то, о чём просит пользователь."},
            {"role": "user", "content": f"Нарисуй: {prompt}"},
        ],
        "function_call": "auto",
    }


def _function(tool: Tool, names: ToolNames) -> dict[str, Any]:
    parameters = _parameters(orjson.dumps(tool.parameters))
    return {"name": names.to_gigachat(tool.name), "description": tool.description, "parameters": parameters}


@lru_cache(maxsize=2048)
def _parameters(schema: bytes) -> dict[str, Any]:
    """Remembered: agents send the same list of tools every turn."""
    return to_function_parameters(orjson.loads(schema))


def from_completion(completion: ChatCompletion, names: ToolNames) -> Iterator[Event]:
    answer = _Answer(names)
    for choice in completion.choices[:1]:
        yield from answer.feed(choice.message, choice.finish_reason)
    yield from answer.end(completion.usage)


def from_chunks(chunks: Iterable[ChatCompletionChunk], names: ToolNames) -> Iterator[Event]:
    """Raises UpstreamCut when the chunks end without a finish reason (contract 7: the SDK ends silently)."""
    answer = _Answer(names)
    usage = None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices[:1]:
            yield from answer.feed(choice.delta, choice.finish_reason)
    yield from answer.end(usage)


class _Answer:
    """One answer while it comes in. The call may arrive with the finish reason, before it, or after leaked text."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._finish: str | None = None
        self._called = False
        self._held = ""

    def feed(self, delta: Messages | MessagesChunk, finish: str | None) -> Iterator[Event]:
        self._finish = finish or self._finish
        if delta.role == "function_in_progress":  # progress of a built-in function, not text of the answer
            return
        if delta.reasoning_content:
            yield ReasoningDelta(delta.reasoning_content)
        if delta.content:
            yield from self._text(delta.content)
        if delta.function_call and not self._called:
            self._called = True
            self._held = ""
            yield self._call(delta.function_call, delta.functions_state_id)

    def end(self, usage: SdkUsage | None) -> Iterator[Event]:
        if self._finish is None:
            raise UpstreamCut("GigaChat's answer ended before it was whole.", transient=True)
        if self._finish == "error":  # contract 4: the model wrote invalid arguments
            raise UpstreamError(
                "GigaChat's model produced an invalid function call. Try again.", code="upstream_model_error"
            )
        if self._held:
            yield TextDelta(self._held)
        finish = FINISH.get(self._finish, "stop")
        yield Done("tool_calls" if self._called else finish, _usage(usage) if usage else None)

    def _text(self, text: str) -> Iterator[Event]:
        """Holds back what may be the beginning of a leaked call until it is known not to be one."""
        text = self._held + text
        safe = possible_start(text, LEAK)
        self._held = text[safe:]
        if safe:
            yield TextDelta(text[:safe])

    def _call(self, call: FunctionCall, state_id: str | None) -> ToolCall:
        return ToolCall(call_id(state_id), self._names.from_gigachat(call.name), call.arguments or {})


def _usage(usage: SdkUsage) -> Usage:
    """GigaChat leaves cached tokens out of prompt_tokens, OpenAI counts them in (contract 4)."""
    cached = usage.precached_prompt_tokens or 0
    return Usage(prompt=usage.prompt_tokens + cached, completion=usage.completion_tokens, cached=cached)
