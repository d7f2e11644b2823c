"""HTTP/1.1 from GigaChat, at a third of what httpx costs. The parser is httptools (Node's own)."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Generator, Iterator, MutableMapping
from typing import Any

import httptools
import httpx
from pydantic_core import from_json

from gpt2giga.concurrency.waiting import SilenceClock, Tick

PIECE = 64 * 1024


class Response:
    """An answer of GigaChat's; what the SDK uses of an httpx.Response is there too.

    Header names are in lower case, as the SDK asks for them. tick, silence: seconds, see SilenceClock.
    """

    def __init__(
        self,
        connection: socket.socket,
        url: str,
        keep: Callable[[socket.socket], None],
        *,
        tick: float | None,
        silence: float | None,
    ) -> None:
        self.url = url
        self.status_code = 0
        self.headers: MutableMapping[str, str] = {}
        self.content = b""
        self._connection: socket.socket | None = connection
        self._keep = keep
        self._tick, self._silence = tick, silence
        self._clock: SilenceClock | None = None
        self._has_head = False
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser = httptools.HttpResponseParser(self)
        self._is_whole = False
        self._can_be_kept = False
        self._source = self._received()

    def head(self) -> Generator[list[Any], None, None]:
        """Returns when status and headers are there. Yields an empty list at each tick."""
        for _ in self._source:
            if self._has_head:
                return
            yield []

    def pieces(self) -> Iterator[bytes]:
        """Of the body, as they come; empty ones at each tick. After `head`."""
        return self._source

    def read(self) -> bytes:
        self.content = b"".join(self._source)
        return self.content

    def json(self) -> Any:
        """Long integers stay whole, unlike with orjson."""
        try:
            return from_json(self.content)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None

    def close(self) -> None:
        """A connection whose answer was read to the end is kept, any other is closed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._clock:
            self._clock.close()
        del self._parser, self._source  # which hold this object in turn
        if self._can_be_kept:
            self._keep(connection)
        else:
            connection.close()

    def _received(self) -> Generator[bytes, None, None]:
        """Nothing once when the head is whole, and then each piece of the body; nothing at each tick of silence."""
        assert self._connection is not None
        clock = self._clock = SilenceClock(self._connection, self._tick, self._silence)
        receive, feed, pieces = self._connection.recv, self._parser.feed_data, self._pieces
        is_head_told = False
        while True:
            if self._has_head and not is_head_told:
                is_head_told = True
                yield b""
            if pieces:
                piece = b"".join(pieces)
                pieces.clear()
                yield piece
            if self._is_whole:
                return
            clock.reader = clock.current()
            try:
                data = receive(PIECE)
            except (Tick, TimeoutError):
                if clock.is_over():
                    raise httpx.ReadTimeout("GigaChat sent nothing for too long.") from None
                yield b""
                continue
            except OSError as error:
                raise httpx.ReadError(str(error)) from error
            finally:
                clock.reader = None
            clock.since = time.monotonic()
            if not data:
                self._end()
                continue
            try:
                feed(data)
            except httptools.HttpParserError as error:
                raise httpx.RemoteProtocolError(str(error)) from error

    def _end(self) -> None:
        """The end of the connection is the end of an answer of unknown length."""
        self._is_whole = self._has_head and not {"content-length", "transfer-encoding"} & self.headers.keys()
        if not self._is_whole:
            raise httpx.RemoteProtocolError("The connection was closed before the answer was whole.")

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status_code = self._parser.get_status_code()
        if self.status_code < 200:  # 100 and its like announce the real one
            self.headers.clear()
        else:
            self._has_head = True
        if self.status_code >= 400:  # what goes into an exception is read by others too, in any letter case
            self.headers = httpx.Headers(dict(self.headers))

    def on_message_complete(self) -> None:
        self._is_whole = self._has_head
        self._can_be_kept = self._is_whole and self._parser.should_keep_alive()  # it is known only now
