"""Server-sent events: the only place that writes them."""

from __future__ import annotations

from collections.abc import Iterable

from gpt2giga.web.framing import Framing, HEADERS, Item, to_line

EVENTS = "text/event-stream"


def _encode(items: Iterable[Item]) -> bytes:
    return b"".join([b"data: %b\n\n" % to_line(item) for item in items])


def _encode_named(items: Iterable[Item]) -> bytes:
    return b"".join(
        [b"event: %b\ndata: %b\n\n" % (item["type"].encode(), to_line(item)) for item in items]  # type: ignore[index, call-overload]
    )


SSE = Framing(EVENTS, _encode, HEADERS)
# Each event says its `type` in a line of its own.
NAMED_SSE = Framing(EVENTS, _encode_named, HEADERS)
