"""Tool calling end to end, where a golden case is not enough: settings, errors, streams frame by frame, sizes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.chunks import chunks, frames
from tests.dialects.openai.test_request import BAD
from tests.service import Service

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
ASKED = {"model": "GigaChat-2-Max", "messages": [{"role": "user", "content": "Погода?"}], "tools": [WEATHER]}
CALL = {"name": "get_weather", "arguments": {"city": "Тула"}}
CHAT = "/v1/chat/completions"


def streamed(service: Service, request: dict[str, Any]) -> str:
    response = service.post(CHAT, {**request, "stream": True})
    response.encoding = "utf-8"
    assert response.status_code == 200, response.text
    return response.text


def choice(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    response = service.post(CHAT, request)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()["choices"][0]
    return found


def refusal(response: Any) -> dict[str, Any]:
    """The error of a 400 in OpenAI's shape."""
    assert response.status_code == 400, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"
    return error


def chunk(delta: dict[str, Any], finish: str = "") -> dict[str, Any]:
    """A frame of GigaChat's stream."""
    found = {"index": 0, "delta": delta, **({"finish_reason": finish} if finish else {})}
    return {"choices": [found], "created": 1, "model": "GigaChat-2-Max:2.0.30.01", "object": "chat.completion"}


# Bad input


@pytest.mark.parametrize("body, param", BAD, ids=[f"{param}-{i}" for i, (_, param) in enumerate(BAD)])
def test_bad_input_is_named(service: Service, sandbox: SandboxServer, body: dict[str, Any], param: str) -> None:
    assert refusal(service.post(CHAT, {"model": "GigaChat", **body}))["param"] == param
    assert sandbox.state.chats() == []


DEEP = b'{"messages": [{"role": "user", "content": ' + b"[" * 1000 + b"]" * 1000 + b"}]}"
NO_JSON = {
    "not UTF-8": '{"messages": [{"role": "user", "content": "Привет"}]}'.encode("cp1251"),
    "a thousand levels": b"[" * 1000 + b"]" * 1000,
    "a thousand levels of content": DEEP,
    "half a million levels": b'{"messages": ' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    "a thousand levels of a schema": b'{"tools": [{"function": {"name": "f", "parameters": '
    + b'{"items": ' * 1000
    + b"{}"
    + b"}" * 1000
    + b"}}]}",
    "no object": b"[]",
    "nothing": b"",
    "no number": b'{"messages": NaN}',
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_of_ours(service: Service, body: bytes) -> None:
    refusal(service.post(CHAT, data=body))


def test_deep_json_in_texts_is_text(service: Service, sandbox: SandboxServer) -> None:
    """Arguments and results are JSON in a string, where the body's own nesting does not count."""
    deep = "[" * 5000 + "]" * 5000
    call = {"id": "a", "function": {"name": "get_weather", "arguments": deep}}
    history = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a", "content": deep}]
    choice(service, {**ASKED, "messages": [*ASKED["messages"], *history]})
    payload = sandbox.state.chats()[-1]
    assert payload["messages"][1]["function_call"]["arguments"] == {"text": deep}
    assert json.loads(payload["messages"][2]["content"]) == {"result": deep}


# Ids and GigaChat's state id


@pytest.mark.parametrize("send", [False, True])
def test_the_state_id_survives_in_the_id_of_the_call(
    service: Service, contrary: Service, sandbox: SandboxServer, send: bool
) -> None:
    service = contrary if send else service
    state = "77d3fb14-457a-46ba-937e-8d856156d003"
    delta = {"role": "assistant", "content": "", "function_call": CALL, "functions_state_id": state}
    sandbox.state.script({"frames": [chunk(delta, "function_call")]}, {"text": "Ясно."})
    calls = [
        call
        for chunk in chunks(streamed(service, ASKED))
        for call in chunk["choices"][0]["delta"].get("tool_calls", [])
    ]
    call_id = calls[0]["id"]
    assert call_id == "call" + state.replace("-", "")
    call = {
        "id": call_id,
        "type": "function",
        "function": {"name": "get_weather", "arguments": calls[1]["function"]["arguments"]},
    }
    history = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": "ясно"},
    ]
    choice(service, {**ASKED, "messages": [*ASKED["messages"], *history]})
    said = sandbox.state.chats()[-1]["messages"][1]
    assert said["function_call"] == CALL and said.get("functions_state_id") == (state if send else None)


# Answers


def test_the_chunks_of_a_call(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Смотрю.", "call": CALL})
    choices = [chunk["choices"][0] for chunk in chunks(streamed(service, ASKED))]
    deltas = [choice["delta"] for choice in choices]
    call_id = deltas[2]["tool_calls"][0]["id"]
    assert deltas == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "Смотрю."},
        {
            "tool_calls": [
                {"index": 0, "id": call_id, "type": "function", "function": {"name": "get_weather", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":"Тула"}'}}]},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None] * 4 + ["tool_calls"]


def test_frames_that_are_cut_anywhere(service: Service, sandbox: SandboxServer) -> None:
    """Leaked words in single letters, progress of a built-in function, the call and its finish apart."""
    letters = [chunk({"content": letter}) for letter in "Так. assistant function callget_weather{"]
    progress = chunk({"role": "function_in_progress", "content": "Рисую: 50%"})
    end = [chunk({"content": "", "function_call": CALL}), chunk({"content": ""}, "function_call")]
    sandbox.state.script({"frames": [progress, *letters, progress, *end], "split": 7})
    choices = [chunk["choices"][0] for chunk in chunks(streamed(service, ASKED))]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == "Так. "
    assert choices[-1]["finish_reason"] == "tool_calls"


def test_invalid_arguments_are_a_clear_error(service: Service, sandbox: SandboxServer) -> None:
    """finish_reason error: GigaChat's model wrote a call that GigaChat itself cannot read."""
    sandbox.state.script({"text": "", "finish_reason": "error", "times": 2})
    for request in (ASKED, {**ASKED, "stream": True}):
        response = service.post(CHAT, request)
        assert response.status_code == 502
        assert response.json()["error"]["code"] == "upstream_model_error"


def test_invalid_arguments_after_text(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Сейчас посмотрю.", "finish_reason": "error"})
    *_, last = frames(streamed(service, ASKED))
    assert json.loads(last)["error"]["code"] == "upstream_model_error"


def test_blacklist_as_content_filter(contrary: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Не люблю менять тему.", "finish_reason": "blacklist", "times": 2})
    found = choice(contrary, ASKED)
    assert (found["finish_reason"], found["message"]["content"]) == ("content_filter", "Не люблю менять тему.")
    assert chunks(streamed(contrary, ASKED))[-1]["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_blacklist_where_json_was_promised(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "Не люблю менять тему.", "finish_reason": "blacklist"})
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object", "properties": {}}}}
    request = {**ASKED, "tools": None, "response_format": wanted}
    if stream:
        choices = [chunk["choices"][0] for chunk in chunks(streamed(service, request))]
        said = "".join(choice["delta"].get("refusal") or "" for choice in choices)
        assert not any(choice["delta"].get("content") for choice in choices)
    else:
        choices = [choice(service, request)]
        said = choices[0]["message"]["refusal"]
        assert choices[0]["message"]["content"] is None
    assert said == "Не люблю менять тему." and choices[-1]["finish_reason"] == "stop"


def test_a_required_call_that_does_not_come(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Ясно.", "times": 2})
    for request in (ASKED, {**ASKED, "stream": True}):
        response = service.post(CHAT, {**request, "tool_choice": "required"})
        assert response.status_code == 502
        assert response.json()["error"]["code"] == "tool_choice_violated"


# Sizes


def test_a_hundred_tools_of_two_hundred_kilobytes(service: Service, sandbox: SandboxServer) -> None:
    properties = {
        f"field-{i}": {
            "anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}],
            "default": None,
            "description": "Что это значит и зачем. " * 2,
        }
        for i in range(10)
    }
    parameters = {
        "type": "object",
        "properties": {**properties, "deeper": {"type": "object", "properties": properties}},
    }
    tools = [{"type": "function", "function": {"name": f"mcp.tool-{i}", "parameters": parameters}} for i in range(100)]
    assert len(json.dumps(tools, ensure_ascii=False).encode()) > 200_000
    sandbox.state.script({"text": "Ясно.", "times": 2})
    for request in (ASKED, {**ASKED, "stream": True}):
        assert service.post(CHAT, {**request, "model": "GigaChat-3-Pro", "tools": tools}).status_code == 200
    functions = sandbox.state.chats()[-1]["functions"]
    assert len({function["name"] for function in functions}) == 100
    assert set(functions[0]["parameters"]["properties"]["deeper"]["properties"]) == set(properties)
