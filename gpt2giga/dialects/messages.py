"""What the messages of all dialects have in common: who speaks, and content that is a text or a list of parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, TypeVar

from gpt2giga.chat import Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid

T = TypeVar("T")
Role: TypeAlias = Literal["system", "user", "assistant"]

OPENAI_ROLES: Mapping[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def required_messages(body: Body) -> list[Any]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("messages", "a list with at least one message")
    return messages


def to_parts(content: Any, param: str, called: str = "parts") -> Iterator[tuple[Body, str]]:
    """Each part of the content, and where it stands. A text alone is one part."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if content is not None and not isinstance(content, list):
        raise invalid(param, f"a string or a list of {called}")
    return fields.each_object(content or (), param)


def reader_of(kind: Any, readers: Mapping[str, T], param: str, called: str = "parts") -> T:
    if not isinstance(kind, str) or kind not in readers:
        raise invalid(f"{param}.type", f"one of {', '.join(readers)}; {called} of type {kind!r} are not supported")
    return readers[kind]


def from_text(part: Body, param: str, name: str = "text") -> Text:
    text = part.get(name)
    if not isinstance(text, str):
        raise invalid(f"{param}.{name}", "a string")
    return Text(text)
