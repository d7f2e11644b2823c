"""Golden cases of Ollama's API: each file is one request, what GigaChat gets and answers, and the client's answer.

`path` is the endpoint below /api; "<png>" in a request is a picture in base64. Every case runs whole and streamed; the
accumulated stream must equal the whole answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from gpt2giga_sandbox.server import SandboxServer
from tests.golden import check_answer, check_payloads, check_same
from tests.lines import accumulate, lines, without_times
from tests.test_cases import picture, script, sent

CASES = sorted((Path(__file__).parent / "cases" / "ollama").glob("*.json"))
KEYS = {"why", "path", "request", "payload", "gigachat", "answer"}


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text().replace("<png>", picture().partition(",")[2]))
    assert set(loaded) <= KEYS and loaded["why"]
    return loaded


def ask(case: dict[str, Any], app: Flask, **more: Any) -> str:
    response = app.test_client().post(f"/api/{case['path']}", json={**case["request"], **more})
    check_same(case["why"], "status", response.status_code, 200)
    return response.text


def test_whole(case: dict[str, Any], app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    script(case, sandbox)
    check(case, without_times(json.loads(ask(case, app_with(GPT2GIGA_OLLAMA="True"), stream=False))), sandbox)


def test_streamed(case: dict[str, Any], app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """Which is the default."""
    script(case, sandbox)
    check(case, accumulate(lines(ask(case, app_with(GPT2GIGA_OLLAMA="True")))), sandbox)


def check(case: dict[str, Any], answer: dict[str, Any], sandbox: SandboxServer) -> None:
    for call in answer.get("message", {}).get("tool_calls", []):
        assert call.pop("id").isalnum()
    check_payloads(case, sent(sandbox))
    check_answer(case, answer)
