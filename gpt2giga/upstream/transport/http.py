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
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, closing, suppress
from typing import Any
from urllib.parse import urlsplit

import httptools
import httpx
from pydantic_core import from_json

from gpt2giga.concurrency.pump import Pump
from gpt2giga.concurrency.silence import Silence

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
        if not self._takes(url, options):
            return self._fallback.request(method, url, **options)
        with self.stream(method, url, **options) as response:
            response.read()
        return response

    def stream(self, method: str, url: str, **options: Any) -> AbstractContextManager[Response]:
        return closing(self._send(method, url, **options))

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()
        self._fallback.close()

    def _takes(self, url: str, options: dict[str, Any]) -> bool:
        return url.startswith("/") and set(options) <= {"content", "headers"}

    def _send(self, method: str, url: str, *, content: str | bytes = b"", headers: dict[str, str]) -> Response:
        body = content.encode() if isinstance(content, str) else content
        request = self._head(method, url, headers, len(body)) + body
        connection = self._kept() or self._connect()
        silence = min(self._silence_seconds, LOOK_UP_SECONDS if method == "GET" else math.inf)
        response = Response(connection, f"{self._fallback.base_url}{url[1:]}", self._keep, silence)
        Pump.on_abort(response.abort)
        try:
            with suppress(httpx.WriteError):  # an answer may come before the request is whole: a 413, and the end
                _write(connection, request)
            response.read_head()
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
    """What the SDK uses of an httpx.Response. Header names are in lower case, as the SDK asks for them.

    silence: seconds without a byte after which the connection is given up.
    """

    def __init__(
        self, connection: socket.socket, url: str, keep: Callable[[socket.socket], None], silence: float
    ) -> None:
        self.url = url
        self.status_code = 0
        self.headers: MutableMapping[str, str] = {}
        self.content = b""
        self._connection: socket.socket | None = connection
        self._keep = keep
        self._gave_up = False
        self._silence = Silence(silence, self._give_up)
        self._parser = httptools.HttpResponseParser(self)
        self._in_body = False
        self._pieces: list[bytes] = []
        self._complete = False
        self._can_be_kept = False

    def read_head(self) -> None:
        while not self._in_body:
            self._feed()

    def read(self) -> bytes:
        self.content = b"".join(self._body())
        return self.content

    def json(self) -> Any:
        """Long integers stay whole, unlike with orjson."""
        try:
            return from_json(self.content)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None

    def iter_lines(self) -> Iterator[str]:
        """Ends lines at line feeds only, unlike httpx (contract 9): U+2028 in a text is no end."""
        rest = b""
        for piece in self._body():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line.rstrip(b"\r").decode("utf-8", "replace")
        if rest:
            yield rest.decode("utf-8", "replace")

    def close(self) -> None:
        """A connection whose answer was read to the end is kept, any other is closed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._silence.end()
        del self._silence, self._parser  # which hold this object in turn
        if self._can_be_kept:
            Pump.on_abort(None)  # from now on it may be another request's
            self._keep(connection)
        else:
            connection.close()

    def abort(self) -> None:
        """From another thread: wakes the one that reads. Closing alone would not."""
        connection = self._connection
        if connection is not None:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, which the reader may be in

    def _give_up(self) -> None:
        self._gave_up = True
        self.abort()

    def _body(self) -> Iterator[bytes]:
        while True:
            if self._pieces:
                piece = b"".join(self._pieces)
                self._pieces.clear()
                yield piece
            if self._complete:
                return
            self._feed()

    def _feed(self) -> None:
        data = self._receive()
        if data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise httpx.RemoteProtocolError(str(error)) from error
        elif self._in_body and not {"content-length", "transfer-encoding"} & self.headers.keys():
            self._complete = True  # the end of the connection is the end of such an answer
        else:
            raise httpx.RemoteProtocolError("The connection was closed before the answer was whole.")

    def _receive(self) -> bytes:
        assert self._connection is not None
        try:
            data = self._connection.recv(PIECE)
        except OSError as error:
            if not self._gave_up:
                raise httpx.ReadError(str(error)) from error
            data = b""
        if self._gave_up:
            raise httpx.ReadTimeout("GigaChat sent nothing for too long.")
        self._silence.touch()
        return data

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status_code = self._parser.get_status_code()
        if self.status_code < 200:  # 100 and its like announce the real one
            self.headers.clear()
        else:
            self._in_body = True
        if self.status_code >= 400:  # what goes into an exception is read by others too, in any letter case
            self.headers = httpx.Headers(dict(self.headers))

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._complete = self._in_body
        self._can_be_kept = self._complete and self._parser.should_keep_alive()  # it is known only now


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
