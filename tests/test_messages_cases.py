"""Golden cases of the Messages API: each file is one request, what GigaChat gets and answers, and the client's answer.

Every case runs whole and streamed; the accumulated stream must equal the whole answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.golden import check_answer, check_answered, check_payloads
from tests.message_events import accumulate, events
from tests.service import Service

CASES = sorted((Path(__file__).parent / "cases" / "messages").glob("*.json"))


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text())
    assert set(loaded) <= {"why", "request", "payload", "gigachat", "answer"} and loaded["why"]
    return loaded


def test_whole(case: dict[str, Any], service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(case.get("gigachat", {"text": "Да."}))
    response = service.post("/v1/messages?beta=true", {**case["request"], "stream": False})
    check_answered(case["why"], response)
    check(case, response.json(), sandbox)


def test_streamed(case: dict[str, Any], service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(case.get("gigachat", {"text": "Да."}))
    response = service.post("/v1/messages?beta=true", {**case["request"], "stream": True})
    check_answered(case["why"], response)
    response.encoding = "utf-8"
    check(case, accumulate(events(response.text)), sandbox)


def check(case: dict[str, Any], answer: dict[str, Any], sandbox: SandboxServer) -> None:
    check_payloads(case, [{k: v for k, v in chat.items() if k != "stream"} for chat in sandbox.state.chats()])
    for block in answer["content"]:
        assert block["type"] != "tool_use" or block.pop("id").isalnum()
    check_answer(case, answer)
