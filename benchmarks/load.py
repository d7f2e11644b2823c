"""Clients: whole answers one after the other, streams at a time, and streams that are left in the middle."""

from __future__ import annotations

import asyncio

import orjson

MODEL = "GigaChat-2-Max"
GEMINIS = f"/v1beta/models/{MODEL}:generateContent"
GEMINIS_STREAM = f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"


def request(path: str, text: str, *, stream: bool = False, filler: int = 0) -> bytes:
    """One chat in the form of the API whose path it is; filler: bytes of history before the last message."""
    history = [(role, "а" * 500) for role in ("user", "assistant")] * (filler // 2000)
    said = [*history, ("user", text)]
    if path == GEMINIS:
        roles = {"user": "user", "assistant": "model"}
        body = orjson.dumps({"contents": [{"role": roles[role], "parts": [{"text": words}]} for role, words in said]})
        path = GEMINIS_STREAM if stream else path
    else:
        messages = [{"role": role, "content": words} for role, words in said]
        body = orjson.dumps({"model": MODEL, "messages": messages, "stream": stream})
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def whole(port: int, data: bytes, count: int, at_a_time: int) -> None:
    """So many answers over `at_a_time` connections that are kept open."""

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(number):
            writer.write(data)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            assert head.startswith("http/1.1 200"), head
            await reader.readexactly(int(head.split("content-length:")[1].split()[0]))
        writer.close()

    await asyncio.gather(*(client(count // at_a_time) for _ in range(at_a_time)))


class Streams:
    """Clients that read one stream each until they are told to leave; `frames` have come to all of them together."""

    def __init__(self, port: int, path: str, count: int, gap: float) -> None:
        self._port, self._path, self._count, self._gap = port, path, count, gap
        self._open = 0
        self.frames = 0

    async def __aenter__(self) -> Streams:
        """Returns when each has its first frame."""
        self._clients = [asyncio.create_task(self._client(number)) for number in range(self._count)]
        while self._open < self._count:
            assert not any(client.done() for client in self._clients), "a stream has ended"
            await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not any(client.done() for client in self._clients), "a stream has ended"
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _client(self, number: int) -> None:
        await asyncio.sleep(self._gap * number / self._count)  # evenly over one gap
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request(self._path, f"frames=100000 gap={self._gap}", stream=True))
        seen = 0
        try:
            while line := await reader.readline():
                if b'"content":"\xd0' in line or b'"text":"\xd0' in line:
                    self._open += not seen
                    seen += 1
                    self.frames += 1
        finally:
            writer.transport.abort()
