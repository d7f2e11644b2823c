"""Server-sent events: the only place that writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gpt2giga.web.framing import Framing, HEADERS, Item, to_line

EVENTS = "text/event-stream"


def _encode(items: Iterable[Item]) -> bytes:
    return b"".join([b"data: %b\n\n" % to_line(item) for item in items])


def _encode_named(items: Iterable[Item]) -> bytes:
    return b"".join(
        [b"event: %b\ndata: %b\n\n" % (item["type"].encode(), to_line(item)) for item in items]  # type: ignore[index, call-overload]
    )


def _encode_googles(items: Iterable[Item]) -> bytes:
    """An error stands once more in a line of its own, as Google's service writes them. To its SDK for Node.js before
    2.0, which Pi has, an answer that ends in an event with an error is whole; behind this it says that it broke."""
    return b"".join([b"data: %b\n\n%b" % (to_line(item), _bare_error(item)) for item in items])


def _bare_error(item: Item) -> bytes:
    return b"%b\n" % to_line(item) if isinstance(item, dict) and "error" in item else b""


def decode(frames: bytes) -> Iterator[bytes]:
    """The data of each event that was written here."""
    for line in frames.split(b"\n"):
        if line.startswith(b"data: "):
            yield line.removeprefix(b"data: ")


SSE = Framing(EVENTS, _encode, HEADERS)
GOOGLES_SSE = Framing(EVENTS, _encode_googles, HEADERS)
# Each event says its `type` in a line of its own.
NAMED_SSE = Framing(EVENTS, _encode_named, HEADERS)
