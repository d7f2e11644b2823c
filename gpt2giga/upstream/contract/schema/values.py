"""JSON values inside a schema: what type they are and how to mention them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeGuard

# The words of Python, SQL, Java and Gemini (which writes them in capitals) that people use as types.
_WORDS = {
    "object": "object dict dictionary map mapping record struct",
    "array": "array list tuple set sequence",
    "string": "string str text",
    "number": "number float double decimal real",
    "integer": "integer int int32 int64 long bigint",
    "boolean": "boolean bool",
    "null": "null none nil undefined",
    "": "any unknown mixed",
}
_TYPES = {word: name for name, words in _WORDS.items() for word in words.split()}
_PYTHON = (("null", type(None)), ("boolean", bool), ("string", str), ("integer", int), ("object", dict))
_MOST_LEVELS = 20
_HUGE = 1e300
# JSON as GigaChat is sent it has no integers of more than 64 bits; a float of that size stays one.
_INTEGERS_END = 2**63


def type_from_word(word: str) -> str | None:
    """The empty string for a word that means any type, None for one that means nothing."""
    return _TYPES.get(word.strip().lower())


def type_of(value: Any) -> str:
    for name, python in _PYTHON:
        if isinstance(value, python):
            return name
    if isinstance(value, float):
        return "integer" if value.is_integer() and -_INTEGERS_END <= value < _INTEGERS_END else "number"
    return "array"


def common_type(values: Iterable[Any]) -> str:
    """Empty when the values have nothing in common."""
    types = {type_of(value) for value in values}
    if types == {"integer", "number"}:
        return "number"
    return types.pop() if len(types) == 1 else ""


def includes(kind: str, other: str) -> bool:
    return kind == other or (kind == "number" and other == "integer")


def fits(value: Any, kind: str) -> bool:
    return includes(kind, type_of(value))


def is_number(value: Any) -> TypeGuard[int | float]:
    # bool is an int to Python; NaN and infinity are not JSON, and integers beyond that are a joke.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -_HUGE < value < _HUGE


def show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if is_small(value) else "..."


def unique(values: Iterable[Any]) -> list[Any]:
    return list({identity(value): value for value in values}.values())


def identity(value: Any) -> str:
    """To Python 1, 1.0 and True are equal; containers too large to show count as one."""
    return f"'{value}" if isinstance(value, str) else show(value)


def is_small(value: Any, most: int = 2000) -> bool:
    """Worth repeating, and safe to: numbers of JSON only, few levels. No recursion, the depth is the client's."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        most -= _size(item)
        if most < 0 or depth > _MOST_LEVELS or not _is_plain(item):
            return False
        if isinstance(item, (dict, list)):
            children = item.values() if isinstance(item, dict) else item
            waiting.extend((child, depth + 1) for child in children)
    return True


def _is_plain(item: Any) -> bool:
    return not isinstance(item, (int, float)) or isinstance(item, bool) or is_number(item)


def _size(item: Any) -> int:
    if isinstance(item, dict):
        return 2 + len(item) + sum(map(len, item))
    return 2 + (len(item) if isinstance(item, (str, list)) else 0)
