"""A client that leaves ends its request at once, wherever it is. tests/test_threads.py has it without gevent."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.sockets import Caller, eventually, HELLO

WORDS = "Раз два три четыре пять шесть семь восемь девять десять"
AT_ONCE = 1.0


@pytest.fixture
def personal(service_with: Callable[..., Service], sandbox: SandboxServer) -> Iterator[Service]:
    """One request at a time: whoever does not let go of the slot stops everybody."""
    service = service_with(GPT2GIGA_HEARTBEAT="0.1")
    yield service
    started = time.monotonic()
    assert service.post("/v1/chat/completions", {"messages": HELLO}).status_code == 200
    assert time.monotonic() - started < AT_ONCE, "the slot was not free"
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    assert "Traceback" not in service.log.read_text()


WHERE: dict[str, tuple[dict[str, Any], bool, str]] = {
    "before the headers": ({"delay": 60}, True, ""),
    "heartbeats before the headers": ({"delay": 60}, True, "data: "),
    "in silence": ({"hang_after": 2}, True, "Раз"),
    "while words flow": ({"frame_delay": 0.05}, True, "Раз"),
    "whole, before the headers": ({"delay": 60}, False, ""),
    "whole, in silence": ({"hang_after": 0}, False, ""),
}


@pytest.mark.parametrize("step, stream, seen", WHERE.values(), ids=WHERE)
def test_gigachats_stream_is_closed(
    personal: Service, sandbox: SandboxServer, step: dict[str, Any], stream: bool, seen: str
) -> None:
    sandbox.state.script({"text": WORDS, **step})
    with Caller(personal, stream=stream) as caller:
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
        caller.read_until(seen)
        left = caller.hang_up()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    assert sandbox.state.counters.aborted_at[0] - left < AT_ONCE


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_in_the_line(personal: Service, sandbox: SandboxServer, stream: bool) -> None:
    """GigaChat never hears of it."""
    sandbox.state.script({"text": WORDS, "hang_after": 1})
    with Caller(personal, stream=True) as first:
        first.read_until("Раз")
        with Caller(personal, stream=stream) as second:
            second.read_until('"content":""' if stream else "")
            second.hang_up()
        assert eventually(lambda: f"id={second.id}" in personal.log.read_text(), AT_ONCE)
        first.hang_up()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    assert len(sandbox.state.chats()) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_between_two_attempts(personal: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"status": 429, "headers": {"Retry-After": "19"}})
    with Caller(personal, stream=stream) as caller:
        assert sandbox.state.wait_for(lambda counters: counters.chat_requests == 1)
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
        caller.hang_up()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_while_a_token_is_asked_for(personal: Service, sandbox: SandboxServer, stream: bool) -> None:
    """The next request does not wait for the answer to the one that nobody wants any more."""
    sandbox.state.revoke_tokens()
    sandbox.state.script({"route": "oauth", "delay": 25})
    with Caller(personal, stream=stream) as caller:
        assert sandbox.state.wait_for(lambda counters: counters.token_requests >= 1)
        caller.hang_up()


@pytest.mark.parametrize("stream, status", [(False, 499), (True, 200)], ids=["whole", "streamed"])
def test_the_log_says_that_the_client_left(
    personal: Service, sandbox: SandboxServer, stream: bool, status: int
) -> None:
    sandbox.state.script({"text": WORDS, "hang_after": int(stream)})
    with Caller(personal, stream=stream) as caller:
        caller.read_until("Раз" if stream else "")
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    line = re.compile(rf".* id={caller.id} .* status={status} .* cause=client_gone .*")
    assert eventually(lambda: line.search(personal.log.read_text()))


def test_a_next_request_sent_early_is_not_a_hang_up(personal: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "delay": 0.2})
    body = b'{"messages":[{"role":"user","content":"a"}]}'
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with socket.create_connection(("127.0.0.1", personal.port), timeout=10) as connection:
        connection.sendall(request + request)
        received = b""
        while received.count(b'"finish_reason":"stop"') < 2:
            data = connection.recv(65536)
            assert data, received
            received += data
    assert sandbox.state.counters.aborted_streams == 0


def test_a_client_that_does_not_read_holds_no_slot(personal: Service, sandbox: SandboxServer) -> None:
    """GigaChat's answer is taken as fast as it comes; what waits for the client is one answer at most."""
    sandbox.state.script({"text": f"{'слово' * 40} " * 80_000})  # more than the kernel's buffers take
    with Caller(personal, stream=True):
        assert sandbox.state.wait_for(lambda counters: counters.finished_streams == 1, timeout=20)
        assert personal.post("/v1/chat/completions", {"messages": HELLO}).status_code == 200


def test_in_the_line_for_a_connection(start_service: Callable[..., Service], sandbox: SandboxServer) -> None:
    """Whoever is next gets it."""
    service = start_service(GIGACHAT_MAX_CONNECTIONS="1", GPT2GIGA_MAX_CONCURRENCY="0")
    sandbox.state.script({"text": WORDS, "hang_after": 1})
    with Caller(service, stream=True) as first:
        first.read_until("Раз")
        with Caller(service, stream=True) as second, Caller(service, stream=True) as third:
            second.hang_up()
            first.hang_up()
            third.read_until("[DONE]")
