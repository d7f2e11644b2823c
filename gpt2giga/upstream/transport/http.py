"""HTTP/1.1 to GigaChat, at a third of what httpx costs. The parser is httptools (Node's own).

Connections are kept and used again, and limited in their number where GIGACHAT_MAX_CONNECTIONS says so. Failures are
httpx's exceptions, so that nobody above can tell the difference.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from operator import methodcaller
from typing import Any
from urllib.parse import urlsplit

import httptools
import httpx

from gpt2giga.bounded_json import read_json, TooManyValues
from gpt2giga.concurrency import background
from gpt2giga.concurrency.memory import give_back_soon, LARGE
from gpt2giga.concurrency.waiting import give_way, run_to_end, SilenceClock, Tick
from gpt2giga.config.limits import LimitSettings
from gpt2giga.errors import UpstreamError
from gpt2giga.upstream.transport.connect import Route
from gpt2giga.upstream.transport.permits import Permits

PIECE_BYTES = 64 * 1024
# What only asks for something that is there, the models or a file, may not be silent as long as a model that thinks.
LOOK_UP_SECONDS = 15.0
PROXY_AUTHENTICATION_REQUIRED = 407  # GigaChat never says so


class Connections:
    """Stands where the SDK expects an httpx.Client.

    silence: seconds after which GigaChat counts as gone. most: requests at a time, each has a connection.
    """

    def __init__(
        self, route: Route, *, silence: float, idle_seconds: float, most: int | None, limits: LimitSettings
    ) -> None:
        self._route, url = route, urlsplit(route.url)
        self.path, self._netloc = url.path, url.netloc
        self._silence, self._idle_seconds = silence, idle_seconds
        self._idle: deque[tuple[socket.socket, float]] = deque()
        self._permits = Permits(most, limits.queue_timeout) if most else None
        self._limits = limits
        self._is_closed = False

    def request(
        self, method: str, url: str, *, headers: dict[str, str], content: str | bytes = b"", **form: Any
    ) -> GigaChatResponse:
        """For the SDK. form: of an upload; httpx knows how to write one."""
        if form:
            written = httpx.Request(method, self._route.url + url, **form)
            headers = {**headers, "Content-Type": written.headers["Content-Type"]}
            content = written.read()
        with closing(run_to_end(self.send(method, url, content=content, headers=headers))) as response:
            response.read()
        return response

    def close(self) -> None:
        """What is still asked is answered, and keeps no connection."""
        self._is_closed = True
        self.close_idle()

    def close_idle(self) -> None:
        while connection := self._kept():
            connection.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        content: str | bytes = b"",
        headers: dict[str, str],
        tick: float | None = None,
        path: str | None = None,
    ) -> Generator[list[Any], None, GigaChatResponse]:
        """Returns the response, to be closed, when its head is there. Yields an empty list at each tick of silence.
        path: instead of the base URL's."""
        body = content.encode() if isinstance(content, str) else content
        request = self._head(method, (path or self.path) + url, headers, len(body)) + body
        if self._permits:
            yield from self._permits.take(tick)
        try:
            connection = self._kept() or (yield from background.run(self._route.open, tick, methodcaller("close")))
        except BaseException:  # also a greenlet killed while it waits
            if self._permits:
                self._permits.give_back()
            raise
        silence = min(self._silence, LOOK_UP_SECONDS) if method == "GET" else self._silence
        url = self._route.url + url
        response = GigaChatResponse(connection, url, self._release, self._limits, tick=tick, silence=silence)
        try:
            with suppress(OSError):  # an answer may come before the request is whole: a 413, and the end
                connection.settimeout(silence)
                connection.sendall(request)
                connection.settimeout(None)
            yield from response.head()
            if response.status_code == PROXY_AUTHENTICATION_REQUIRED:
                raise httpx.ProxyError("a request was answered with 407")
        except BaseException:  # the connection is of no more use
            response.close()
            raise
        return response

    def _head(self, method: str, target: str, headers: dict[str, str], length: int) -> bytes:
        lines = [f"{method} {self._route.prefix}{target} HTTP/1.1", f"Host: {self._netloc}"]
        lines += ["Accept-Encoding: identity", *self._route.headers]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if length:
            lines.append(f"Content-Length: {length}")
        head = "\r\n".join(lines)
        if not head.count("\r") == head.count("\n") == len(lines) - 1:
            raise httpx.LocalProtocolError("A header value holds a line break.")
        return f"{head}\r\n\r\n".encode()

    def _kept(self) -> socket.socket | None:
        """The connection used last, if it is still good; those below it have been idle for even longer."""
        with suppress(IndexError):
            while True:
                connection, since = self._idle.pop()
                if time.monotonic() - since < self._idle_seconds and _is_open(connection):
                    return connection
                connection.close()
        return None

    def _release(self, connection: socket.socket, can_be_kept: bool) -> None:
        if can_be_kept:
            self._idle.append((connection, time.monotonic()))
        else:
            connection.close()
        if self._is_closed:
            self.close_idle()
        if self._permits:
            self._permits.give_back()


class StatusError(Exception):
    """GigaChat answered with another status than 200."""

    def __init__(self, status_code: int, content: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(status_code)
        self.status_code, self.content, self.headers = status_code, content, headers


class GigaChatResponse:
    """An answer of GigaChat's; what the SDK uses of an httpx.Response is there too.

    tick, silence: seconds, see SilenceClock.
    """

    def __init__(
        self,
        connection: socket.socket,
        url: str,
        release: Callable[[socket.socket, bool], None],
        limits: LimitSettings,
        *,
        tick: float | None,
        silence: float | None,
    ) -> None:
        self.url = url
        self.status_code = 0
        self._raw_headers: dict[bytes, bytes] = {}
        self.on_header = self._raw_headers.setdefault  # of those that come twice the first counts
        self.content = b""
        self._connection: socket.socket | None = connection
        self._release, self._limits = release, limits
        self._tick, self._silence = tick, silence
        self._clock: SilenceClock | None = None
        self._has_head = False
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser = httptools.HttpResponseParser(self)
        self._is_whole = False
        self._can_be_kept = False
        self._source = self._receive()

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
        if len(self.content) > LARGE:
            give_back_soon()
        return self.content

    @property
    def headers(self) -> httpx.Headers:
        """Made when asked for: a good answer to a chat has a dozen that nobody reads."""
        return httpx.Headers(self._raw_headers)

    def json(self) -> Any:
        """Raises json.JSONDecodeError."""
        most = self._limits.max_json_values
        try:
            return read_json(self.content, most)
        except TooManyValues:
            raise _too_large(f"{most} values that GPT2GIGA_MAX_JSON_VALUES") from None

    def close(self) -> None:
        """A connection whose answer was read to the end is kept, any other is closed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._clock:
            self._clock.close()
        del self._parser, self._source  # which hold this object in turn
        self._release(connection, self._can_be_kept)

    def _receive(self) -> Generator[bytes, None, None]:
        """Nothing once when the head is whole, and then each piece of the body; nothing at each tick of silence."""
        assert self._connection is not None
        clock = self._clock = SilenceClock(self._connection, self._tick, self._silence)
        receive, feed, pieces = self._connection.recv, self._parser.feed_data, self._pieces
        is_head_told = False
        bytes_left = self._limits.max_answer
        while True:
            if self._has_head and not is_head_told:
                is_head_told = True
                yield b""
            if pieces:
                yield (piece := b"".join(pieces))
                pieces.clear()
                if len(piece) > PIECE_BYTES // 4:  # then the next one is there too, and nothing here would wait for it
                    give_way()
            if self._is_whole:
                return
            clock.reader = clock.current()
            try:
                data = receive(PIECE_BYTES)
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
            bytes_left -= len(data)
            if bytes_left < 0:
                give_back_soon()
                raise _too_large(f"{self._limits.max_answer} bytes that GPT2GIGA_MAX_ANSWER")
            if not data:
                self._end()
                continue
            try:
                feed(data)
            except httptools.HttpParserError as error:
                raise httpx.RemoteProtocolError(str(error)) from error

    def _end(self) -> None:
        """The end of the connection is the end of an answer of unknown length."""
        self._is_whole = self._has_head and not {"content-length", "transfer-encoding"} & {*self.headers}
        if not self._is_whole:
            raise httpx.RemoteProtocolError("The connection was closed before the answer was whole.")

    # What the parser calls.

    def on_headers_complete(self) -> None:
        self.status_code = self._parser.get_status_code()
        if self.status_code < 200:  # 100 and its like announce the real one
            self._raw_headers.clear()
        else:
            self._has_head = True

    def on_message_complete(self) -> None:
        self._is_whole = self._has_head
        self._can_be_kept = self._is_whole and self._parser.should_keep_alive()  # it is known only now


def _too_large(limit: str) -> UpstreamError:
    return UpstreamError(f"GigaChat's answer has more than the {limit} allows.", code="answer_too_large")


def _is_open(connection: socket.socket) -> bool:
    """Nothing may be there to read before a request: neither an end nor anything else."""
    connection.settimeout(0)
    try:
        socket.socket.recv(connection, 1, socket.MSG_PEEK)  # below TLS, which cannot peek
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False
