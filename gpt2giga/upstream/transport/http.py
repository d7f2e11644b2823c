"""HTTP/1.1 to GigaChat: what the SDK asks of its httpx.Client, at a third of the cost.

The parser is httptools (Node's own), connections are kept and used again, and failures are httpx's exceptions, so
that nobody above can tell the difference. What is not hot (forms, files, passwords) goes to the httpx.Client.
"""

from __future__ import annotations

import json
import math
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, MutableMapping
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import httptools
import httpx
from pydantic_core import from_json

from gpt2giga.concurrency.waiting import finished, SilenceClock, Tick

PIECE = 64 * 1024
# What only asks for something that is there, the models or a file, may not be silent as long as a model that thinks.
LOOK_UP_SECONDS = 15.0


class Connections:
    """Stands where the SDK has its httpx.Client."""

    def __init__(
        self, fallback: httpx.Client, context: ssl.SSLContext, *, connect_seconds: float, idle_seconds: float
    ) -> None:
        self._fallback = fallback
        parts = urlsplit(str(fallback.base_url))
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._context = context if parts.scheme == "https" else None
        self._path = parts.path.rstrip("/")
        self._netloc = parts.netloc
        self._connect_seconds = connect_seconds
        self._silence_seconds = fallback.timeout.read or math.inf
        self._idle_seconds = idle_seconds
        self._idle: deque[tuple[socket.socket, float]] = deque()

    @property
    def base_url(self) -> httpx.URL:
        return self._fallback.base_url

    def request(self, method: str, url: str, **options: Any) -> Response | httpx.Response:
        """For the SDK."""
        if not self._takes(url, options):
            return self._fallback.request(method, url, **options)
        with closing(finished(self.send(method, url, **options))) as response:
            response.read()
        return response

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()
        self._fallback.close()

    def _takes(self, url: str, options: dict[str, Any]) -> bool:
        return url.startswith("/") and set(options) <= {"content", "headers"}

    def send(
        self, method: str, url: str, *, content: str | bytes = b"", headers: dict[str, str], tick: float | None = None
    ) -> Generator[list[Any], None, Response]:
        """Returns the response, to be closed, when its head is there. Yields an empty list at each tick of silence."""
        body = content.encode() if isinstance(content, str) else content
        request = self._head(method, url, headers, len(body)) + body
        connection = self._kept() or self._connect()
        silence = min(self._silence_seconds, LOOK_UP_SECONDS if method == "GET" else math.inf)
        response = Response(connection, f"{self._fallback.base_url}{url[1:]}", self._keep, tick=tick, silence=silence)
        try:
            with suppress(httpx.WriteError):  # an answer may come before the request is whole: a 413, and the end
                _write(connection, request)
            yield from response.head()
        except BaseException:  # also a greenlet killed while it waits: the connection is of no more use
            response.close()
            raise
        return response

    def _head(self, method: str, url: str, headers: dict[str, str], length: int) -> bytes:
        lines = [f"{method} {self._path}{url} HTTP/1.1", f"Host: {self._netloc}", "Accept-Encoding: identity"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if length:
            lines.append(f"Content-Length: {length}")
        if any("\r" in line or "\n" in line for line in lines):
            raise httpx.LocalProtocolError("A header value holds a line break.")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _kept(self) -> socket.socket | None:
        """The connection used last, if it is still good; those below it have been idle for even longer."""
        with suppress(IndexError):
            while True:
                connection, since = self._idle.pop()
                if time.monotonic() - since < self._idle_seconds and _is_open(connection):
                    connection.settimeout(None)
                    return connection
                connection.close()
        return None

    def _keep(self, connection: socket.socket) -> None:
        self._idle.append((connection, time.monotonic()))

    def _connect(self) -> socket.socket:
        try:
            connection = socket.create_connection((self._host, self._port), self._connect_seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._context:
                connection = self._context.wrap_socket(connection, server_hostname=self._host)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        connection.settimeout(None)
        return connection


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


def _is_open(connection: socket.socket) -> bool:
    """Nothing may be there to read before a request: neither an end nor anything else."""
    connection.settimeout(0)
    try:
        socket.socket.recv(connection, 1, socket.MSG_PEEK)  # below TLS, which cannot peek
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _write(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except OSError as error:
        raise httpx.WriteError(str(error)) from error
