"""What requests of all dialects say besides messages and tools: effort, form of the answer, conversation."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from gpt2giga.chat import JsonFormat, Message
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid

Effort: TypeAlias = Literal["low", "medium", "high"]
Messages: TypeAlias = tuple[Message, ...]

# Clients send whatever their menus offer; what GigaChat does not know is clamped.
EFFORTS: Mapping[str, Effort] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
OPENAI_EFFORTS: Mapping[str, Effort] = {"none": "low", "minimal": "low", **EFFORTS}


def from_openai_effort(body: Body, name: str, within: str = "") -> Effort | None:
    effort = fields.string(body, name, within)
    return fields.one_of(effort, OPENAI_EFFORTS, fields.path(name, within)) if effort else None


def from_openai_format(wanted: Any, param: str, from_schema: Callable[[Body, str], JsonFormat]) -> JsonFormat | None:
    """from_schema: reads the type json_schema, which stands in another place in each API."""
    if wanted is None:
        return None
    wanted = fields.mapping(wanted, param)
    kind = wanted.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return JsonFormat()
    if kind != "json_schema":
        raise invalid(f"{param}.type", "text, json_object or json_schema")
    return from_schema(wanted, param)


def to_session(word: str, messages: Messages, to_text: Callable[[Messages], str] = repr) -> str:
    """GigaChat's session, which its prompt cache goes by: the same for all requests of one conversation.

    By the client's own word for the conversation, or by its beginning, which every later turn repeats.
    """
    users = (number for number, message in enumerate(messages) if message.role == "user")
    return str(uuid.uuid5(uuid.NAMESPACE_OID, word or to_text(messages[: next(users, 0) + 1])))
