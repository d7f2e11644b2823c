"""The JSON of a chat answer, whole and in chunks, and its bytes (contract 4.1, 4.11, 4.12, 4.13)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gpt2giga_sandbox.answers import Answer
from gpt2giga_sandbox.catalog import Model

DONE = b"data: [DONE]\n\n"
PIECE = re.compile(r"(?:\S+\s*){1,3}|\s+")
WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True)
class Turn:
    """What an answer needs from its request."""

    model: Model
    created: int
    prompt_tokens: int
    cached_tokens: int = 0


def whole(answer: Answer, turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"content": answer.text, "role": "assistant"}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    message.update(_call(answer))
    ultra = turn.model.id.startswith("GigaChat-3-Ultra")
    return {
        "choices": [{"message": message, "index": 0, "finish_reason": answer.finish_reason}],
        "created": turn.created,
        "model": turn.model.versioned,
        "object": "chat.completions" if ultra else "chat.completion",
        "usage": usage(answer, turn),
    }


def chunks(answer: Answer, turn: Turn) -> list[dict[str, Any]]:
    """The role stands in the first delta, finish_reason and usage in the last chunk, neither elsewhere."""
    deltas = list(_deltas(answer))
    deltas[0]["role"] = "assistant"
    frames = [_chunk(delta, turn) for delta in deltas]
    frames[-1]["choices"][0]["finish_reason"] = answer.finish_reason
    frames[-1]["usage"] = usage(answer, turn)
    return frames


def pieces(answer: Answer, text: str) -> list[str]:
    return (WORD if answer.word_by_word else PIECE).findall(text)


def _deltas(answer: Answer) -> Iterator[dict[str, Any]]:
    for piece in pieces(answer, answer.reasoning):
        yield {"content": "", "reasoning_content": piece}
    for piece in pieces(answer, answer.text):
        yield {"content": piece}
    if answer.calls:
        yield {"content": "", **_call(answer)}
    if not answer.calls or answer.frames_apart:
        yield {"content": ""}


def _chunk(delta: dict[str, Any], turn: Turn) -> dict[str, Any]:
    return {
        "choices": [{"delta": delta, "index": 0}],
        "created": turn.created,
        "model": turn.model.versioned,
        "object": "chat.completion",
    }


def _call(answer: Answer) -> dict[str, Any]:
    if answer.call is None:
        return {}
    call = {"name": answer.call.name, "arguments": answer.call.arguments}
    return {"function_call": call, "functions_state_id": stable_id(call)}


def stable_id(value: object) -> str:
    """The same for the same value, so that tests can tell answers beforehand."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(value, sort_keys=True)))


def usage(answer: Answer, turn: Turn) -> dict[str, Any]:
    completion = spoken_tokens(answer)
    return {
        "prompt_tokens": turn.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": turn.prompt_tokens + completion,
        "precached_prompt_tokens": turn.cached_tokens,
        **(answer.usage or {}),
    }


def spoken_tokens(answer: Answer) -> int:
    calls = " ".join(json.dumps(vars(call)) for call in answer.calls)
    return max(1, len(f"{answer.reasoning} {answer.text} {calls}".split()))


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def frame(chunk: object) -> bytes:
    """A chunk as one event; a string stands for itself, so that scripts can send broken frames."""
    if isinstance(chunk, str):
        return chunk.encode(errors="replace")
    return b"data: " + compact(chunk) + b"\n\n"
