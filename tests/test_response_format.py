"""response_format with tools, filters and limits, and formats that make no sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from openai import LengthFinishReasonError
from pydantic import BaseModel

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import ask, by_schema, FILTERED, MESSAGES, MODEL, NUMBER, parse, STREAMED, tool, USAGE
from tests.service import Service


class Author(BaseModel):
    name: str
    born: int


TOOLS = [tool("weather"), tool("time")]
CALL = {"name": "weather", "arguments": {"city": "Омск"}}


@STREAMED
def test_tools_stay_usable(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"call": CALL})
    completion = ask(service, stream, response_format=by_schema(NUMBER), tools=TOOLS)
    [call] = completion.choices[0].message.tool_calls
    assert (call.function.name, completion.choices[0].finish_reason) == ("weather", "tool_calls")
    [sent] = sandbox.state.chats()
    assert "response_format" not in sent and '"required":["n"]' in sent["messages"][0]["content"]


@STREAMED
def test_tools_are_there_but_the_model_answers(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": '```\n{"n": 1}\n```'})
    completion = ask(service, stream, response_format=by_schema(NUMBER), tools=TOOLS)
    assert completion.choices[0].message.content == '{"n": 1}'


@STREAMED
def test_tools_are_there_but_the_model_chats(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "Один.", "usage": USAGE}, {"text": '{"n": 1}', "usage": USAGE})
    completion = ask(service, stream, response_format=by_schema(NUMBER), tools=TOOLS)
    assert completion.choices[0].message.content == '{"n": 1}'
    assert completion.usage.completion_tokens == 6
    assert "functions" not in sandbox.state.chats()[1] and "response_format" in sandbox.state.chats()[1]


@STREAMED
@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "weather"}}], ids=str)
def test_a_call_is_demanded(service: Service, sandbox: SandboxServer, choice: Any, stream: bool) -> None:
    sandbox.state.script({"call": CALL})
    completion = ask(service, stream, response_format=by_schema(NUMBER), tools=TOOLS, tool_choice=choice)
    assert completion.choices[0].message.tool_calls[0].function.arguments == '{"city":"Омск"}'


@STREAMED
def test_no_tools_wanted(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": '{"n": 1}'})
    completion = ask(service, stream, response_format=by_schema(NUMBER), tools=TOOLS, tool_choice="none")
    assert completion.choices[0].message.content == '{"n": 1}' and "response_format" in sandbox.state.chats()[0]


@STREAMED
@pytest.mark.parametrize("wanted", [Author, {"type": "json_object"}], ids=["schema", "object"])
def test_a_filtered_answer_is_a_refusal(service: Service, sandbox: SandboxServer, wanted: Any, stream: bool) -> None:
    sandbox.state.script(FILTERED)
    with service.client() as client:
        completion = parse(client, stream, wanted)
    message = completion.choices[0].message
    assert message.refusal == FILTERED["text"] and not message.content and message.parsed is None
    assert completion.choices[0].finish_reason == "stop"


def test_filtered_in_the_middle_of_a_stream(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": '{"name": "Лев', "finish_reason": "blacklist"})
    with service.client() as client:
        message = parse(client, True, Author).choices[0].message
    assert message.refusal and message.parsed is None and message.content == '{"name": "Лев'


@STREAMED
def test_an_answer_cut_at_max_tokens_says_so(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": '{"name": "Лев', "finish_reason": "length"})
    with service.client() as client, pytest.raises(LengthFinishReasonError):
        parse(client, stream, Author)


DEEP: Any = {"type": "object"}
for _ in range(400):
    DEEP = {"type": "object", "properties": {"a": DEEP}}
BAD = {
    "type": {"type": "strange"},
    "properties": {"type": "object", "properties": []},
    "nowhere": {"type": "object", "properties": {"a": {"$ref": "#/$defs/None"}}},
    "nowhere at the root": {"$ref": "#/$defs/None"},
    "itself": {"$ref": "#"},
    "itself below": {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}},
    "each other": {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    "itself by allOf": {"allOf": [{"$ref": "#"}]},
    "remote": {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}},
    "file": {"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}},
    "dialect": {"$schema": ["draft-7"], "type": "object"},
    "dialect address": {"$schema": "http://[", "type": "object"},
    "id": {"$id": "http://[", "type": "object", "properties": {"a": {"$ref": "#/x"}}},
    "reference type": {"type": "object", "properties": {"a": {"$ref": 5}}},
    "no address": {"type": "object", "properties": {"a": {"$ref": "http://["}}},
    "deep": DEEP,
}


@STREAMED
@pytest.mark.parametrize("schema", BAD.values(), ids=BAD)
def test_bad_schemas(service: Service, sandbox: SandboxServer, schema: Any, stream: bool) -> None:
    body = {"messages": MESSAGES, "stream": stream, "response_format": by_schema(schema, strict=True)}
    response = service.post("/v1/chat/completions", body)
    assert response.status_code == 400, response.text[:500]
    assert response.json()["error"]["param"] == "response_format"
    assert sandbox.state.chats() == [], "found before GigaChat is asked"


WRONG = [
    ("json", "response_format"),
    ({"type": "xml"}, "response_format.type"),
    ({}, "response_format.type"),
    ({"type": ["json_object"]}, "response_format.type"),
    ({"type": "json_schema"}, "response_format.json_schema"),
    ({"type": "json_schema", "json_schema": NUMBER["required"]}, "response_format.json_schema"),
    (by_schema("text"), "response_format.json_schema.schema"),
    (by_schema(NUMBER, strict="yes"), "response_format.json_schema.strict"),
    (by_schema(NUMBER, name=5), "response_format.json_schema.name"),
]


@pytest.mark.parametrize("wanted, param", WRONG, ids=[f"{param}-{i}" for i, (_, param) in enumerate(WRONG)])
def test_wrong_types(service: Service, wanted: Any, param: str) -> None:
    response = service.post("/v1/chat/completions", {"messages": MESSAGES, "response_format": wanted})
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


STRANGE = {"type": "object", "properties": {"a": {"type": "STRINGY"}}}
USER = {"parts": [{"text": "Раз"}]}
PLACES: list[tuple[str, dict[str, Any], str]] = [
    (
        "/v1/responses",
        {"text": {"format": {"type": "json_schema", "name": "a", "schema": STRANGE}}},
        "text.format.schema",
    ),
    (
        "/v1/messages",
        {"max_tokens": 9, "output_config": {"format": {"type": "json_schema", "schema": STRANGE}}},
        "output_config.format.schema",
    ),
    ("/api/chat", {"format": STRANGE}, "format"),
    ("/v1beta/models/GigaChat:generateContent", {"generationConfig": {"responseSchema": STRANGE}}, "responseSchema"),
    ("/v1beta/models/GigaChat:generateContent", {"generationConfig": {"responseJsonSchema": STRANGE}}, "JsonSchema"),
]


@pytest.mark.parametrize("path, body, place", PLACES, ids=[place for _, _, place in PLACES])
def test_each_api_names_its_own_place(
    app_with: Callable[..., Flask], path: str, body: dict[str, Any], place: str
) -> None:
    asked = {"/v1/responses": {"input": "Раз"}, "/v1beta/models/GigaChat:generateContent": {"contents": [USER]}}
    answer = (
        app_with(GPT2GIGA_OLLAMA="True")
        .test_client()
        .post(path, json={**asked.get(path, {"messages": MESSAGES}), **body})
    )
    assert answer.status_code == 400 and f"{place}' is not valid JSON Schema" in answer.get_data(as_text=True)


def test_plain_text_is_the_default(service: Service, sandbox: SandboxServer) -> None:
    service.post("/v1/chat/completions", {"messages": MESSAGES, "response_format": {"type": "text"}})
    assert sandbox.state.chats() == [{"model": MODEL, "messages": MESSAGES}]
