"""Many clients at a time, each noting when its bytes came and whether its answer was whole."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

HELLO = [{"role": "user", "content": "Посчитай"}]
TIMEOUT = 90


@dataclass
class Answer:
    status: int = 0
    head: str = ""
    body: bytes = b""
    whole: bool = False
    # Seconds from the request to each piece of the body.
    times: list[float] = field(default_factory=list)

    @property
    def largest_gap(self) -> float:
        return max(later - earlier for earlier, later in zip([0.0, *self.times], self.times, strict=False))

    @property
    def frames(self) -> list[str]:
        return [line.removeprefix("data: ") for line in self.body.decode().splitlines() if line.startswith("data: ")]

    @property
    def text(self) -> str:
        found = [json.loads(frame) for frame in self.frames if frame.startswith("{")]
        return "".join(c["delta"].get("content") or "" for chunk in found for c in chunk.get("choices", ()))

    @property
    def finished(self) -> bool:
        return self.status == 200 and self.whole and self.frames[-1:] == ["[DONE]"]


@dataclass(frozen=True)
class Place:
    """Where to ask."""

    port: int = 0
    unix: str = ""
    tls: bool = False
    source: str = "127.0.0.1"
    headers: str = ""

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.unix:
            return await asyncio.open_unix_connection(self.unix)
        trusting = ssl._create_unverified_context() if self.tls else None
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=trusting, local_addr=(self.source, 0))

    async def ask(self, path: str = "/v1/chat/completions", **body: Any) -> Answer:
        answer, started = Answer(), time.monotonic()
        reader, writer = await self.connect()
        try:
            writer.write(self._request(path, body))
            answer.head = (await reader.readuntil(b"\r\n\r\n")).decode()
            answer.status = int(answer.head.split()[1])
            await _read_body(reader, answer, started)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it is not whole then
        finally:
            writer.transport.abort()  # at once, also below TLS
            await asyncio.sleep(0)
        return answer

    def _request(self, path: str, body: dict[str, Any]) -> bytes:
        content = json.dumps({"messages": HELLO, **body}).encode() if body else b""
        head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{self.headers}"
        return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def _read_body(reader: asyncio.StreamReader, answer: Answer, started: float) -> None:
    if "transfer-encoding: chunked" not in answer.head.lower():
        answer.body, answer.whole = await reader.read(), True
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        answer.body += (await reader.readexactly(size + 2))[:-2]
        answer.times.append(time.monotonic() - started)
    answer.whole = True


async def stream(place: Place) -> Answer:
    return await asyncio.wait_for(place.ask(stream=True), TIMEOUT)


def streams(place: Place, number: int) -> list[Answer]:
    async def all_at_once() -> list[Answer]:
        return await asyncio.gather(*(stream(place) for _ in range(number)))

    return asyncio.run(all_at_once())


def ask(place: Place, path: str = "/v1/chat/completions", **body: Any) -> Answer:
    return asyncio.run(asyncio.wait_for(place.ask(path, **body), TIMEOUT))
