"""<think>...</think> in GigaChat's text, in every dialect; tests/upstream/test_thoughts.py has the rows."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import STREAMED
from tests.chunks import accumulate, chunks
from tests.message_events import accumulate as add_up
from tests.message_events import events
from tests.service import Service
from tests.sockets import HELLO

TEXT = "<think>\nНадо подумать.\n</think>\n\nОтвет: 42"
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": HELLO}),
    "completions": ("/v1/completions", {"prompt": "Раз"}),
    "responses": ("/v1/responses", {"input": "Раз"}),
    "messages": (
        "/v1/messages",
        {"messages": HELLO, "max_tokens": 5000, "thinking": {"type": "enabled", "budget_tokens": 2000}},
    ),
    "messages without thinking": ("/v1/messages", {"messages": HELLO, "max_tokens": 5000}),
}


def frames() -> list[dict[str, Any]]:
    """Three letters in each, so that tags come in pieces."""
    deltas = [{"content": TEXT[at : at + 3]} for at in range(0, len(TEXT), 3)]
    choices = [{"index": 0, "delta": delta} for delta in deltas]
    end = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    return [*({"choices": [choice]} for choice in choices), {"choices": [end], "usage": usage}]


def from_chat(response: requests.Response, stream: bool) -> tuple[str, str]:
    answer = accumulate(chunks(response.text)) if stream else response.json()
    message = answer["choices"][0]["message"]
    return message["reasoning_content"], message["content"]


def from_completions(response: requests.Response, stream: bool) -> tuple[str, str]:
    """They have no place for thoughts."""
    parts = chunks(response.text) if stream else [response.json()]
    return "", "".join(choice["text"] for part in parts for choice in part["choices"])


def from_responses(response: requests.Response, stream: bool) -> tuple[str, str]:
    answer = events(response.text)[-1]["response"] if stream else response.json()
    thought, said = answer["output"]
    return thought["summary"][0]["text"], said["content"][0]["text"]


def from_messages(response: requests.Response, stream: bool) -> tuple[str, str]:
    content = (add_up(events(response.text)) if stream else response.json())["content"]
    return "".join(part.get("thinking", "") for part in content), content[-1]["text"]


READERS = {"chat": from_chat, "completions": from_completions, "responses": from_responses, "messages": from_messages}


@STREAMED
@pytest.mark.parametrize("dialect", ASKED)
def test_every_dialect(service: Service, sandbox: SandboxServer, dialect: str, stream: bool) -> None:
    sandbox.state.script({"frames": frames()} if stream else {"text": TEXT})
    path, body = ASKED[dialect]
    response = service.post(path, {"model": "GigaChat-3-Ultra", **body, "stream": stream})
    response.encoding = "utf-8"
    thoughts = "Надо подумать." if dialect in ("chat", "responses", "messages") else ""
    assert READERS[dialect.split()[0]](response, stream) == (thoughts, "Ответ: 42")
