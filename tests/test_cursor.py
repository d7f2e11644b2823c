"""What Cursor's agent posts to /chat/completions: bodies and tools in the forms of three APIs. It reads chat chunks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import STREAMED, tool
from tests.chunks import accumulate, chunks
from tests.service import Service

CHAT = "/v1/chat/completions"
SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}}
SHELL = {"type": "function", "name": "Shell", "description": "run", "parameters": SCHEMA, "strict": False}
PATCH = {
    "type": "custom",
    "name": "ApplyPatch",
    "description": "edit",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: patch"},
}
BODY = {
    "model": "GigaChat-2-Max",
    "user": "u1",
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "reasoning": {"effort": "medium", "summary": "auto"},
    "text": {"verbosity": "low"},
    "input": [
        {"role": "system", "content": "Ты агент"},
        {"role": "user", "content": [{"type": "input_text", "text": "Привет"}]},
        {"type": "function_call", "call_id": "a", "name": "Shell", "arguments": '{"command":"ls"}'},
        {"type": "function_call_output", "call_id": "a", "output": "a.py"},
    ],
    "tools": [SHELL, PATCH],
    "tool_choice": "auto",
}
TEXT = "*** Begin Patch\n*** End Patch"
CUSTOM = {"name": "ApplyPatch", "input": TEXT}


def ask(service: Service, stream: bool, body: dict[str, Any]) -> dict[str, Any]:
    """The choice, put together from the chunks of a stream."""
    response = service.post(CHAT, {**body, "stream": stream})
    assert response.status_code == 200, response.text
    response.encoding = "utf-8"
    found = accumulate(chunks(response.text)) if stream else response.json()
    assert found["object"] == "chat.completion"
    choice: dict[str, Any] = found["choices"][0]
    for call in choice["message"].get("tool_calls", []):
        assert call.pop("id")
    return choice


@STREAMED
def test_a_body_of_responses(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"call": {"name": "Shell", "arguments": {"command": "cat a.py"}}})
    choice = ask(service, stream, BODY)
    assert choice["finish_reason"] == "tool_calls"
    function = {"name": "Shell", "arguments": '{"command":"cat a.py"}'}
    assert choice["message"]["tool_calls"] == [{"type": "function", "function": function}]
    [sent] = sandbox.state.chats()
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "function"]
    assert [function["name"] for function in sent["functions"]] == ["Shell", "ApplyPatch"]
    assert sent["functions"][0]["parameters"] == SCHEMA


@STREAMED
def test_a_custom_tool_of_its_form(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    """As a custom call, with the function beside it whose name Cursor looks for."""
    sandbox.state.script({"call": {"name": "ApplyPatch", "arguments": {"input": TEXT}}, "times": 2})
    beside = {"messages": [{"role": "user", "content": "Правь"}], "tools": [tool("read_file"), PATCH]}
    for body in (BODY, beside):
        function = {"name": "ApplyPatch", "arguments": TEXT}
        assert ask(service, stream, body)["message"]["tool_calls"] == [
            {"type": "custom", "custom": CUSTOM, "function": function}
        ]
    for sent in sandbox.state.chats():
        parameters = sent["functions"][1]["parameters"]
        assert (
            parameters["required"] == ["input"] and "start: patch" in parameters["properties"]["input"]["description"]
        )


def test_the_call_comes_back(service: Service, sandbox: SandboxServer) -> None:
    calls = [{"id": "b", "type": "custom", "custom": CUSTOM, "function": {"name": "ApplyPatch", "arguments": TEXT}}]
    messages = [
        {"role": "user", "content": "Правь"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "b", "content": "ok"},
    ]
    ask(service, False, {"messages": messages, "tools": [PATCH]})
    [sent] = sandbox.state.chats()
    assert sent["messages"][1]["function_call"] == {"name": "ApplyPatch", "arguments": {"input": TEXT}}


@STREAMED
def test_flat_tools_beside_messages(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"call": {"name": "Shell", "arguments": {"command": "ls"}}})
    choice = {"type": "function", "name": "Shell"}
    body = {"messages": [{"role": "user", "content": "a"}], "tools": [SHELL], "tool_choice": choice}
    assert ask(service, stream, body)["message"]["tool_calls"][0]["function"]["name"] == "Shell"
    assert sandbox.state.chats()[0]["function_call"] == {"name": "Shell"}


@STREAMED
@pytest.mark.parametrize("choice", [{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "Shell"}])
def test_anthropics_tools(service: Service, sandbox: SandboxServer, stream: bool, choice: dict[str, str]) -> None:
    """For models whose name has "claude" in it."""
    sandbox.state.script({"call": {"name": "Shell", "arguments": {"command": "ls"}}})
    body = {
        "system": [{"type": "text", "text": "Ты агент", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}],
        "tools": [{"name": "Shell", "description": "run", "input_schema": SCHEMA}],
        "tool_choice": choice,
    }
    answer = ask(service, stream, body)
    assert answer["message"]["tool_calls"] == [
        {"type": "function", "function": {"name": "Shell", "arguments": '{"command":"ls"}'}}
    ]
    [sent] = sandbox.state.chats()
    assert sent["messages"][0] == {"role": "system", "content": "Ты агент"}
    assert sent["functions"] == [{"name": "Shell", "description": "run", "parameters": SCHEMA}]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": [{"role": "robot", "content": "a"}]}, "input[0].role"),
        ({"input": 5}, "input"),
        ({"input": None}, "messages"),
        ({"stream": "yes"}, "stream"),
        ({"stop": [5]}, "stop"),
    ],
)
def test_mistakes_are_told_as_a_chats(service: Service, change: dict[str, Any], param: str) -> None:
    response = service.post(CHAT, {**BODY, **change})
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param)
    assert set(error) == {"message", "type", "param", "code"}


def test_nothing_of_it_is_kept(service: Service) -> None:
    answer = service.post(CHAT, {**BODY, "store": True}).json()
    assert json.dumps(answer).count("resp_") == 0 and service.get(f"/v1/responses/{answer['id']}").status_code == 404


@STREAMED
def test_hosted_tools(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    """web_search and the like run at OpenAI or Anthropic, not at GigaChat."""
    hosted = [{"type": "web_search_preview"}, {"type": "web_search_20250305", "name": "web_search"}]
    body = {"messages": [{"role": "user", "content": "a"}], "stream": stream}
    for tools, choice, ignored in (
        ([*hosted, tool("f")], "auto", "tools.web_search_preview, tools.web_search_20250305"),
        (
            [*hosted, tool("f")],
            {"type": "web_search_preview"},
            "tools.web_search_preview, tools.web_search_20250305, tool_choice",
        ),
        (hosted[:1], "required", "tools.web_search_preview, tool_choice"),
    ):
        response = service.post(CHAT, {**body, "tools": tools, "tool_choice": choice})
        assert response.status_code == 200, response.text
        assert response.headers["X-Gpt2giga-Ignored"] == ignored
        names = [function["name"] for function in sandbox.state.chats()[-1].get("functions", [])]
        assert names == [entry["function"]["name"] for entry in tools if "function" in entry]


def test_hosted_tools_can_be_refused(contrary: Service) -> None:
    body = {"messages": [{"role": "user", "content": "a"}], "tools": [tool("f"), {"type": "web_search_preview"}]}
    error = contrary.post(CHAT, body).json()["error"]
    assert (error["code"], error["param"]) == ("unsupported_tool", "tools[1].type")
    assert "GPT2GIGA_IGNORE_HOSTED_TOOLS" in error["message"]
