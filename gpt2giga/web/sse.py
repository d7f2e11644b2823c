"""Server-sent events: the only place that writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import orjson

# U+0085, U+2028 and U+2029: no line ends in a stream of events, but for many a client's library (httpx's too).
LINE_ENDS = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # nginx must not collect the stream

# A text is sent as it is; bytes are JSON already.
Item: TypeAlias = Mapping[str, Any] | str | bytes


def encode(items: Iterable[Item], *, named: bool) -> bytes:
    """Everything that is there goes out in one write. named: each event says its `type` in a line of its own."""
    frames = []
    for item in items:
        data = item if isinstance(item, bytes) else item.encode() if isinstance(item, str) else orjson.dumps(item)
        # Most chunks have not even the first byte of such a letter, and there are many chunks.
        if b"\xc2" in data or b"\xe2" in data:
            data = LINE_ENDS.sub(_escape, data)
        if named:
            frames.append(b"event: %b\n" % item["type"].encode())  # type: ignore[index, call-overload]
        frames.append(b"data: %b\n\n" % data)
    return b"".join(frames)


def _escape(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode())


def decode(frames: bytes) -> Iterator[bytes]:
    """The data of each event that `encode` has written."""
    for line in frames.split(b"\n"):
        if line.startswith(b"data: "):
            yield line.removeprefix(b"data: ")
