"""Connections to GigaChat: kept and used again, and limited in their number where GIGACHAT_MAX_CONNECTIONS says so.

Failures are httpx's exceptions, so that nobody above can tell the difference to httpx, which costs three times as much.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Generator
from contextlib import closing, suppress
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import httpx

from gpt2giga.concurrency.waiting import finished
from gpt2giga.upstream.transport.connect import Route
from gpt2giga.upstream.transport.http import Response

# What only asks for something that is there, the models or a file, may not be silent as long as a model that thinks.
LOOK_UP_SECONDS = 15.0
PROXY_AUTHENTICATION_REQUIRED = 407  # GigaChat never says so


class Connections:
    """Stands where the SDK expects an httpx.Client.

    silence: seconds after which GigaChat counts as gone. most: requests at a time, each has a connection.
    """

    def __init__(
        self, route: Route, *, silence: float, idle_seconds: float, most: int | None, queue_seconds: float
    ) -> None:
        self._route, url = route, urlsplit(route.url)
        self._path, self._netloc = url.path, url.netloc
        self._silence, self._idle_seconds = silence, idle_seconds
        self._idle: deque[tuple[socket.socket, float]] = deque()
        self._permits = Permits(most, queue_seconds)

    def request(
        self, method: str, url: str, *, headers: dict[str, str], content: str | bytes = b"", **form: Any
    ) -> Response:
        """For the SDK. form: of an upload; httpx knows how to write one."""
        if form:
            written = httpx.Request(method, self._route.url + url, **form)
            headers = {**headers, "Content-Type": written.headers["Content-Type"]}
            content = written.read()
        with closing(finished(self.send(method, url, content=content, headers=headers))) as response:
            response.read()
        return response

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[0].close()

    def send(
        self, method: str, url: str, *, content: str | bytes = b"", headers: dict[str, str], tick: float | None = None
    ) -> Generator[list[Any], None, Response]:
        """Returns the response, to be closed, when its head is there. Yields an empty list at each tick of silence."""
        body = content.encode() if isinstance(content, str) else content
        request = self._head(method, url, headers, len(body)) + body
        yield from self._permits.take(tick)
        try:
            connection = self._kept() or self._route.open()
        except BaseException:  # also a greenlet killed while it waits
            self._permits.give_back()
            raise
        silence = min(self._silence, LOOK_UP_SECONDS) if method == "GET" else self._silence
        response = LimitedResponse(connection, self._route.url + url, self._keep, tick=tick, silence=silence)
        response.permits = self._permits
        try:
            with suppress(httpx.WriteError):  # an answer may come before the request is whole: a 413, and the end
                _write(connection, request, silence)
            yield from response.head()
            if response.status_code == PROXY_AUTHENTICATION_REQUIRED:
                raise httpx.ProxyError("a request was answered with 407")
        except BaseException:  # the connection is of no more use
            response.close()
            raise
        return response

    def _head(self, method: str, url: str, headers: dict[str, str], length: int) -> bytes:
        lines = [f"{method} {self._route.prefix}{self._path}{url} HTTP/1.1", f"Host: {self._netloc}"]
        lines += ["Accept-Encoding: identity", *self._route.headers]
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
                    return connection
                connection.close()
        return None

    def _keep(self, connection: socket.socket) -> None:
        self._idle.append((connection, time.monotonic()))


class Permits:
    """For so many requests at a time; who waits longer than `seconds` fails. None: for any number.

    A queue, not a semaphore: a response that the garbage collector closes may give its permit back in the middle of
    any other call, also of one that takes a permit.
    """

    def __init__(self, number: int | None, seconds: float) -> None:
        self._seconds = seconds
        self._free: SimpleQueue[None] | None = SimpleQueue() if number else None
        for _ in range(number or 0):
            self.give_back()

    def take(self, tick: float | None) -> Generator[list[Any], None, None]:
        """Yields an empty list each time `tick` seconds have passed. Raises httpx.PoolTimeout."""
        end = time.monotonic() + self._seconds
        while self._free is not None:
            left = max(0.0, end - time.monotonic())
            try:
                return self._free.get(timeout=min(left, tick or left))
            except Empty:
                if left <= (tick or left):
                    raise httpx.PoolTimeout("all connections are in use") from None
            yield []

    def give_back(self) -> None:
        if self._free is not None:
            self._free.put(None)


class LimitedResponse(Response):
    """Its end makes room for the next request."""

    permits: Permits

    def close(self) -> None:
        was_open = self._connection is not None
        super().close()
        if was_open:
            self.permits.give_back()


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


def _write(connection: socket.socket, data: bytes, seconds: float) -> None:
    connection.settimeout(seconds)
    try:
        connection.sendall(data)
    except OSError as error:
        raise httpx.WriteError(str(error)) from error
    connection.settimeout(None)
