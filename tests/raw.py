"""HTTP as it goes over the wire, for what clients' libraries would not send."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

PATIENCE = 30.0


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The error object; fails unless it has OpenAI's shape."""
        error: dict[str, Any] = orjson.loads(self.body)["error"]
        assert set(error) == {"message", "type", "param", "code"} and error["message"], error
        return error


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=PATIENCE)


def head(path: str, *headers: str | bytes, method: str = "POST") -> bytes:
    lines = [line if isinstance(line, bytes) else line.encode() for line in (f"{method} {path} HTTP/1.1", *headers)]
    return b"\r\n".join([*lines, b"Host: localhost", b"", b""])


def answer(connection: socket.socket, method: str = "POST") -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return Answer(response.status, response.headers, response.read())


def exchange(port: int, path: str, *headers: str | bytes, method: str = "POST", body: bytes = b"") -> Answer:
    with connect(port) as connection:
        connection.sendall(head(path, *headers, f"Content-Length: {len(body)}", method=method) + body)
        return answer(connection, method)


def wait_until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What `condition` gives as soon as it is true of anything."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    return found
