"""What happens to GigaChat's streams between the socket and the SDK."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx

from gpt2giga.concurrency.pump import Pump

# httpx ends a line at each of these (as str.splitlines does), which breaks a frame in two; JSON may carry the
# last three raw, and GigaChat does not escape what it sends (contract 9).
SEPARATORS = re.compile(rb"[\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]")
HALVES = (b"\xc2", b"\xe2", b"\xe2\x80")


def on_response(response: httpx.Response) -> None:
    """An event hook of httpx: before the body is read."""
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = EscapedStream(response.stream)
        Pump.on_abort(lambda: _shut_down(response))


def _shut_down(response: httpx.Response) -> None:
    """Wakes a thread that reads from the socket; closing it would not."""
    with suppress(OSError, KeyError):
        response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)


class EscapedStream(httpx.SyncByteStream):
    """The same bytes with line separators inside JSON strings written as \\uXXXX."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for data in self._stream:
            data = rest + data
            rest = next((half for half in HALVES if data.endswith(half)), b"")
            yield escaped(data[: len(data) - len(rest)])
        yield rest

    def close(self) -> None:
        # From now on the connection may carry another request, which an abort of this one must not end.
        Pump.on_abort(None)
        self._stream.close()


def escaped(data: bytes) -> bytes:
    return SEPARATORS.sub(_escape, data)


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0].decode())
