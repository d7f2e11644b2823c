"""Each limit of a request and of an answer, just kept and just broken: the refusal names the setting."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.pictures import data_url, GIF
from tests.service import Service

CHAT, MESSAGES, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"
GENERATE = "/v1beta/models/gemini-2.5-pro:generateContent"
ASK = {"role": "user", "content": "?"}


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [*(messages or (ASK,))], **fields}


def parts(number: int) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": "a"}] * number}


def tool(name: str, values: int) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"a": {"enum": [str(number) for number in range(values)]}}}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def bringing(*numbers: int) -> dict[str, Any]:
    listed = [[{"type": "function", "name": f"f{name}"} for name in range(number)] for number in numbers]
    return {"input": [ASK, *({"type": "additional_tools", "tools": tools} for tools in listed)]}


def declaring(number: int) -> dict[str, Any]:
    return {"function_declarations": [{"name": f"f{name}"} for name in range(number)]}


def by_schema(values: int) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"a": {"enum": [*range(values)]}}}
    return {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}


def picture() -> dict[str, Any]:
    content = GIF[:6] + b"\x65\x00\x64\x00" + GIF[10:]  # 101 times 100
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": data_url(content, "image/gif")}}]}


# With the settings of the fixture `small`.
BROKEN: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "values": (CHAT, chat(ASK, metadata={"a": [0] * 5000}), 413, "GPT2GIGA_MAX_JSON_VALUES"),
    "messages": (CHAT, chat(*[ASK] * 101), 413, "GPT2GIGA_MAX_MESSAGES"),
    "messages of Messages": (MESSAGES, chat(*[ASK] * 101, max_tokens=5), 413, "GPT2GIGA_MAX_MESSAGES"),
    "items": (RESPONSES, {"input": [ASK] * 101}, 413, "GPT2GIGA_MAX_MESSAGES"),
    "texts": (EMBEDDINGS, {"input": ["a"] * 101, "model": "E"}, 413, "GPT2GIGA_MAX_MESSAGES"),
    "parts": (CHAT, chat(parts(100), parts(101)), 413, "GPT2GIGA_MAX_PARTS"),
    "tools": (CHAT, chat(tools=[tool(f"f{number}", 1) for number in range(11)]), 413, "GPT2GIGA_MAX_TOOLS"),
    "tools of items": (RESPONSES, bringing(5, 6), 413, "GPT2GIGA_MAX_TOOLS"),
    "functions": (CHAT, chat(functions=[{"name": f"f{number}"} for number in range(11)]), 413, "GPT2GIGA_MAX_TOOLS"),
    "parts of one content": (GENERATE, {"contents": {"parts": [{"text": "a"}] * 201}}, 413, "GPT2GIGA_MAX_PARTS"),
    "declarations": (GENERATE, {"tools": [declaring(11)]}, 413, "GPT2GIGA_MAX_TOOLS"),
    "declarations of one tool": (GENERATE, {"tools": declaring(11)}, 413, "GPT2GIGA_MAX_TOOLS"),
    "schemas together": (CHAT, chat(tools=[tool("f", 250), tool("g", 250)]), 400, "GPT2GIGA_MAX_SCHEMA_VALUES"),
    "response format": (CHAT, chat(response_format=by_schema(500)), 400, "GPT2GIGA_MAX_SCHEMA_VALUES"),
    "pixels": (CHAT, chat(picture()), 400, "GPT2GIGA_MAX_PIXELS"),
}
KEPT: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": (CHAT, chat(*[ASK] * 100)),
    "messages of Messages": (MESSAGES, chat(*[ASK] * 100, max_tokens=5)),
    "items": (RESPONSES, {"input": [ASK] * 100}),
    "parts": (CHAT, chat(parts(100), parts(100))),
    "tools": (CHAT, chat(tools=[tool(f"f{number}", 1) for number in range(10)])),
    "tools of items": (RESPONSES, bringing(5, 5)),
    "schemas together": (CHAT, chat(tools=[tool("f", 200), tool("g", 200)])),
    "marks in a text": (CHAT, chat({"role": "user", "content": "1,2,[3],{}\n" * 2000})),
}


@pytest.mark.parametrize(("path", "body", "status", "setting"), BROKEN.values(), ids=BROKEN)
def test_broken(
    small: Service, sandbox: SandboxServer, path: str, body: dict[str, Any], status: int, setting: str
) -> None:
    response = small.post(path, body)
    assert response.status_code == status
    assert setting in response.json()["error"]["message"]
    assert sandbox.state.chats() == [], "found before GigaChat is asked"


@pytest.mark.parametrize(("path", "body"), KEPT.values(), ids=KEPT)
def test_kept(small: Service, path: str, body: dict[str, Any]) -> None:
    response = small.post(path, body)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_that_is_too_large(small: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "да", "padding": 300_000})
    response = small.post(CHAT, chat(stream=stream))
    assert response.status_code == 502
    assert "GPT2GIGA_MAX_ANSWER" in response.json()["error"]["message"]
    assert len(sandbox.state.chats()) == 1, "asked once: it would not be smaller the next time"


def test_an_answer_of_too_many_values(small: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"answer": {"choices": [], "more": [[]] * 5000}})
    response = small.post(CHAT, chat())
    assert (response.status_code, len(sandbox.state.chats())) == (502, 1)
    assert "GPT2GIGA_MAX_JSON_VALUES" in response.json()["error"]["message"]


def test_an_authorisation_that_never_ends(small: Service, sandbox: SandboxServer) -> None:
    sandbox.state.revoke_tokens()
    sandbox.state.script({"route": "oauth", "padding": 2_000_000})
    response = small.post(CHAT, chat())
    assert response.status_code == 502
    assert "GIGACHAT_AUTH_URL" in response.json()["error"]["message"]
    assert small.post(CHAT, chat()).status_code == 200
