"""Events -> OpenAI chat completion chunks. Pure."""

from __future__ import annotations

from collections.abc import Generator
from collections.abc import Iterable
from typing import Any

from gpt2giga.chat import Done
from gpt2giga.chat import Event
from gpt2giga.chat import TextDelta
from gpt2giga.chat import Usage
from gpt2giga.dialects.openai.response import Head
from gpt2giga.dialects.openai.response import to_usage

DONE = "[DONE]"


def heartbeat(head: Head) -> dict[str, Any]:
    """A sign of life that changes nothing. OpenClaw's watchdog does not count SSE comments, but it counts this."""
    return _chunk(head, {"content": ""})


def to_chunks(
    events: Iterable[Event], head: Head, *, include_usage: bool
) -> Generator[dict[str, Any] | str, None, None]:
    """The first chunk carries the role and comes with the first event, so that a refusal can still be a status."""
    started = False
    for event in events:
        if not started:
            started = True
            yield _chunk(head, {"role": "assistant", "content": "", "refusal": None})
        match event:
            case TextDelta(text):
                yield _chunk(head, {"content": text})
            case Done(finish, usage):
                yield _chunk(head, {}, finish)
                if include_usage:
                    yield {**_chunk(head, {}), "choices": [], "usage": to_usage(usage or Usage())}
    yield DONE


def _chunk(head: Head, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": "chat.completion.chunk",
        "created": head.created,
        "model": head.model,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
