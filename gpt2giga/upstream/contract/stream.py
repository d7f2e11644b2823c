"""GigaChat's streams on v1 -> events. Pure."""

from __future__ import annotations

from contextlib import suppress

import orjson

from gpt2giga.bounded_json import make_strict, read_loosely
from gpt2giga.chat import Event
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.contract.v1 import Answer, Unreadable

# Bytes. A chunk of a stream is never so long, and a line that grows without end must not fill the memory.
LONGEST_LINE = 4 * 1024 * 1024


class StreamedAnswer(Answer):
    """An answer from the bytes of GigaChat's stream, in pieces of any size.

    Lines end at line feeds only: U+2028 in a text is no end, as it is for httpx (contract 9.14).
    """

    def __init__(self, names: ToolNames) -> None:
        super().__init__(names)
        self._rest: list[bytes] = []
        self._length = 0
        self.failure: Unreadable | None = None

    def feed(self, piece: bytes) -> list[Event]:
        """After the last piece a line feed. What came before a frame that cannot be read counts; see `failure`."""
        lines = piece.split(b"\n")
        self._rest.append(lines[0])
        self._length += len(lines[0])
        if self._length > LONGEST_LINE:
            self._rest, self.failure = [], Unreadable(None)
            return []
        if len(lines) == 1:
            return []
        lines[0], self._rest = b"".join(self._rest), [lines[-1]]
        self._length = len(lines.pop())
        events: list[Event] = []
        try:
            for line in lines:
                if line.startswith(b"data:"):
                    try:
                        document = orjson.loads(line[5:])
                    except ValueError:
                        self._add_loosely(line[5:], events)
                        continue
                    if document:
                        self.add(document, "delta", events)
        except Unreadable as failure:
            self.failure = failure
        return events

    def _add_loosely(self, data: bytes, events: list[Event]) -> None:
        """A text may end in half of a surrogate pair, whose other half begins the next."""
        if data.strip() == b"[DONE]":
            return
        half = ""
        try:
            document = read_loosely(data)
            with suppress(LookupError, TypeError):
                delta = document["choices"][0]["delta"]
                text, self._held = self._held + delta["content"], ""
                if "\ud800" <= text[-1:] < "\udc00":
                    text, half = text[:-1], text[-1]
                delta["content"] = text
            self.add(make_strict(document), "delta", events)
        except ValueError as error:
            raise Unreadable(data.decode("utf-8", "replace")) from error
        self._held += half
