"""Lines of JSON: the only place that writes streams of them."""

from __future__ import annotations

from collections.abc import Iterable

from gpt2giga.web.framing import Framing, HEADERS, Item, to_line


def _encode(items: Iterable[Item]) -> bytes:
    return b"".join([b"%b\n" % to_line(item) for item in items])


JSON_LINES = Framing("application/x-ndjson", _encode, HEADERS)
