"""GigaChat's v1 chat contract: ChatRequest -> payload, and completions or chunks -> events. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from gigachat.models import ChatCompletion
from gigachat.models import ChatCompletionChunk
from gigachat.models import Messages
from gigachat.models import MessagesChunk
from gigachat.models import Usage as SdkUsage

from gpt2giga.chat import ChatRequest
from gpt2giga.chat import Done
from gpt2giga.chat import Event
from gpt2giga.chat import ReasoningDelta
from gpt2giga.chat import TextDelta
from gpt2giga.chat import Usage
from gpt2giga.errors import UpstreamCut
from gpt2giga.errors import UpstreamError
from gpt2giga.upstream.history import to_messages

# 0 is refused, and below 0.001 the service is deterministic (contract 3).
LOWEST_TEMPERATURE = 0.0001
# They are reported to refuse reasoning_effort (contract 3), which agents send to every model.
WITHOUT_REASONING = ("GigaChat-2", "GigaChat-Pro", "GigaChat-Max", "GigaChat-Plus", "GigaChat-preview")


def to_payload(chat: ChatRequest, model: str) -> dict[str, Any]:
    """`model` is GigaChat's id. The payload is what goes over the wire, key for key."""
    payload: dict[str, Any] = {"model": model, "messages": to_messages(chat.messages)}
    if chat.temperature is not None:
        payload["temperature"] = max(chat.temperature, LOWEST_TEMPERATURE)
    if chat.top_p is not None:
        payload["top_p"] = chat.top_p
    if chat.max_tokens is not None:
        payload["max_tokens"] = chat.max_tokens
    if chat.reasoning_effort is not None and not model.startswith(WITHOUT_REASONING):
        payload["reasoning_effort"] = chat.reasoning_effort
    return payload


def from_completion(completion: ChatCompletion) -> Iterator[Event]:
    choice = completion.choices[0] if completion.choices else None
    if choice is None or choice.finish_reason is None:
        raise UpstreamCut("GigaChat's answer ends without a finish reason.", transient=True)
    yield from _from_delta(choice.message)
    yield _done(choice.finish_reason, completion.usage)


def from_chunks(chunks: Iterable[ChatCompletionChunk]) -> Iterator[Event]:
    """Raises UpstreamCut when the chunks end without a finish reason (contract 7: the SDK ends silently)."""
    finish, usage = None, None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices[:1]:
            yield from _from_delta(choice.delta)
            finish = choice.finish_reason or finish
    if finish is None:
        raise UpstreamCut("GigaChat's stream ended before the answer was whole.", transient=True)
    yield _done(finish, usage)


def _from_delta(delta: Messages | MessagesChunk) -> Iterator[Event]:
    if delta.role == "function_in_progress":  # progress of a built-in function, not text of the answer
        return
    if delta.reasoning_content:
        yield ReasoningDelta(delta.reasoning_content)
    if delta.content:
        yield TextDelta(delta.content)


def _done(finish: str, usage: SdkUsage | None) -> Done:
    if finish == "error":  # contract 4: the model wrote invalid arguments
        raise UpstreamError(
            "GigaChat's model produced an invalid function call. Try again.", code="upstream_model_error"
        )
    return Done("length" if finish == "length" else "stop", _usage(usage) if usage else None)


def _usage(usage: SdkUsage) -> Usage:
    """GigaChat leaves cached tokens out of prompt_tokens, OpenAI counts them in (contract 4)."""
    cached = usage.precached_prompt_tokens or 0
    return Usage(prompt=usage.prompt_tokens + cached, completion=usage.completion_tokens, cached=cached)
