"""Golden cases of Gemini's API: each file is one request, what GigaChat gets and answers, and the client's answer.

Every case runs whole, as events and as an array; the accumulated stream must equal the whole answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.gemini_chunks import accumulate, chunks
from tests.golden import check_answer, check_answered, check_payloads
from tests.service import Service

CASES = sorted((Path(__file__).parent / "cases" / "generate").glob("*.json"))
STREAMS: dict[str, Callable[[str], Any]] = {"?alt=sse": chunks, "": json.loads}


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text())
    assert set(loaded) <= {"why", "model", "request", "payload", "payloads", "gigachat", "answer"} and loaded["why"]
    return loaded


def ask(case: dict[str, Any], service: Service, sandbox: SandboxServer, method: str) -> Any:
    steps = case.get("gigachat", {"text": "Да."})
    sandbox.state.script(*(steps if isinstance(steps, list) else [steps]))
    response = service.post(f"/v1beta/models/{case.get('model', 'GigaChat')}:{method}", case["request"])
    check_answered(case["why"], response)
    response.encoding = "utf-8"
    return response


def test_whole(case: dict[str, Any], service: Service, sandbox: SandboxServer) -> None:
    check(case, ask(case, service, sandbox, "generateContent").json(), sandbox)


@pytest.mark.parametrize("query", STREAMS, ids=["events", "array"])
def test_streamed(case: dict[str, Any], service: Service, sandbox: SandboxServer, query: str) -> None:
    response = ask(case, service, sandbox, f"streamGenerateContent{query}")
    check(case, accumulate(STREAMS[query](response.text)), sandbox)


def check(case: dict[str, Any], answer: dict[str, Any], sandbox: SandboxServer) -> None:
    check_payloads(case, [{k: v for k, v in chat.items() if k != "stream"} for chat in sandbox.state.chats()])
    for candidate in answer["candidates"]:
        for part in candidate["content"]["parts"]:
            assert "functionCall" not in part or part["functionCall"].pop("id").isalnum()
    check_answer(case, answer)
