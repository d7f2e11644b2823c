"""Reading what GigaChat answers. What comes out of here can be written again, whatever GigaChat sent."""

from __future__ import annotations

import json
from typing import Any

import orjson

from gpt2giga.bounded_json import parse

# The largest that clients in JavaScript read exactly.
LARGEST_NUMBER = 2**53


class Unreadable(Exception):
    """An answer, or a chunk of one, that does not have the documented form (contract 4.1, 4.10)."""

    def __init__(self, document: Any) -> None:
        super().__init__("not the documented form")
        self.document = document


def read_json(data: bytes, most_values: int) -> Any:
    """Raises TooManyValues, json.JSONDecodeError.

    Nothing shows that GigaChat escapes control characters (contract 9.14), and a text that was cut may end in half of
    a surrogate pair. Strict JSON has neither in its strings.
    """
    try:
        return parse(data, most_values)
    except orjson.JSONDecodeError:
        return make_strict(read_loosely(data))


def read_loosely(data: bytes) -> Any:
    """With what strict JSON does not have. Raises json.JSONDecodeError."""
    try:
        return json.loads(data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as error:  # a number may be too long for Python
        raise json.JSONDecodeError(str(error), "", 0) from None


def make_strict(document: Any) -> Any:
    """What `read_loosely` has read, as orjson reads it. Raises json.JSONDecodeError."""
    try:
        return orjson.loads(whole_characters(json.dumps(document, ensure_ascii=False)))
    except RecursionError as error:
        raise json.JSONDecodeError(str(error), "", 0) from None


def whole_characters(text: str) -> str:
    """Halves of surrogate pairs find each other; one that is alone cannot be written."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def whole_number(value: Any) -> int:
    """Of tokens, bytes and the like. Raises Unreadable."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise Unreadable(value) from None
    if not 0 <= number <= LARGEST_NUMBER:
        raise Unreadable(value)
    return number
