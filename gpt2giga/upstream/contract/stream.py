"""Reads the bytes of GigaChat's streams, those of both interfaces. Pure."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from typing import Any

import orjson

from gpt2giga.bounded_json import make_strict, read_loosely
from gpt2giga.chat import Event
from gpt2giga.errors import UpstreamError
from gpt2giga.upstream.contract.answers import Answer, Unreadable
from gpt2giga.upstream.contract.tool_names import ToolNames

# Bytes. A chunk of a stream is never so long, and a line that grows without end must not fill the memory.
LONGEST_LINE = 4 * 1024 * 1024


class Stream(Answer):
    """An answer from the bytes of GigaChat's stream, in pieces of any size.

    Lines end at line feeds only: U+2028 in a text is no end, as it is for httpx (contract 9.14).
    """

    # Where an object that `_texts` gives holds its text.
    _text_key: str

    def __init__(self, names: ToolNames) -> None:
        super().__init__(names)
        self._rest: list[bytes] = []
        self._length = 0
        self.failure: Unreadable | UpstreamError | None = None

    @abstractmethod
    def _texts(self, document: Any) -> list[dict[str, Any]]:
        """The objects of a frame that hold what the model says. Raises LookupError, TypeError, AttributeError."""

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
                        self.add(document, events)
                elif line.startswith(b"event:"):
                    self._line = line
        except (Unreadable, UpstreamError) as failure:
            self.failure = failure
        return events

    def _add_loosely(self, data: bytes, events: list[Event]) -> None:
        """A text may end in half of a surrogate pair, whose other half begins the next."""
        if data.strip() == b"[DONE]":
            return
        half = ""
        try:
            document = read_loosely(data)
            with suppress(LookupError, TypeError, AttributeError):
                texts = self._texts(document)
                text, self._held = self._held + texts[0][self._text_key], ""
                texts[0][self._text_key] = text
                text = texts[-1][self._text_key]
                if "\ud800" <= text[-1:] < "\udc00":
                    text, half = text[:-1], text[-1]
                texts[-1][self._text_key] = text
            self.add(make_strict(document), events)
        except ValueError as error:
            raise Unreadable(data.decode("utf-8", "replace")) from error
        self._held += half
