"""The Responses API as the official client sees it, against the running service."""

from __future__ import annotations

import base64
from typing import Any, Literal

import pytest
from openai import OpenAI
from pydantic import BaseModel

from gpt2giga_sandbox.server import SandboxServer
from tests.response_events import create, events, MODEL, shape, TOOLS, WEATHER
from tests.service import Service


def test_create(client: OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Привет!", instructions="Кратко.", metadata={"a": "b"})
    assert "Привет!" in response.output_text
    assert (response.status, response.model, response.metadata) == ("completed", MODEL, {"a": "b"})
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert response._request_id
    assert client.responses.retrieve(response.id).output == response.output


ANSWERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"text": "Раз два три четыре пять шесть семь"}, {}),
    "empty": ({"text": ""}, {}),
    "reasoning": ({"text": "Да.", "reasoning": "Надо подумать, и ещё раз."}, {"model": "GigaChat-3-Pro"}),
    "length": ({"text": "Раз два", "finish_reason": "length"}, {}),
    "call": ({"call": {"name": "get_weather", "arguments": {"city": "Омск"}}}, {"tools": TOOLS}),
    "text and call": ({"text": "Да.", "call": {"name": "get_weather", "arguments": {"city": ""}}}, {"tools": TOOLS}),
    "custom call": ({"call": {"name": "apply_patch", "arguments": {"input": "*** Begin\n+1"}}}, {"tools": TOOLS}),
    "namespace": ({"call": {"name": "agents__spawn", "arguments": {}}}, {"tools": TOOLS}),
    "search": ({"call": {"name": "tool_search", "arguments": {"query": "погода"}}}, {"tools": TOOLS}),
    "unknown tool": ({"call": {"name": "fly", "arguments": {"to": "луна"}}}, {"tools": TOOLS}),
    "json": ({"text": '```json\n{"a": 1}\n```'}, {"text": {"format": {"type": "json_object"}}}),
}


@pytest.mark.parametrize("answer, body", ANSWERS.values(), ids=ANSWERS)
def test_the_stream_ends_in_the_whole_answer(
    service: Service, sandbox: SandboxServer, answer: dict[str, Any], body: dict[str, Any]
) -> None:
    counted = {**answer, "usage": {"prompt_tokens": 10, "completion_tokens": 5, "precached_prompt_tokens": 2}}
    sandbox.state.script(counted, counted)
    whole = create(service, **body)
    streamed = events(service, body)
    assert shape(streamed[-1]["response"]) == shape(whole)
    done = [event["item"] for event in streamed if event["type"] == "response.output_item.done"]
    assert done == streamed[-1]["response"]["output"]


def test_stream_helper(client: OpenAI) -> None:
    """The helper adds the events up itself and fails on what does not fit."""
    with client.responses.stream(model=MODEL, input='get_weather {"city": "Омск"}', tools=[WEATHER]) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert response.output[0].parsed_arguments == {"city": "Омск"}


def test_words_come_as_gigachat_sends_them(client: OpenAI, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять шесть семь восемь", "hang_after": 2})
    with client.responses.create(model=MODEL, input="а", stream=True) as stream:
        texts = [event.delta for event, _ in zip(stream, range(5), strict=False) if event.type.endswith("delta")]
    assert texts and texts[0].startswith("Раз")
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)


class Answer(BaseModel):
    city: str
    weather: Literal["sun", "rain"]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_structured_output(client: OpenAI, sandbox: SandboxServer, streamed: bool) -> None:
    sandbox.state.script({"text": '{"city": "Омск", "weather": "rain"}'})
    if streamed:
        with client.responses.stream(model=MODEL, input="Погода?", text_format=Answer) as stream:
            response = stream.get_final_response()
    else:
        response = client.responses.parse(model=MODEL, input="Погода?", text_format=Answer)
    assert response.output_parsed == Answer(city="Омск", weather="rain")
    [payload] = sandbox.state.chats()
    assert payload["response_format"]["schema"]["properties"]["city"]["type"] == "string"


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_refusal(client: OpenAI, sandbox: SandboxServer, streamed: bool) -> None:
    """GigaChat's filter answers instead of the model, in words where JSON was asked for."""
    sandbox.state.script({"text": "Не хочу об этом говорить.", "finish_reason": "blacklist"})
    if streamed:
        with client.responses.stream(model=MODEL, input="...", text_format=Answer) as stream:
            kinds = {event.type for event in stream}
            response = stream.get_final_response()
        assert {"response.refusal.delta", "response.refusal.done"} <= kinds
    else:
        response = client.responses.parse(model=MODEL, input="...", text_format=Answer)
    assert response.output[0].content[0].refusal == "Не хочу об этом говорить."
    assert response.output_parsed is None


def test_several_calls_at_once(service: Service, client: OpenAI, sandbox: SandboxServer) -> None:
    """As clients replay them: all calls, then all outputs; GigaChat wants each call followed by its result."""
    history = [
        {"role": "user", "content": "Погода в Омске и Уфе?"},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city": "Омск"}'},
        {"type": "function_call", "call_id": "c2", "name": "get_weather", "arguments": '{"city": "Уфа"}'},
        {"type": "function_call_output", "call_id": "c2", "output": "дождь"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [{"type": "input_text", "text": '{"sky": "ясно"}'}],
        },
    ]
    client.responses.create(model=MODEL, input=history, tools=TOOLS)
    [payload] = sandbox.state.chats()
    assert [message["content"] for message in payload["messages"] if message["role"] == "function"] == [
        '{"sky": "ясно"}',
        '{"result":"дождь"}',
    ]
    assert [message["role"] for message in payload["messages"]] == ["user", *["assistant", "function"] * 2]


@pytest.mark.parametrize(
    "question, kind, name",
    [
        ('get_weather {"city": "Омск"}', "function_call", "get_weather"),
        ('apply_patch {"input": "+1"}', "custom_tool_call", "apply_patch"),
        ("agents__spawn", "function_call", "spawn"),
    ],
)
@pytest.mark.parametrize("kept", [False, True], ids=["replayed", "kept"])
def test_round_trip(client: OpenAI, sandbox: SandboxServer, question: str, kind: str, name: str, kept: bool) -> None:
    """The call comes in the client's own names and goes back to GigaChat as it came."""
    first = client.responses.create(model=MODEL, input=question, tools=TOOLS, store=kept)
    [call] = first.output
    assert (call.type, call.name) == (kind, name)
    output = {"type": f"{kind}_output", "call_id": call.call_id, "output": "сделано"}
    if kept:
        second = client.responses.create(model=MODEL, input=[output], tools=TOOLS, previous_response_id=first.id)
    else:
        history = [{"role": "user", "content": question}, call.to_dict(), output]
        second = client.responses.create(model=MODEL, input=history, tools=TOOLS)
    assert "вернула" in second.output_text and "сделано" in second.output_text
    asked, answered = sandbox.state.chats()
    assert answered["messages"][0] == asked["messages"][0]
    assert answered["messages"][1]["function_call"]["name"] in {tool["name"] for tool in asked["functions"]}


def test_tool_choice(client: OpenAI, sandbox: SandboxServer) -> None:
    chosen = client.responses.create(
        model=MODEL, input="а", tools=TOOLS, tool_choice={"type": "custom", "name": "apply_patch"}
    )
    assert chosen.output[0].type == "custom_tool_call"
    required = client.responses.create(model=MODEL, input="а", tools=[WEATHER], tool_choice="required")
    assert required.output[0].name == "get_weather"


def test_images(client: OpenAI, sandbox: SandboxServer) -> None:
    url = "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    content = [{"type": "input_text", "text": "Что это?"}, {"type": "input_image", "image_url": url, "detail": "auto"}]
    response = client.responses.create(model=MODEL, input=[{"role": "user", "content": content}])
    client.responses.create(model=MODEL, input="А ещё?", previous_response_id=response.id)
    first, second = sandbox.state.chats()
    assert first["messages"][0]["attachments"] == second["messages"][0]["attachments"] != []


def test_input_tokens(client: OpenAI, sandbox: SandboxServer) -> None:
    def count(**body: Any) -> int:
        return client.responses.input_tokens.count(model=MODEL, **body).input_tokens

    assert count(input="Привет!") == 3
    assert count(input="Привет!", instructions="Кратко.") == 6
    assert count(input="Привет!", tools=TOOLS) > 50
    assert sandbox.state.chats() == []


def test_parameters_reach_gigachat(client: OpenAI, sandbox: SandboxServer) -> None:
    client.responses.create(
        model="GigaChat-3-Pro",
        input="а",
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=100,
        reasoning={"effort": "high"},
        prompt_cache_key="one",
    )
    [request] = sandbox.state.requests("/chat/completions")
    sent = {key: request["json"][key] for key in ("temperature", "top_p", "max_tokens", "reasoning_effort")}
    assert sent == {"temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "reasoning_effort": "high"}
    assert request["headers"]["x-session-id"]


def test_tools_in_items(service: Service, sandbox: SandboxServer) -> None:
    """Codex offers them so to models of its own catalog; they count in a conversation that goes on, too."""
    tools = [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}},
        {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]},
    ]
    item = {"type": "additional_tools", "role": "developer", "id": "at_1", "tools": tools}
    sandbox.state.script({"text": "Да."}, {"call": {"name": "functions__exec", "arguments": {"input": "1"}}})
    first = service.post("/v1/responses", {"model": MODEL, "input": [item, {"role": "user", "content": "привет"}]})
    body = {"model": MODEL, "input": "Ещё.", "previous_response_id": first.json()["id"]}
    [called] = service.post("/v1/responses", body).json()["output"]
    assert (called["type"], called["namespace"], called["name"]) == ("custom_tool_call", "functions", "exec")
    offered = [[function["name"] for function in chat["functions"]] for chat in sandbox.state.chats()]
    assert offered == [["f", "functions__exec"]] * 2
    assert "X-Gpt2giga-Ignored" not in first.headers
