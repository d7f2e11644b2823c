"""Which of GigaChat's interfaces a chat goes over, and what a wrong belief about it costs: one request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gpt2giga.config.variables import parse
from gpt2giga.upstream import attempts
from gpt2giga.upstream.fact_book import fact_book, FactBook
from gpt2giga_sandbox.server import SandboxServer

MODEL = "GigaChat-2-Max"
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
READ = {"type": "function", "function": {"name": "read", "description": "Читает файл", "parameters": SCHEMA}}
PATH_OR_NONE = {"anyOf": [{"type": "string"}, {"type": "null"}]}
UNION = {"type": "object", "properties": {"path": PATH_OR_NONE}, "required": ["path"]}
READ_UNION = {"type": "function", "function": {"name": "read", "description": "Читает файл", "parameters": UNION}}
HISTORY = [
    {"role": "user", "content": "?"},
    {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "read"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "text"},
]
THREE = 'read {"path": "a"} read {"path": "b"} read {"path": "c"}'
WORKS = {"v2": True, "any_call": True, "parallel_calls": True}

Asking = Callable[..., tuple[FlaskClient, FactBook]]


@pytest.fixture
def asking(app_with: Callable[..., Flask], at_sandbox: dict[str, str], sandbox: SandboxServer) -> Asking:
    """asking(character, learned, **settings): a service whose account has that character, and what it has learned."""

    def start(character: Any, learned: dict[str, Any], **settings: str) -> tuple[FlaskClient, FactBook]:
        sandbox.state.settings.character = sandbox.state.settings.character.changed(character)
        found = parse(at_sandbox | settings)
        if learned:
            fact_book(found).learn(MODEL, "measured", **learned)
        return app_with(**settings).test_client(), fact_book(found)

    return start


def ask(client: FlaskClient, text: str = "Привет", **body: Any) -> dict[str, Any]:
    messages = body.pop("messages", [{"role": "user", "content": text}])
    response = client.post("/v1/chat/completions", json={"messages": messages, **body})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = json.loads(response.data)["choices"][0]["message"]
    return found


def book_of(client: FlaskClient) -> FactBook:
    """The service's own, which has seen at once what it has learned."""
    found: FactBook = client.application.extensions["accounts"].book
    return found


def paths(sandbox: SandboxServer) -> list[str]:
    return [request["path"].split("/")[-3] for request in sandbox.state.requests("/chat/completions")]


def test_without_any_facts_nothing_but_v1_is_tried(asking: Asking, sandbox: SandboxServer) -> None:
    client, _ = asking("tolerant", {})
    ask(client, tools=[READ])
    assert paths(sandbox) == ["v1"]


@pytest.mark.parametrize("role", ["function", "tool"])
def test_several_calls_in_one_answer_and_their_results(asking: Asking, sandbox: SandboxServer, role: str) -> None:
    character = {"v2": True, "any_mode": True, "result_roles": [role], "result_objects": role == "tool"}
    client, _ = asking(character, {**WORKS, "result_role": role})
    message = ask(client, THREE, tools=[READ])
    calls = message["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ['{"path":"a"}', '{"path":"b"}', '{"path":"c"}']
    results = [{"role": "tool", "tool_call_id": call["id"], "content": f"text {n}"} for n, call in enumerate(calls)]
    history = [{"role": "user", "content": THREE}, message, *reversed(results)]
    said = ask(client, tools=[READ], messages=history)["content"]
    assert paths(sandbox) == ["v2", "v2"] and all(f"text {n}" in said for n in range(3))
    _, assistant, *told = sandbox.state.chats()[-1]["messages"]
    ids = [part["function_call"]["id"] for part in assistant["content"] if "function_call" in part]
    assert len(set(ids)) == 3 and [found["role"] for found in told] == [role] * 3
    assert [found["content"][0]["function_result"]["id"] for found in told] == ids


@pytest.mark.parametrize("stream", [False, True])
def test_one_call_is_all_that_a_client_gets_who_wants_one(asking: Asking, sandbox: SandboxServer, stream: bool) -> None:
    client, _ = asking("tolerant", WORKS)
    calls = [{"function_call": {"name": "read", "arguments": {"path": path}}} for path in ("first", "second")]
    answer = {"messages": [{"role": "assistant", "content": calls}], "finish_reason": "function_call"}
    sandbox.state.script({"frames": [["response.message.done", answer]]} if stream else {"answer": answer})
    body = {"messages": HISTORY, "tools": [READ], "parallel_tool_calls": False, "stream": stream}
    text = client.post("/v1/chat/completions", json=body).text
    assert "first" in text and "second" not in text and '"tool_calls"' in text


def test_a_call_that_must_be_made_takes_one_request(asking: Asking, sandbox: SandboxServer) -> None:
    client, _ = asking("tolerant", WORKS)
    other = {"type": "function", "function": {"name": "write", "parameters": SCHEMA}}
    assert ask(client, "Привет", tools=[READ, other], tool_choice="required")["tool_calls"]
    [sent] = sandbox.state.chats()
    assert sent["tool_config"] == {"mode": "any", "functions_names_any": ["read", "write"]}


def test_v2_that_is_gone(asking: Asking, sandbox: SandboxServer, capfd: pytest.CaptureFixture[str]) -> None:
    client, book = asking("strict", WORKS)
    ask(client)
    assert paths(sandbox) == ["v2", "v1"] and "v2 is asked once more" in capfd.readouterr().err
    ask(client)
    assert paths(sandbox) == ["v2", "v1", "v1"]
    assert book.known(MODEL)["v2"].value, "it may come back"


def test_v2_that_comes_back(asking: Asking, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "REST_SECONDS", 0.0)
    client, _ = asking("strict", WORKS)
    ask(client)
    sandbox.state.settings.character = sandbox.state.settings.character.changed("tolerant")
    ask(client)
    assert paths(sandbox) == ["v2", "v1", "v2"]


def test_what_a_clients_own_account_shows_is_known_for_it_alone(asking: Asking, sandbox: SandboxServer) -> None:
    client, book = asking("strict", WORKS, GPT2GIGA_PASS_TOKEN="True")
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer giga-cred-{sandbox.credentials}"
    ask(client)
    ask(client)
    assert paths(sandbox) == ["v2", "v1", "v1"]
    assert book.of(MODEL).v2 and book_of(client).of(MODEL).v2


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_not_understood(asking: Asking, sandbox: SandboxServer, stream: bool) -> None:
    client, book = asking("tolerant", WORKS)
    step = {"frames": ["event: response.message.delta\ndata: 5\n\n"]} if stream else {"answer": {"messages": 5}}
    sandbox.state.script(step)
    response = client.post(
        "/v1/chat/completions", json={"messages": [{"role": "user", "content": "Привет"}], "stream": stream}
    )
    assert response.status_code == 200 and "Песочница" in response.text
    assert paths(sandbox) == ["v2", "v1"]
    assert book.of(MODEL).v2, "one such answer proves nothing"
    sandbox.state.script({"answer": {"messages": 5}}, {"answer": {"choices": 5}})
    response = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "Привет"}]})
    assert response.status_code == 502 and paths(sandbox)[2:] == ["v2", "v1"], "once"


def test_answers_that_are_not_understood_any_more(asking: Asking, sandbox: SandboxServer) -> None:
    client, _ = asking("tolerant", WORKS)
    book = book_of(client)
    odd = {"answer": {"messages": 5}}
    for step in (odd, odd, None, odd, odd):
        sandbox.state.script(*([step] if step else []))
        ask(client)
        assert book.of(MODEL).v2
    sandbox.state.script(odd)
    ask(client)
    ask(client)
    assert paths(sandbox)[-3:] == ["v2", "v1", "v1"]


def test_nothing_is_repeated_that_was_passed_on(asking: Asking, sandbox: SandboxServer) -> None:
    client, _ = asking("tolerant", WORKS)
    words = {"messages": [{"role": "assistant", "content": [{"text": "Раз"}]}]}
    sandbox.state.script({"frames": [["response.message.delta", words], "data: 5\n\n"], "done": False})
    body = {"messages": [{"role": "user", "content": "Привет"}], "stream": True}
    text = client.post("/v1/chat/completions", json=body).text
    assert text.count("Раз") == 1 and '"error"' in text and paths(sandbox) == ["v2"]


def test_v2_that_somebody_wants(asking: Asking, sandbox: SandboxServer) -> None:
    client, _ = asking("strict", {}, GPT2GIGA_GIGACHAT_API_MODE="v2")
    response = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "Привет"}]})
    assert response.status_code == 404 and paths(sandbox) == ["v2"]


def test_v2_that_nobody_wants(asking: Asking, sandbox: SandboxServer) -> None:
    client, _ = asking("tolerant", WORKS, GPT2GIGA_GIGACHAT_API_MODE="v1")
    ask(client)
    assert paths(sandbox) == ["v1"]


@pytest.mark.parametrize("wrong, right", [("function", "tool"), ("tool", "function")])
def test_the_role_of_a_result_is_found_out(asking: Asking, sandbox: SandboxServer, wrong: str, right: str) -> None:
    character = {"v2": True, "result_roles": [right], "result_objects": right == "tool"}
    client, book = asking(character, {**WORKS, "result_role": wrong})
    message = ask(client, 'read {"path": "a"}', tools=[READ])
    [call] = message["tool_calls"]
    result = {"role": "tool", "tool_call_id": call["id"], "content": "text"}
    history = [{"role": "user", "content": "?"}, message, result]
    for _ in range(2):
        ask(client, tools=[READ], messages=history)
    assert paths(sandbox) == ["v2"] * 4, "the second time it is known"
    assert book.of(MODEL).result_role == right


@pytest.mark.parametrize("v2", [False, True])
def test_schemas_as_they_were_written(asking: Asking, sandbox: SandboxServer, v2: bool) -> None:
    client, _ = asking("tolerant", {**(WORKS if v2 else {}), "schema_keywords": frozenset({"unions"})})
    ask(client, tools=[READ_UNION])
    [sent] = sandbox.state.chats()
    functions = sent["tools"][0]["functions"]["specifications"] if v2 else sent["functions"]
    assert functions[0]["parameters"] == UNION


def test_a_keyword_that_does_not_pass(asking: Asking, sandbox: SandboxServer) -> None:
    client, book = asking("strict", {"schema_keywords": frozenset({"unions", "const"})})
    for _ in range(2):
        ask(client, tools=[READ_UNION])
    first, second, third = sandbox.state.chats()
    assert first["functions"][0]["parameters"] == UNION
    assert "anyOf" not in json.dumps(second) and third["functions"] == second["functions"]
    assert book.of(MODEL).schema_keywords == {"const"}
    assert book.known(MODEL)["schema_keywords"].source == "met"


@pytest.mark.parametrize("setting, passes", [("native", True), ("converted", False)])
def test_schemas_by_setting(asking: Asking, sandbox: SandboxServer, setting: str, passes: bool) -> None:
    learned = {"schema_keywords": frozenset({"unions"} if setting == "converted" else ())}
    client, _ = asking("tolerant", learned, GPT2GIGA_TOOL_SCHEMAS=setting)
    ask(client, tools=[READ_UNION])
    assert (sandbox.state.chats()[0]["functions"][0]["parameters"] == UNION) == passes


def test_a_temperature_of_zero(asking: Asking, sandbox: SandboxServer) -> None:
    client, book = asking("strict", {"temperature_zero": True})
    for _ in range(2):
        ask(client, temperature=0)
    assert [sent["temperature"] for sent in sandbox.state.chats()] == [0, 0.0001, 0.0001]
    assert not book.of(MODEL).temperature_zero


def test_a_conversation_of_results_that_is_too_long(asking: Asking, sandbox: SandboxServer) -> None:
    """Agents shorten it when they are told so; another role of its results would be refused for another reason."""
    model = "GigaChat-3-Ultra"
    client, _ = asking({"v2": True, "windows": {model: 100}}, {}, GPT2GIGA_GIGACHAT_API_MODE="v2")
    call = {"id": "1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a"}'}}
    results = {"role": "tool", "tool_call_id": "1", "content": "слово " * 500}
    history = [{"role": "user", "content": "?"}, {"role": "assistant", "tool_calls": [call]}, results]
    response = client.post("/v1/chat/completions", json={"model": model, "messages": history, "tools": [READ]})
    assert response.get_json()["error"]["code"] == "context_length_exceeded" and paths(sandbox) == ["v2"]


@pytest.mark.parametrize("check", ["True", "False"])
def test_a_client_that_takes_one_call(asking: Asking, sandbox: SandboxServer, check: str) -> None:
    """Also where GigaChat gives several all the same; OpenAI promises no more than one."""
    client, _ = asking("tolerant", WORKS, GPT2GIGA_CHECK_CALLS=check)
    calls = [{"name": "read", "arguments": {"path": path}} for path in "ab"]
    sandbox.state.script({"calls": calls, "times": 2})
    [call] = ask(client, tools=[READ], parallel_tool_calls=False)["tool_calls"]
    assert call["function"]["arguments"] == '{"path":"a"}'
    body = {"messages": [{"role": "user", "content": "?"}], "tools": [READ], "parallel_tool_calls": False}
    text = client.post("/v1/chat/completions", json={**body, "stream": True}).text
    assert text.count('"id":"call') == 1 and '"finish_reason":"tool_calls"' in text
    assert all(sent["model_options"] == {"parallel_tool_calls": False} for sent in sandbox.state.chats())


def refusal(status: int, words: str) -> dict[str, Any]:
    return {"status": status, "body": {"status": status, "message": words}}


TOO_LONG = "CONTEXT_TOO_LONG: context too long 301216, maximum allowed context is 261120"


@pytest.mark.parametrize("words, told", [("Invalid params: top_p", "top_p"), (TOO_LONG, "maximum context length")])
def test_a_refusal_that_speaks_against_nothing(asking: Asking, sandbox: SandboxServer, words: str, told: str) -> None:
    client, book = asking({"v2": True}, WORKS)
    sandbox.state.script(refusal(422, words))
    response = client.post("/v1/chat/completions", json={"messages": HISTORY, "tools": [READ]})
    assert response.status_code == 400 and told in response.text
    assert paths(sandbox) == ["v2"] and WORKS.keys() == book.known(MODEL).keys() - {"window"}


@pytest.mark.parametrize("v2", [True, False])
def test_a_refusal_that_passes_by_itself(asking: Asking, sandbox: SandboxServer, v2: bool) -> None:
    learned = {"v2": v2, "schema_keywords": frozenset({"unions"})}
    client, book = asking({"v2": True, "schemas": ["unions", "type_lists"]}, learned)
    sandbox.state.script(refusal(400, "EventException in function"))
    ask(client, messages=HISTORY, tools=[READ_UNION])
    facts = book.of(MODEL)
    assert facts.schema_keywords == {"unions"} and facts.result_role == "function"


def test_schemas_that_somebody_wants_native(asking: Asking, sandbox: SandboxServer) -> None:
    client, book = asking("strict", {}, GPT2GIGA_TOOL_SCHEMAS="native")
    body = {"messages": [{"role": "user", "content": "Привет"}], "tools": [READ_UNION]}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 400 and "anyOf" in response.text
    assert paths(sandbox) == ["v1"] and not book.known(MODEL)


def test_what_an_answer_that_is_cut_has_shown(asking: Asking, sandbox: SandboxServer) -> None:
    client, book = asking("strict", {"temperature_zero": True})
    body = {"messages": [{"role": "user", "content": "Привет"}], "temperature": 0, "stop": ["и"], "stream": True}
    assert '"stop"' in client.post("/v1/chat/completions", json=body).text
    assert not book.of(MODEL).temperature_zero


def test_a_window_that_is_known_is_not_learned_again(asking: Asking, sandbox: SandboxServer) -> None:
    client, _ = asking("tolerant", {})
    sandbox.state.script(
        *[refusal(422, "CONTEXT_TOO_LONG: context too long 9000, maximum allowed context is 8000")] * 2
    )
    seen = set()
    for _ in range(2):
        client.post("/v1/chat/completions", json={"messages": HISTORY})
        seen.add(book_of(client).known(MODEL)["window"])
    assert [fact.value for fact in seen] == [8000]
