"""A conversation that is too long: told in every wording of GigaChat's, and in the words that agents shorten it for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from gpt2giga.config.variables import parse
from gpt2giga.upstream.fact_book import fact_book
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import MESSAGES, STREAMED
from tests.message_events import events
from tests.service import Service

NEWER = "CONTEXT_TOO_LONG: context too long 301216, maximum allowed context is 261120"
OLDER = "Tokens limit exceeded: 301216 out of 261120"
WORDINGS: dict[str, tuple[int, str]] = {
    "newer": (422, NEWER),
    "older": (422, OLDER),
    "with a prefix": (422, f"Invalid params: {OLDER}"),
    "with the other prefix": (422, f"INVALID_PARAMS: {NEWER}"),
    "as a 400": (400, NEWER),
    "as a 413": (413, OLDER),
}
# What agents search a message for, where GigaChat tells no figures; they shorten a conversation only when they find it.
SEARCHED = {
    "Pi and opencode": "exceeds the context window",
    "LiteLLM, for aider": "This model's maximum context length is",
    "Continue and Qwen Code": "maximum context length",
}
OPENAI = "This model's maximum context length is 261120 tokens. However, your messages resulted in 301216 tokens"
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": "Раз"},
    "/v1/responses": {"input": "Раз"},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 99},
}


@STREAMED
@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("status, words", WORDINGS.values(), ids=WORDINGS)
def test_every_wording(curt: Service, sandbox: SandboxServer, status: int, words: str, path: str, stream: bool) -> None:
    sandbox.state.script({"status": status, "body": {"status": status, "message": words}})
    response = curt.post(path, {"model": "GigaChat-3-Pro", **BODIES[path], "stream": stream})
    error = response.json()["error"]
    assert response.status_code == 400 and error["type"] == "invalid_request_error" and words in error["message"]
    if path == "/v1/messages":
        assert error["message"].startswith("prompt is too long: 301216 tokens > 261120 maximum.")
    else:
        assert error["code"] == "context_length_exceeded" and error["message"].startswith(OPENAI)


def test_in_the_middle_of_a_response(lively: Service, sandbox: SandboxServer) -> None:
    """Codex compacts when it reads the code in the stream."""
    sandbox.state.script({"status": 422, "body": {"status": 422, "message": NEWER}, "delay": 0.7})
    response = lively.post("/v1/responses", {"input": "Раз", "stream": True})
    error = events(response.content.decode())[-1]["response"]["error"]
    assert error["code"] == "context_length_exceeded" and error["message"].startswith(OPENAI)


@pytest.mark.parametrize("pass_token, then", [("False", 200000), ("True", 261120)])
def test_the_window_is_remembered(
    app_with: Callable[..., Flask], at_sandbox: dict[str, str], sandbox: SandboxServer, pass_token: str, then: int
) -> None:
    """Of one account only: what the model of another can is not its to tell."""
    setting = {"GPT2GIGA_PASS_TOKEN": pass_token}
    app = app_with(**setting)
    words = "CONTEXT_TOO_LONG: context too long 301216, maximum allowed context is 200000"
    sandbox.state.script({"status": 422, "body": {"status": 422, "message": words}})
    response = app.test_client().post(
        "/v1/chat/completions",
        json={"model": "GigaChat-3-Pro", "messages": MESSAGES},
        headers={"Authorization": f"Bearer giga-cred-{sandbox.credentials}"},
    )
    assert "is 200000 tokens" in response.text
    book = fact_book(parse(at_sandbox | setting))  # as another worker, or the next start, reads it
    assert book.of("GigaChat-3-Pro").window == then and book.of("GigaChat-3-Ultra").window == 261120


@pytest.mark.parametrize("path", BODIES)
def test_without_figures(curt: Service, sandbox: SandboxServer, path: str) -> None:
    sandbox.state.script({"status": 413})
    message = curt.post(path, BODIES[path] | {"model": "GigaChat"}).json()["error"]["message"]
    assert {agent: words for agent, words in SEARCHED.items() if words not in message} == {}
    assert message.startswith("prompt is too long: The request") == (path == "/v1/messages")


@pytest.mark.parametrize("status, words", [(402, OLDER), (429, "Tokens limit per minute"), (422, "Invalid params")])
def test_what_is_none(curt: Service, sandbox: SandboxServer, status: int, words: str) -> None:
    sandbox.state.script({"status": status, "body": {"status": status, "message": words}})
    response = curt.post("/v1/chat/completions", {"messages": MESSAGES})
    assert response.json()["error"]["code"] != "context_length_exceeded"


def test_the_sandbox_refuses_as_gigachat_3_does(curt: Service) -> None:
    body = {"model": "GigaChat-3-Pro", "messages": [{"role": "user", "content": "а" * 3 * 261_121}]}
    message = curt.post("/v1/chat/completions", body).json()["error"]["message"]
    assert "maximum context length is 261120 tokens" in message and "CONTEXT_TOO_LONG" in message
