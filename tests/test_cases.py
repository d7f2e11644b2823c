"""Golden cases: each file is one request, what GigaChat gets and answers, and what the client gets.

`gigachat` is one step of the sandbox or a list of them, with a payload in `payloads` for each; `answer` names
what matters of the answer. "<png>" in a request is a picture, and "<1>" in a payload the first file uploaded.
Every case runs whole and streamed; the accumulated stream must equal the whole answer.
"""

from __future__ import annotations

import base64
import json
import struct
import uuid
import zlib
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.chunks import accumulate, chunks
from tests.golden import check_answer, check_answered, check_payloads, check_same
from tests.service import Service

CASES = sorted((Path(__file__).parent / "cases" / "chat").glob("*.json"))
KEYS = {"why", "request", "payload", "payloads", "gigachat", "answer"}
LONGEST_CALL_ID = 40  # OpenClaw cuts the rest


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text().replace("<png>", picture()))
    assert set(loaded) <= KEYS and loaded["why"]
    return loaded


def test_whole(case: dict[str, Any], service: Service, sandbox: SandboxServer) -> None:
    script(case, sandbox)
    response = service.post("/v1/chat/completions", case["request"])
    check_answered(case["why"], response)
    check(case, response.json(), sandbox)


def test_streamed(case: dict[str, Any], service: Service, sandbox: SandboxServer) -> None:
    script(case, sandbox)
    request = {**case["request"], "stream": True, "stream_options": {"include_usage": True}}
    response = service.post("/v1/chat/completions", request)
    check_answered(case["why"], response)
    response.encoding = "utf-8"
    check(case, accumulate(chunks(response.text)), sandbox)


def picture() -> str:
    """The data URL of a PNG of one pixel. No two are alike: the service remembers what it has uploaded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pieces = [chunk(b"IHDR", header), chunk(b"tEXt", b"Comment\0" + uuid.uuid4().bytes.hex().encode())]
    pieces += [chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")), chunk(b"IEND", b"")]
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(pieces)).decode()


def script(case: dict[str, Any], sandbox: SandboxServer) -> None:
    steps = case.get("gigachat", {"text": "Да."})
    sandbox.state.script(*(steps if isinstance(steps, list) else [steps]))


def check(case: dict[str, Any], answer: dict[str, Any], sandbox: SandboxServer) -> None:
    check_payloads(case, sent(sandbox))
    check_answer(case, shape(answer))


def test_a_failure_can_be_read() -> None:
    with pytest.raises(pytest.fail.Exception) as caught:
        check_same("Почему", "payload", {"content": ["Да."]}, {"content": ["Нет."]})
    assert caught.value.msg is not None
    assert {"Почему", "payload:", '-    "Нет."', '+    "Да."'} <= {*caught.value.msg.splitlines()}


def sent(sandbox: SandboxServer) -> list[dict[str, Any]]:
    """What GigaChat got; the ids of files differ from run to run."""
    text = json.dumps([{k: v for k, v in chat.items() if k != "stream"} for chat in sandbox.state.chats()])
    for number, file_id in enumerate(sandbox.state.files(), start=1):
        text = text.replace(file_id, f"<{number}>")
    payloads: list[dict[str, Any]] = json.loads(text)
    return payloads


def shape(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without what differs from run to run."""
    choice = answer["choices"][0]
    message = {key: value for key, value in choice["message"].items() if value is not None}
    for call in message.get("tool_calls", []):
        call_id = call.pop("id")
        assert call_id.isalnum() and call_id.isascii() and len(call_id) <= LONGEST_CALL_ID
    usage = answer["usage"]
    return {
        "model": answer["model"],
        "message": message,
        "finish_reason": choice["finish_reason"],
        "usage": [usage["prompt_tokens"], usage["completion_tokens"], usage["prompt_tokens_details"]["cached_tokens"]],
    }
