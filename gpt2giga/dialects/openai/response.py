"""Events -> OpenAI chat completion. Pure. What strict clients check field by field is all there."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gpt2giga.chat import Done
from gpt2giga.chat import Event
from gpt2giga.chat import TextDelta
from gpt2giga.chat import Usage


@dataclass(frozen=True, slots=True)
class Head:
    """What every object of one answer repeats. `model` is the name the client asked for."""

    id: str
    created: int
    model: str

    @classmethod
    def new(cls, model: str) -> Head:
        return cls("chatcmpl-" + uuid.uuid4().hex, int(time.time()), model)


def to_chat_completion(events: Iterable[Event], head: Head) -> dict[str, Any]:
    texts: list[str] = []
    finish, usage = "stop", Usage()
    for event in events:
        match event:
            case TextDelta(text):
                texts.append(text)
            case Done(finish, counted):
                usage = counted or usage
    message = {"role": "assistant", "content": "".join(texts) or None, "refusal": None}
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": to_usage(usage),
    }


def to_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning, "audio_tokens": 0},
    }
