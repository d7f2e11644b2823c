"""GPT2GIGA_MAX_BODY, for bodies of a known length and for chunked ones."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import gevent
import openai
import pytest
from flask import Flask, Response

from gpt2giga.config.limits import LimitSettings
from gpt2giga.config.settings import ServerSettings
from gpt2giga.web import body as request_body
from gpt2giga.web import exchange
from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.service import Service

MIB = 1024 * 1024
CHAT = "/v1/chat/completions"
CHUNKED = "Transfer-Encoding: chunked"


def body(size: int) -> bytes:
    """A chat of exactly `size` bytes, most of them blanks, which GigaChat never sees."""
    start = json.dumps({"messages": [{"role": "user", "content": "a"}]}).encode()
    return start + b" " * (size - len(start))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(port: int, data: bytes, size: int = 50_000) -> raw.Answer:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    with raw.connect(port) as connection:
        connection.sendall(raw.head(CHAT, CHUNKED))
        for piece in [*pieces, b""]:
            connection.sendall(chunk(piece))
        return raw.answer(connection)


def test_just_under(small: Service) -> None:
    assert raw.exchange(small.port, CHAT, body=body(MIB)).status == 200
    assert chunked(small.port, body(MIB)).status == 200


@pytest.mark.parametrize("size", [MIB + 1, MIB + 2, 2 * MIB])
def test_just_over(small: Service, sandbox: SandboxServer, size: int) -> None:
    for answer in (raw.exchange(small.port, CHAT, body=body(size)), chunked(small.port, body(size))):
        assert answer.status == 413
        assert (answer.error["type"], answer.error["code"]) == ("invalid_request_error", "request_too_large")
    assert sandbox.state.requests() == []


def test_the_openai_client(small: Service) -> None:
    with small.client() as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="GigaChat", messages=[{"role": "user", "content": "a" * 2 * MIB}])
    assert caught.value.status_code == 413 and caught.value.code == "request_too_large"


def worker(service: Service) -> int:
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    return int(children[0])


def memory(pid: int) -> int:
    """The most this process ever took, in MiB."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) // 1024


@pytest.mark.parametrize("chunks", ["many", "one"])
def test_memory_does_not_grow(small: Service, chunks: str) -> None:
    before = memory(worker(small))
    with raw.connect(small.port) as connection:
        connection.sendall(raw.head(CHAT, CHUNKED))
        block = chunk(b"a" * MIB) if chunks == "many" else b"a" * MIB
        if chunks == "one":
            connection.sendall(b"%x\r\n" % (300 * MIB))
        with contextlib.suppress(ConnectionError):
            for _ in range(300):
                connection.sendall(block)
        assert raw.answer(connection).status == 413
    assert memory(worker(small)) - before < 20


def test_a_body_without_end_is_cut(small: Service) -> None:
    """Most clients look for the answer only when they have sent everything; some would never look."""
    block, sent = b"a" * 64 * 1024, 0
    with raw.connect(small.port) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(raw.head(CHAT, f"Content-Length: {1 << 40}"))
        while sent < 64 * MIB:
            connection.sendall(block)
            sent += len(block)
    assert MIB <= sent < 32 * MIB, "what the kernel holds on both sides counts too"
    assert "ERROR" not in small.log.read_text()


class Silent(io.BytesIO):
    """A body that does not come."""

    def read(self, size: int | None = -1) -> bytes:
        gevent.sleep(60)
        raise AssertionError("nobody waits that long")


def test_a_refused_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends no key could hold a connection, and a place among the requests in work, for ever."""
    monkeypatch.setattr(request_body, "PATIENCE", 0.1)
    monkeypatch.setattr(request_body, "gevent_is_on", lambda: True)
    app = Flask("refusing")
    exchange.init_app(
        app,
        ServerSettings(),
        LimitSettings(),
        opening=SimpleNamespace(steps=[lambda _: Response("no key", 401)]),
        answering=[request_body.discard_rest],
        observers=[],
    )
    ours, theirs = socket.socketpair()
    theirs.settimeout(raw.PATIENCE)
    with ours, theirs:
        answer = app.test_client().post(
            CHAT,
            input_stream=Silent(),
            content_length=100,
            environ_overrides={"gunicorn.socket": ours, "wsgi.input_terminated": True},
        )
        assert answer.status_code == 401
        answer.close()
        assert theirs.recv(1) == b"", "the connection is closed"


def test_a_fast_sender_does_not_hold_up_others(small: Service) -> None:
    def send() -> None:
        with raw.connect(small.port) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(raw.head(CHAT, CHUNKED))
            while not enough.is_set():
                connection.sendall(chunk(b"a" * MIB))

    enough = threading.Event()
    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(10):
            assert small.get("/health").elapsed.total_seconds() < 2
    finally:
        enough.set()
        sender.join()


def test_a_slow_body_does_not_hold_up_others(small: Service) -> None:
    data = body(1000)
    with raw.connect(small.port) as connection:
        connection.sendall(raw.head(CHAT, CHUNKED))
        for at in range(0, len(data), 100):
            connection.sendall(chunk(data[at : at + 100]))
            assert small.get("/health").status_code == 200
        connection.sendall(chunk(b""))
        assert raw.answer(connection).status == 200


@pytest.mark.parametrize("size, status", [(1000, 200), (2 * MIB, 413)])
def test_expect_100_continue(small: Service, size: int, status: int) -> None:
    with raw.connect(small.port) as connection:
        connection.sendall(raw.head(CHAT, "Expect: 100-continue", f"Content-Length: {size}"))
        assert connection.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 100"
        while connection.recv(1) != b"\n" or connection.recv(2, socket.MSG_WAITALL) != b"\r\n":
            pass
        connection.sendall(body(size))
        assert raw.answer(connection).status == status


BROKEN = {
    "no number": b"xyz\r\n{}\r\n0\r\n\r\n",
    "longer than told": b"2\r\n{}{}\r\n0\r\n\r\n",
    "without a trailer's end": b"2\r\n{}\r\n0\r\nA: b\n\n\r\n\r\n",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_broken_chunks_are_the_clients_fault(small: Service, data: bytes) -> None:
    with raw.connect(small.port) as connection:
        connection.sendall(raw.head(CHAT, CHUNKED) + data)
        answer = raw.answer(connection)
    assert answer.status == 400 and answer.error["type"] == "invalid_request_error"
    assert "ERROR" not in small.log.read_text()


@pytest.mark.parametrize("headers", [[CHUNKED], ["Content-Length: 100"]], ids=["chunked", "known length"])
def test_a_client_that_leaves_in_the_middle_of_its_body(small: Service, headers: list[str]) -> None:
    """Its line in the log says so; nothing failed here."""
    with raw.connect(small.port) as connection:
        name = f"X-Request-ID: left-{os.urandom(4).hex()}"
        connection.sendall(raw.head(CHAT, name, *headers) + b'50\r\n{"messages')
    line = raw.wait_until(lambda: [line for line in small.log.read_text().splitlines() if name[14:] in line])
    assert "status=499" in line[0] and "cause=client_gone" in line[0]
    assert "ERROR" not in small.log.read_text()
