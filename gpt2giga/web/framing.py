"""What all forms of a stream have in common: how its items become lines, and what a response says of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

# U+0085, U+2028 and U+2029: no line ends in a stream, but for many a client's library (httpx's too).
LINE_ENDS = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # nginx must not collect the stream

# A sign of life in any framing: no event, no item, and space between the items of an array.
EMPTY_LINES = b"\n\n"

# A text is sent as it is; bytes are JSON already.
Item: TypeAlias = Mapping[str, Any] | str | bytes


@dataclass(frozen=True, slots=True)
class Framing:
    """How a stream is written. Everything that is there goes out in one write. closing: behind the last item."""

    mimetype: str
    encode: Callable[[Iterable[Item]], bytes]
    headers: Mapping[str, str]
    closing: bytes = b""


def to_line(item: Item) -> bytes:
    """One line for every client, and without its end."""
    data = item if isinstance(item, bytes) else item.encode() if isinstance(item, str) else orjson.dumps(item)
    # Most chunks have not even the first byte of such a letter, and there are many chunks.
    return LINE_ENDS.sub(_escape, data) if b"\xc2" in data or b"\xe2" in data else data


def _escape(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode())
