"""Messages as clients send them -> a history that GigaChat accepts (contract 3). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gpt2giga.chat import Message
from gpt2giga.chat import Text

PARAGRAPH = "\n\n"


def to_messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """One system message, and it is first; messages of one role in a row are joined."""
    messages = list(messages)
    system = PARAGRAPH.join(_text(message) for message in messages if message.role == "system")
    history: list[dict[str, Any]] = []
    for message in messages:
        if message.role != "system":
            _append(history, message.role, _text(message))
    if not history:  # a system message alone is refused; the service itself would make it the user's
        return [{"role": "user", "content": system}]
    return [{"role": "system", "content": system}, *history] if system else history


def _append(history: list[dict[str, Any]], role: str, text: str) -> None:
    if history and history[-1]["role"] == role:
        history[-1]["content"] = _joined(history[-1]["content"], text)
    else:
        history.append({"role": role, "content": text})


def _joined(first: str, second: str) -> str:
    return PARAGRAPH.join(text for text in (first, second) if text)


def _text(message: Message) -> str:
    return PARAGRAPH.join(part.text for part in message.parts if isinstance(part, Text))
