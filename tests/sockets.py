"""Peers that behave badly, below HTTP."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from tests.service import Service

DEADLINE = 30.0
HELLO = [{"role": "user", "content": "Привет!"}]


def eventually(condition: Callable[[], Any], seconds: float = DEADLINE) -> bool:
    """Waits for something that no event tells of."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@contextlib.contextmanager
def all_threads_ended() -> Iterator[None]:
    """What is begun inside beside a request, as the deletion of its files, has ended too."""
    before = {*threading.enumerate()}
    yield
    for thread in {*threading.enumerate()} - before:
        if not thread.daemon:
            thread.join(DEADLINE)
            assert not thread.is_alive()


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def full_server(port: int = 0) -> Iterator[int]:
    """The port of a server whose line of connections is full: the kernel drops what tries to join it."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
        address = server.getsockname()
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield address[1]


@contextlib.contextmanager
def early_refusal() -> Iterator[str]:
    """The address of a server that answers 413 after the head of a request and closes, the body unread."""

    def refuse() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(DEADLINE)


class Caller:
    """A client that sees each byte of its answer and hangs up when it likes."""

    def __init__(self, service: Service, **body: Any) -> None:
        self.id = uuid.uuid4().hex
        content = json.dumps({"model": "GigaChat", "messages": HELLO, **body}).encode()
        self._socket = socket.create_connection(("127.0.0.1", service.port), timeout=DEADLINE)
        head = ("POST /v1/chat/completions HTTP/1.1", "Host: a", f"X-Request-ID: {self.id}")
        head += (f"Content-Length: {len(content)}", "", "")
        self._socket.sendall("\r\n".join(head).encode() + content)
        self.received = b""

    def read_until(self, wanted: str) -> str:
        """All that has come, as soon as it holds `wanted`; fails when the answer ends before."""
        while wanted.encode() not in self.received:
            data = self._socket.recv(65536)
            assert data, f"no {wanted!r} in {self.received!r}"
            self.received += data
        return self.received.decode(errors="replace")

    def has(self, wanted: str) -> bool:
        """Has it come by now?"""
        if select.select([self._socket], [], [], 0)[0]:
            self.received += self._socket.recv(65536)
        return wanted.encode() in self.received

    def hang_up(self) -> float:
        """The moment it happened."""
        self._socket.close()
        return time.time()

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
