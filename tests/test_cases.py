"""Golden cases: each file is one request, what GigaChat gets and answers, and what the client gets.

Every case runs whole and streamed; the accumulated stream must equal the whole answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gpt2giga.sandbox.server import SandboxServer
from tests.chunks import accumulate
from tests.chunks import chunks
from tests.service import Service

CASES = sorted((Path(__file__).parent / "cases" / "chat").glob("*.json"))


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text())
    assert set(loaded) <= {"why", "request", "payload", "gigachat", "answer"} and loaded["why"]
    return loaded


def test_whole(case: dict[str, Any], service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(case.get("gigachat", {"text": "Да."}))
    response = service.post("/v1/chat/completions", case["request"])
    assert response.status_code == 200, response.text
    check(case, response.json(), sandbox)


def test_streamed(case: dict[str, Any], service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(case.get("gigachat", {"text": "Да."}))
    request = {**case["request"], "stream": True, "stream_options": {"include_usage": True}}
    response = service.post("/v1/chat/completions", request)
    assert response.status_code == 200, response.text
    response.encoding = "utf-8"
    check(case, accumulate(chunks(response.text)), sandbox)


def check(case: dict[str, Any], answer: dict[str, Any], sandbox: SandboxServer) -> None:
    [payload] = sandbox.state.chats()
    payload.pop("stream", None)
    if "payload" in case:
        assert payload == case["payload"]
    if "answer" in case:
        assert shape(answer) == case["answer"]


def shape(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without what differs from run to run."""
    choice = answer["choices"][0]
    message = {key: value for key, value in choice["message"].items() if value is not None}
    for call in message.get("tool_calls", []):
        assert call.pop("id").isalnum()
    usage = answer["usage"]
    return {
        "model": answer["model"],
        "message": message,
        "finish_reason": choice["finish_reason"],
        "usage": [usage["prompt_tokens"], usage["completion_tokens"], usage["prompt_tokens_details"]["cached_tokens"]],
    }
