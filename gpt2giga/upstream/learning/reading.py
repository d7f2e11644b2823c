"""GigaChat's answers on both interfaces, as far as the questions look at them (contract 4.1, 4.11, 5.13, 5.16)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from gpt2giga.language import _
from gpt2giga.upstream.learning.topic import Answer, Unclear


def to_frames(stream: bytes) -> tuple[tuple[str, Any], ...]:
    """The name of each event, empty where it has none, and its JSON; None for what is no JSON."""
    found = []
    for block in stream.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line.partition(b":")[::2] for line in block.split(b"\n") if line]
        fields = {name: value.strip() for name, value in lines}
        data = fields.get(b"data")
        if data is not None and data != b"[DONE]":
            found.append((fields.get(b"event", b"").decode(errors="replace"), _json(data)))
    return tuple(found)


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def documents(answer: Answer) -> list[Any]:
    """The whole answer, or the data of each frame."""
    return [data for _, data in answer.frames] if answer.frames else [answer.document]


def _choices(document: Any) -> Iterator[dict[str, Any]]:
    choices = document.get("choices") if isinstance(document, dict) else None
    yield from (choice for choice in choices or () if isinstance(choice, dict))


def messages(document: Any) -> Iterator[dict[str, Any]]:
    """Of v1 or v2, whole or a piece."""
    for choice in _choices(document):
        found = choice.get("message") or choice.get("delta")
        if isinstance(found, dict):
            yield found
    found = document.get("messages") if isinstance(document, dict) else None
    yield from (message for message in found or () if isinstance(message, dict))


def parts(document: Any) -> Iterator[dict[str, Any]]:
    """Of v2."""
    for message in messages(document):
        content = message.get("content")
        if isinstance(content, list):
            yield from (part for part in content if isinstance(part, dict))


def calls(answer: Answer) -> list[dict[str, Any]]:
    found = []
    for document in documents(answer):
        holders = [*messages(document), *parts(document)]
        found += [holder["function_call"] for holder in holders if isinstance(holder.get("function_call"), dict)]
    return found


def text(answer: Answer) -> str:
    """What the assistant says, without its thoughts."""
    found = []
    for document in documents(answer):
        for message in messages(document):
            content = message.get("content")
            if message.get("role") == "reasoning":
                continue
            if isinstance(content, str):
                found.append(content)
            elif isinstance(content, list):
                found += [part["text"] for part in content if isinstance(part, dict) and "text" in part]
    return "".join(map(str, found))


def has_used_a_tool(answer: Answer) -> bool:
    """One of GigaChat's own, which leaves a state or what it has found (contract 5.21, 5.22, 5.24)."""
    found = [message for document in documents(answer) for message in messages(document)]
    found += [part for document in documents(answer) for part in parts(document)]
    return any(place.get(name) for place in found for name in ("tool_state_id", "inline_data", "tool_execution"))


def has_thoughts(answer: Answer) -> bool:
    """In a field of their own, in the text, or as a role's messages (contract 4.6, 4.7, 5.20)."""
    found = [message for document in documents(answer) for message in messages(document)]
    spoken = any(message.get("reasoning_content") or message.get("role") == "reasoning" for message in found)
    return spoken or "<think>" in text(answer)


def finish_reason(document: Any) -> str:
    if not isinstance(document, dict):
        return ""
    found = [document.get("finish_reason"), *(choice.get("finish_reason") for choice in _choices(document))]
    return next((reason for reason in found if isinstance(reason, str)), "")


def check_whole(answer: Answer) -> None:
    """Raises Unclear for an answer that max_tokens cut: what it lacks might have come."""
    if any(finish_reason(document) == "length" for document in documents(answer)):
        raise Unclear(_("the answer was cut before it came to that"))


def release(answer: Answer) -> str:
    """The model with its release (contract 4.3); empty where it does not say."""
    found = [document.get("model") for document in documents(answer) if isinstance(document, dict)]
    return next((name for name in found if isinstance(name, str)), "")


def tokens(answer: Answer) -> int:
    """What the question and the answer took."""
    for document in documents(answer):
        usage = document.get("usage") if isinstance(document, dict) else None
        if isinstance(usage, dict) and isinstance(usage.get("total_tokens"), int):
            return int(usage["total_tokens"])
    return 0
