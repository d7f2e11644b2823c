"""Accounts and models of different character, over the socket."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from gpt2giga_sandbox import SandboxServer
from gpt2giga_sandbox.character import Character, SCHEMAS, STRICT, TOLERANT

from .bodies import CALL, declares, RESULT, says, USER
from .conftest import chat_body_v2, events, Http
from .v2.bodies import asked, call, functions, result, told
from .v2.bodies import USER as USER_OF_V2

NOT_FOUND = {"status": 404, "message": "Not Found"}
LEAF = {"type": "string"}
# For each kind of schema one that needs it, and nothing else.
NEEDS: dict[str, Any] = {
    "unions": {"anyOf": [LEAF, {"type": "integer"}]},
    "references": {"$ref": "#/$defs/A"},
    "type_lists": {"type": ["string", "null"]},
    "enums": {"type": "integer", "enum": [1, 2]},
    "const": {"const": 1},
    "formats": {"type": "string", "format": "email"},
    "additional_properties": {"type": "object", "properties": {}, "additionalProperties": False},
    "bare_objects": {"type": "object"},
    "other_keywords": {"type": "string", "title": "A"},
}


def schema(needs: Any) -> dict[str, Any]:
    return declares(parameters={"type": "object", "properties": {"a": needs}})


def become(http: Http, **switches: Any) -> None:
    assert "character" in http.control("POST", "settings", json={"character": switches})


def test_an_enum_without_a_type_is_refused_where_enums_do_not_pass(http: Http) -> None:
    become(http, schemas=["const"])
    assert http.chat(functions=[schema({"enum": ["x"]})]).status_code == 422


def test_by_default_v2_is_a_path_like_any_that_is_not_served(http: Http, sandbox: SandboxServer) -> None:
    sandbox.state.revoke_tokens()
    unserved = http.session.post(f"{sandbox.url}/v2/unserved", json={}, timeout=10)

    assert unserved.json() == http.chat_v2().json() == NOT_FOUND


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("tolerant", TOLERANT), ({"v2": True, "result_roles": ["tool"]}, Character(v2=True, result_roles=("tool",)))],
    ids=["a name", "switches"],
)
def test_chosen_at_the_start(chosen: Any, expected: Character) -> None:
    with SandboxServer(character=chosen) as sandbox:
        assert sandbox.state.settings.character == expected
        sandbox.state.reset()
        assert sandbox.state.settings.character == expected


def test_changed_over_http_until_the_reset(http: Http, sandbox: SandboxServer) -> None:
    change = {"v2": True, "windows": {"GigaChat-2": 10}, "embeddings_batch": 3}
    changed = http.control("POST", "settings", json={"character": change})["character"]
    assert {**changed, **change} == changed

    become(http, name_marks="-", embeddings_batch=None)
    expected = Character(v2=True, windows={"GigaChat-2": 10}, name_marks="-")
    assert sandbox.state.settings.character == expected

    assert http.control("POST", "settings", json={"character": "tolerant"})["character"]["zero_temperature"] is True
    assert sandbox.state.settings.character == TOLERANT

    http.control("POST", "reset")
    assert asdict(sandbox.state.settings.character) == asdict(STRICT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("lax", "unknown character: lax"),
        (1, "unknown character: 1"),
        ({"v3": True, "a": 1}, "unknown switches: a, v3"),
        ({"v2": 1}, "not a value of v2: 1"),
        ({"v2": None}, "not a value of v2: None"),
        ({"longest_name": True}, "not a value of longest_name: True"),
        ({"schemas": ["anyOf"]}, "not a value of schemas: ('anyOf',)"),
        ({"tools": "web_search"}, "not a value of tools: web_search"),
        ({"tools": [1]}, "not a value of tools: [1]"),
        ({"windows": {"GigaChat": "1"}}, "not a value of windows: {'GigaChat': '1'}"),
    ],
)
def test_a_wrong_switch_is_refused(http: Http, sandbox: SandboxServer, change: Any, message: str) -> None:
    answer = http.control("POST", "settings", json={"character": change})

    assert answer == {"status": 400, "message": message}
    assert sandbox.state.settings.character == STRICT


@pytest.mark.parametrize("kind", SCHEMAS)
def test_each_kind_of_schema_has_its_switch(http: Http, kind: str) -> None:
    body = schema(NEEDS[kind])

    become(http, schemas=[other for other in SCHEMAS if other != kind])
    assert http.chat(**body).status_code == 422
    become(http, schemas=[kind])
    assert http.chat(**body).status_code == 200


def test_schemas_are_looked_at_to_the_bottom(http: Http) -> None:
    deep = {"$defs": {"A": {"anyOf": [{"type": "object"}]}}, "allOf": [{"additionalProperties": {"type": "wrong"}}]}
    everything = [kind for kind in SCHEMAS if kind != "bare_objects"]

    become(http, schemas=everything)
    answer = http.chat(**schema({"$defs": deep["$defs"], "type": "string"})).json()
    assert answer["message"] == "Field 'properties.a.$defs.A.anyOf.0.properties' is missing"
    answer = http.chat(
        **schema({"anyOf": [{"type": "object", "properties": {}, "additionalProperties": {"type": "x"}}]})
    )
    assert answer.json()["message"].endswith("type x in properties.a.anyOf.0.additionalProperties is not supported")


def test_a_native_schema_of_many_kinds_passes_with_tolerant(http: Http, tolerant: SandboxServer) -> None:
    parameters = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"A": {"type": ["object", "null"], "additionalProperties": {"type": "integer"}}},
        "type": "object",
        "properties": {**NEEDS, "a": {"$ref": "#/$defs/A"}, "b": True},
        "required": ["unions", "c"],
        "additionalProperties": False,
    }
    named = "weather.in-town" + "x" * 40

    answer = http.chat(named, **declares(name=named, parameters=parameters)).json()

    assert answer["choices"][0]["message"]["function_call"]["name"] == named


def test_schemas_of_some_models_only(http: Http) -> None:
    become(http, schemas=["unions"], schema_models=["GigaChat-3"])
    body = schema(NEEDS["unions"])

    assert http.chat(**body, model="GigaChat-3-Ultra").status_code == 200
    assert http.chat(**body, model="GigaChat-2-Max").status_code == 422


@pytest.mark.parametrize(
    ("switches", "name", "status"),
    [
        ({}, "a-b", 422),
        ({"name_marks": "-"}, "a-b", 200),
        ({"name_marks": "-"}, "a.b", 422),
        ({"name_marks": "-."}, "a.b", 200),
        ({"name_marks": "-."}, "-b", 422),
        ({"longest_name": 20}, "a" * 20, 200),
        ({"longest_name": 20}, "a" * 21, 422),
        ({"longest_name": 65}, "a" * 65, 200),
    ],
)
def test_names_of_functions(http: Http, switches: dict[str, Any], name: str, status: int) -> None:
    become(http, **switches, v2=True)

    assert http.chat(**declares(name=name)).status_code == status
    assert http.chat_v2(tools=[functions({**declares(name=name)["functions"][0]})]).status_code == status


def test_temperature_zero(http: Http) -> None:
    become(http, zero_temperature=True, v2=True)

    assert http.chat(temperature=0).status_code == 200
    assert http.chat_v2(model_options={"temperature": 0}).status_code == 200
    assert http.chat(temperature=-1).status_code == http.chat(repetition_penalty=0).status_code == 422


def test_text_beside_a_call(http: Http) -> None:
    wordy = says(USER, {**CALL, "content": "Смотрю."}, RESULT)
    newer = {"messages": [USER_OF_V2, asked({"text": "Смотрю."}, call()), told(result())]}
    become(http, v2=True)
    assert http.chat(**wordy).status_code == http.chat_v2(**newer).status_code == 200

    become(http, text_beside_call=False)
    refused = {"status": 422, "message": "Invalid params: content must be empty in a message with function_call"}
    assert http.chat(**wordy).json() == http.chat_v2(**newer).json() == refused
    assert http.chat(**says(USER, CALL, RESULT)).status_code == 200


@pytest.mark.parametrize("count", [1, 2])
def test_frames_of_a_streamed_call(http: Http, count: int) -> None:
    become(http, call_frames=count)

    frames = events(http.chat("f", stream=True, **declares()).content.decode())[:-1]

    assert len(frames) == count
    assert "function_call" in frames[0]["choices"][0]["delta"]
    assert frames[-1]["choices"][0]["finish_reason"] == "function_call" and "usage" in frames[-1]


def test_thoughts(http: Http) -> None:
    become(http, reasoning_models=["GigaChat-2-Max"], reasoning_content=True)
    message = http.chat(reasoning_effort="low").json()["choices"][0]["message"]
    streamed = http.chat(stream=True, reasoning_effort="low").content.decode()
    deltas = [event["choices"][0]["delta"] for event in events(streamed)[:-1]]

    assert message["reasoning_content"] == "".join(delta.get("reasoning_content", "") for delta in deltas) != ""
    assert "reasoning_content" in deltas[0]
    assert "reasoning_content" not in http.chat().json()["choices"][0]["message"]
    assert http.chat(model="GigaChat-3-Ultra", reasoning_effort="low").status_code == 400


@pytest.mark.parametrize("role", ["function", "tool"])
@pytest.mark.parametrize("served", [["function"], ["tool"], ["function", "tool"]])
def test_the_role_of_a_result_on_v2(http: Http, role: str, served: list[str]) -> None:
    become(http, v2=True, result_roles=served)

    answer = http.chat_v2(messages=[USER_OF_V2, asked(call()), told(result(), role=role)])

    assert answer.status_code == (200 if role in served else 400)


def test_objects_as_results_on_v2(http: Http) -> None:
    messages = [USER_OF_V2, asked(call()), told(result(value={"t": 5}))]
    become(http, v2=True)
    assert http.chat_v2(messages=messages).status_code == 400

    become(http, result_objects=True)
    assert 'вернула {"t": 5}' in http.chat_v2(messages=messages).json()["messages"][0]["content"][0]["text"]


def test_any_that_is_not_known(http: Http) -> None:
    become(http, v2=True)

    answer = http.chat_v2(tools=[functions()], tool_config={"mode": "any"})

    assert answer.json() == {"status": 422, "message": "Invalid params: unknown tool_config mode any"}


def test_no_parallel_calls(http: Http) -> None:
    become(http, v2=True, parallel_tool_calls=False, call_ids=False)
    options = {"parallel_tool_calls": True}

    (message,) = http.chat_v2("weather и time", tools=[functions()], model_options=options).json()["messages"]

    assert message["content"] == [{"function_call": {"name": "weather", "arguments": {"city": "образец"}}}]


def test_tools_that_are_closed_to_the_account(http: Http) -> None:
    become(http, v2=True, tools=["code_interpreter"])

    assert http.chat_v2(tools=[{"web_search": {}}]).json()["message"] == "Tool web_search is unavailable"
    (used,) = http.chat_v2("Use code", tools=[{"code_interpreter": {}}]).json()["messages"]
    assert used["tool_state_id"] and "code_interpreter" in used["content"][0]["text"]


def test_the_role_of_thoughts_goes_back_where_thoughts_come(http: Http) -> None:
    thought = {"role": "reasoning", "content": [{"text": "Думаю."}]}
    messages = [USER_OF_V2, thought, asked(call()), told(result())]
    become(http, v2=True)
    assert http.chat_v2(messages=messages).status_code == 400

    become(http, reasoning_content=True)
    assert http.chat_v2(messages=messages).status_code == 200


def test_the_largest_batch_of_embeddings(http: Http) -> None:
    def status(count: int) -> int:
        return http.post("/embeddings", json={"model": "Embeddings", "input": ["а"] * count}).status_code

    assert status(300) == 200
    become(http, embeddings_batch=2)
    assert (status(2), status(3)) == (200, 422)


def test_windows(http: Http) -> None:
    become(http, v2=True, windows={"GigaChat-2": 10, "GigaChat-3-Pro": 10, "EmbeddingsGigaR": 2})
    long = "ы" * 31

    assert http.chat(long, model="GigaChat-2").json() == {"status": 413, "message": "Payload too large"}
    assert (
        http.session.post(
            f"{http.sandbox.url}/v2/chat/completions", json=chat_body_v2(long, model="GigaChat-3-Pro"), timeout=10
        )
        .json()["message"]
        .startswith("CONTEXT_TOO_LONG: context too long 11, maximum allowed context is 10")
    )
    assert http.chat(long, model="GigaChat-2-Max").status_code == 200
    answer = http.post("/embeddings", json={"model": "EmbeddingsGigaR", "input": ["а" * 7]}).json()
    assert answer["message"] == "Tokens limit exceeded for index 0: 3 (max 2)"
