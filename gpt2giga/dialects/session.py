"""GigaChat's session, which its prompt cache goes by: the same for all requests of one conversation."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TypeAlias

from gpt2giga.chat import Message

Messages: TypeAlias = tuple[Message, ...]


def to_session(word: str, messages: Messages, written: Callable[[Messages], str] = repr) -> str:
    """By the client's own word for the conversation, or by its beginning, which every later turn repeats."""
    users = (number for number, message in enumerate(messages) if message.role == "user")
    return str(uuid.uuid5(uuid.NAMESPACE_OID, word or written(messages[: next(users, 0) + 1])))
