"""What an answer consists of, without what it says: for reports that anybody may read."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

# Fields whose values are words of the interface.
TELLING = ("finish_reason", "role", "object", "status")
LONGEST_KEY, MOST_KEYS, DEEPEST = 40, 30, 10


def shape(document: Any, depth: int = 0) -> str:
    """`{choices: [{message: {role=assistant, content}, finish_reason=stop}], usage: {total_tokens}}`."""
    if isinstance(document, dict) and depth < DEEPEST:
        return f"{{{', '.join(_field(name, value, depth) for name, value in list(document.items())[:MOST_KEYS])}}}"
    if isinstance(document, list) and document and depth < DEEPEST:
        kinds = dict.fromkeys(filter(None, (shape(item, depth + 1) for item in document[:MOST_KEYS])))
        return f"[{', '.join(kinds)}]" if kinds else ""
    return ""


def _field(name: str, value: Any, depth: int) -> str:
    name = "".join(filter(str.isprintable, name))[:LONGEST_KEY]
    if name in TELLING and isinstance(value, str | int):
        return f"{name}={str(value)[:LONGEST_KEY]}"
    inner = shape(value, depth + 1)
    return f"{name}: {inner}" if inner else name


def shapes_of(frames: Iterable[tuple[str, Any]]) -> tuple[str, ...]:
    """One line for frames of the same shape that follow each other."""
    written = [f"{event} {shape(data)}".strip() for event, data in frames]
    counted = [(line, len(list(same))) for line, same in groupby(written)]
    return tuple(f"{count} × {line}" if count > 1 else line for line, count in counted)
