"""Answers that were asked for twice already: no SDK asks, and pays, again by itself."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import MESSAGES, NUMBER, tool
from tests.message_events import events
from tests.service import NO_ROOTS, Service

JSON = {"type": "json_object"}
BY_SCHEMA = {"format": {"type": "json_schema", "schema": NUMBER}}
# Each with how often GigaChat is asked for one answer.
BROKEN: dict[str, tuple[str, dict[str, Any], int]] = {
    "chat": ("/chat/completions", {"messages": MESSAGES, "response_format": JSON}, 2),
    "chat, streamed": ("/chat/completions", {"messages": MESSAGES, "response_format": JSON, "stream": True}, 2),
    "a call": ("/chat/completions", {"messages": MESSAGES, "tools": [tool("f")], "tool_choice": "required"}, 1),
    "responses": ("/responses", {"input": "Раз", "text": {"format": JSON}}, 2),
    "messages": ("/messages", {"messages": MESSAGES, "max_tokens": 99, "output_config": BY_SCHEMA}, 2),
}


@pytest.mark.parametrize("path, body, asked", BROKEN.values(), ids=BROKEN)
def test_no_sdk_asks_again(
    service: Service, sandbox: SandboxServer, path: str, body: dict[str, Any], asked: int
) -> None:
    sandbox.state.script({"text": "Один.", "times": asked})
    with (
        service.client(max_retries=2) as client,
        anthropic.Anthropic(
            base_url=service.url,
            api_key="unused",
            max_retries=2,
            http_client=anthropic.DefaultHttpxClient(verify=NO_ROOTS),
        ) as claude,
        pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as caught,
    ):
        if path == "/messages":
            claude.post("/v1/messages", body={"model": "GigaChat", **body}, cast_to=object)
        else:
            client.post(path, body={"model": "GigaChat", **body}, cast_to=object)
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(sandbox.state.chats()) == asked


def test_codex_does_not_either(lively: Service, sandbox: SandboxServer) -> None:
    """It reads the code in the stream, and repeats what it does not know."""
    sandbox.state.script({"text": "Один.", "delay": 0.6}, {"text": "Одна штука."})
    response = lively.post("/v1/responses", {"input": "Раз", "text": {"format": JSON}, "stream": True})
    last = events(response.content.decode())[-1]
    assert (last["type"], last["response"]["error"]["code"]) == ("response.failed", "invalid_prompt")


def test_what_may_pass_may_be_asked_for_again(curt: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 500})
    response = curt.post("/v1/chat/completions", {"messages": MESSAGES})
    assert response.status_code == 502 and "x-should-retry" not in response.headers
