"""Scripted ways to delay, break and split what goes out, and noticing a client that leaves."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from gigachat import GigaChat

from gpt2giga_sandbox import SandboxServer

from .conftest import chat_body, Http

WORDS = {"text": "раз два три четыре пять шесть семь"}


class Raw:
    """One request on a bare socket, to see the very bytes and the way the connection ends."""

    def __init__(self, sandbox: SandboxServer, **fields: Any) -> None:
        address = ("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
        self.socket = socket.create_connection(address, timeout=10)
        body = json.dumps(chat_body(**fields)).encode()
        head = (
            "POST /api/v1/chat/completions HTTP/1.1\r\nHost: sandbox\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {sandbox.state.issue_token()[0]}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)

    def read(self, end: bytes = b"") -> bytes:
        """Up to and with `end`, or all until the server closes."""
        data = b""
        while not (end and end in data):
            part = self.socket.recv(65536)
            if not part:
                break
            data += part
        return data


@pytest.fixture
def raw(sandbox: SandboxServer) -> Iterator[Any]:
    opened: list[Raw] = []

    def connect(**fields: Any) -> Raw:
        opened.append(Raw(sandbox, **fields))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.socket.close()


def http_chunks(raw: bytes) -> list[bytes]:
    """The chunks of a chunked body, the last empty one included if it came."""
    _, _, rest = raw.partition(b"\r\n\r\n")
    found = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        found.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return found


def test_one_event_is_one_http_chunk(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.script({"frames": ["data: 1\n\n", "data: 2\n\n"]})

    chunks = http_chunks(raw(stream=True).read(b"0\r\n\r\n"))

    assert chunks == [b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n", b""]


def test_split_ignores_event_borders(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.script({"frames": ["data: 1\n\n"], "split": 7})

    chunks = http_chunks(raw(stream=True).read(b"0\r\n\r\n"))

    assert chunks == [b"data: 1", b"\n\ndata:", b" [DONE]", b"\n\n", b""]


def test_padding(sandbox: SandboxServer, raw: Any, http: Http) -> None:
    sandbox.state.script({"frames": ["data: 1\n\n"], "padding": 100_000}, {"text": "раз", "padding": 100_000})

    chunks = http_chunks(raw(stream=True).read(b"0\r\n\r\n"))
    whole = http.chat()

    assert b"".join(chunks[:2]) == b" " * 100_000 and chunks[2] == b"data: 1\n\n"
    assert len(whole.content) > 100_000 and whole.json()["choices"][0]["message"]["content"] == "раз"


def test_held_until_the_settings_say_otherwise(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.settings.hold_after = 1
    connection = raw(stream=True)
    received = connection.read(b"data: ")
    assert b"[DONE]" not in received and sandbox.state.counters.open_streams == 1
    sandbox.state.settings.hold_after = None
    assert b"[DONE]" in connection.read(b"0\r\n\r\n")


def test_cut_leaves_the_body_unfinished(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.script({**WORDS, "cut_after": 2})

    assert len(http_chunks(raw(stream=True).read())) == 2
    assert sandbox.state.wait_for(lambda counters: counters.cut_streams == 1)


def test_cut_before_the_end_of_all_frames(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.script({"frames": ["data: 1\n\n"], "cut_after": 2})

    assert http_chunks(raw(stream=True).read()) == [b"data: 1\n\n", b"data: [DONE]\n\n"]


def test_cut_of_a_whole_answer(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.script({"cut_after": 0})

    head, _, body = raw().read().partition(b"\r\n\r\n")

    assert b"Content-Length: " in head
    assert body == b""


def test_reset_after_frames(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.script({**WORDS, "reset_after": 1})
    connection = raw(stream=True)

    received = b""
    with pytest.raises(ConnectionResetError):
        while part := connection.socket.recv(65536):
            received += part

    assert len(http_chunks(received)) == 1


@pytest.mark.parametrize("step", [{"reset_after": 0}, {"fault": "reset"}], ids=str)
def test_reset_before_the_headers(sandbox: SandboxServer, raw: Any, step: dict[str, Any]) -> None:
    sandbox.state.script(step)

    with pytest.raises(ConnectionResetError):
        raw(stream=True).read()


def test_close_before_the_headers(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.script({"fault": "close"})

    assert raw().read() == b""


def test_delay_comes_before_the_headers(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.script({**WORDS, "delay": 0.2})
    started = time.monotonic()

    raw(stream=True).read(b"data:")

    assert time.monotonic() - started >= 0.2


def test_frame_delay_comes_between_frames(sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.script({**WORDS, "frame_delay": 0.05})
    connection = raw(stream=True)

    connection.read(b"data:")
    started = time.monotonic()
    connection.read(b"0\r\n\r\n")

    assert time.monotonic() - started >= 0.15  # Three words a frame, an ending, [DONE].


@pytest.mark.parametrize(
    ("step", "seen", "stream"),
    [
        pytest.param({"delay": 30}, b"", True, id="before the headers"),
        pytest.param({"delay": 30}, b"", False, id="before a whole answer"),
        pytest.param({"hang_after": 0}, b"\r\n\r\n", True, id="after the headers"),
        pytest.param({"hang_after": 0}, b"\r\n\r\n", False, id="before a whole body"),
        pytest.param({"hang_after": 1}, b"data:", True, id="after a frame"),
        pytest.param({"frame_delay": 30}, b"data:", True, id="between frames"),
    ],
)
def test_a_client_that_leaves_is_noticed(
    sandbox: SandboxServer, raw: Any, step: dict[str, Any], seen: bytes, stream: bool
) -> None:
    sandbox.state.script({**WORDS, **step})
    connection = raw(stream=stream)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    if seen:
        connection.read(seen)

    left = time.time()
    connection.socket.close()

    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    assert sandbox.state.counters.open_streams == 0
    assert sandbox.state.counters.aborted_at[0] - left < 0.5


def test_a_stream_closed_by_the_sdk_is_noticed(client: GigaChat, sandbox: SandboxServer) -> None:
    sandbox.state.script({**WORDS, "hang_after": 1})
    stream = client.stream("Привет")
    next(stream)

    stream.close()  # type: ignore[attr-defined]

    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)


def test_streams_are_limited(http: Http, sandbox: SandboxServer, raw: Any) -> None:
    sandbox.state.settings.max_streams = 1
    sandbox.state.script({**WORDS, "hang_after": 1})
    connection = raw(stream=True)
    connection.read(b"data:")

    limited = http.chat()
    connection.socket.close()

    assert limited.content == b'{"status":429,"message":"Too many requests"}\n'
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    assert http.chat().status_code == 200
