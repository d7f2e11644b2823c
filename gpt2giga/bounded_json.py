"""JSON within limits: `[],` is three bytes on the wire and sixty in memory, and not all that is read can be written.

parse is strict. read_json also understands what GigaChat may write, and what comes out of it can be written again.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

# Levels of nesting for what is written around a client's value.
ROOM = 54
# Of the arguments of a call, or of another document that comes as text.
MOST_VALUES_IN_TEXT = 100_000
# Texts may hold marks too, for people paste tables; more than so many for each value allowed are no table.
MARKS_IN_TEXTS = 5
# Without escapes.
_TEXT = re.compile(rb'"[^"]*"')


class TooManyValues(Exception):
    pass


def parse(content: bytes, most_values: int) -> Any:
    """Raises TooManyValues before anything is made of it, orjson.JSONDecodeError."""
    if len(content) > most_values and has_more_values(content, most_values):
        raise TooManyValues
    return orjson.loads(content)


def has_more_values(content: bytes, most: int) -> bool:
    """Counted by the marks around them, and so about."""
    marks = _marks(content)
    if not most < marks <= MARKS_IN_TEXTS * most:
        return marks > most
    bare = content.replace(rb"\\", b"").replace(rb"\"", b"")
    return bare.count(b'"') > 2 * most or _marks(_TEXT.sub(b"", bare)) > most


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


def is_writable(value: Any) -> bool:
    """False for what orjson reads and cannot write: integers above 64 bits, and nesting deeper than 254 levels."""
    for _ in range(ROOM):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _marks(content: bytes) -> int:
    return sum(map(content.count, (b",", b"[", b"{")))
