"""Streams of JSON, an item a line: lines alone, or those of one array. The only place that writes them."""

from __future__ import annotations

from collections.abc import Iterable

from gpt2giga.web.framing import Framing, HEADERS, Item, to_line


def _encode(items: Iterable[Item]) -> bytes:
    return b"".join([b"%b\n" % to_line(item) for item in items])


class _Array:
    def __init__(self) -> None:
        self._before = b"["

    def encode(self, items: Iterable[Item]) -> bytes:
        return b"".join([self._next() + to_line(item) for item in items])

    def _next(self) -> bytes:
        before, self._before = self._before, b",\n"
        return before


JSON_LINES = Framing("application/x-ndjson", _encode, HEADERS)


def json_array() -> Framing:
    """Of one stream, which is a single document. Google's older clients take no letter behind its end."""
    return Framing("application/json", _Array().encode, HEADERS, b"]")
