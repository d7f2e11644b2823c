"""A GigaChat that costs next to nothing: bytes made once, no checks. `python -m benchmarks.gigachat` prints its port.

The last message of a chat says what to answer: "frames=200 gap=0.025" is a stream of so many frames, so many seconds
apart. The sandbox would do too, but its own work would slow the service down that is to be measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time

import orjson

WANTED = re.compile(rb"frames=(\d+) gap=([\d.]+)")
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
USAGE = {"prompt_tokens": 20, "completion_tokens": 40, "total_tokens": 60, "precached_prompt_tokens": 0}


def _document(value: object) -> bytes:
    body = orjson.dumps(value)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _frame(delta: dict[str, str], **more: object) -> bytes:
    choice = {"delta": delta, "index": 0, **({"finish_reason": "stop"} if more else {})}
    chunk = {"choices": [choice], "created": 1768996176, "model": "GigaChat:2.0.28.2", "object": "chat.completion"}
    return _chunk(b"data: %b\n\n" % orjson.dumps(chunk | more))


MESSAGE = {"content": "Здравствуйте! Чем помочь?", "role": "assistant"}
ANSWER = _document(
    {
        "choices": [{"message": MESSAGE, "index": 0, "finish_reason": "stop"}],
        "created": 1768996171,
        "model": "GigaChat:2.0.28.2",
        "object": "chat.completion",
        "usage": USAGE,
    }
)
V2_HEAD = {"model": "GigaChat:2.0.28.2", "created_at": 1768996176}
V2_USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"prompt_tokens": 20, "cached_tokens": 0},
    "output_tokens": 40,
    "total_tokens": 60,
}


def _v2_messages(text: str) -> dict[str, object]:
    return {"messages": [{"role": "assistant", "content": [{"text": text}]}]}


def _v2_event(name: str, **more: object) -> bytes:
    return _chunk(b"event: response.message.%b\ndata: %b\n\n" % (name.encode(), orjson.dumps(V2_HEAD | more)))


V2_END: dict[str, object] = {"finish_reason": "stop", "usage": V2_USAGE}
V2_ANSWER = _document(V2_HEAD | _v2_messages(str(MESSAGE["content"])) | V2_END)
MODELS = _document(
    {"object": "list", "data": [{"id": "GigaChat-2-Max", "object": "model", "owned_by": "salutedevices"}]}
)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FRAME = _frame({"content": "несколько слов ответа, "})
LAST = _frame({"content": ""}, usage=USAGE) + _chunk(b"data: [DONE]\n\n") + _chunk(b"")
V2_FRAME = _v2_event("delta", **_v2_messages("несколько слов ответа, "))
V2_LAST = _v2_event("done", **V2_END) + _chunk(b"")


def _token() -> bytes:
    return _document({"access_token": "t" * 1200, "expires_at": int((time.time() + 1800) * 1000)})


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            await _answer(head, body, writer)
    writer.close()


async def _answer(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
    wanted = WANTED.search(body, max(0, len(body) - 2000))
    is_v2 = b"/v2/chat" in head
    if b"/chat/completions" not in head:
        writer.write(_token() if b"/oauth" in head else MODELS)
    elif wanted is None:
        writer.write(V2_ANSWER if is_v2 else ANSWER)
    else:
        writer.write(STREAM)
        for _ in range(int(wanted[1])):
            writer.write(V2_FRAME if is_v2 else FRAME)
            await asyncio.sleep(float(wanted[2]))
            await writer.drain()  # raises when the service has hung up
        writer.write(V2_LAST if is_v2 else LAST)


async def main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, limit=64 * 1024 * 1024, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
