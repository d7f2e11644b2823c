"""JSON within limits: `[],` is three bytes on the wire and sixty in memory, and not all that is read can be written."""

from __future__ import annotations

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
