"""Calls that do not fit their tool, over the running service: asked for once more, whatever the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests import message_events, response_events
from tests.asking import ask, MODEL, STREAMED
from tests.service import Service

PROPERTIES = {"city": {"type": "string"}, "days": {"type": "integer"}}
SCHEMA = {"type": "object", "properties": PROPERTIES, "required": ["city", "days"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
RIGHT = {"city": "Омск", "days": 1}
# What the client is given: the text, and the arguments of the call.
Given = tuple[str, Any]


def step(arguments: dict[str, Any], text: str = "") -> dict[str, Any]:
    return {"text": text, "call": {"name": "get_weather", "arguments": arguments}}


def by_chat(service: Service, stream: bool, **options: Any) -> Given:
    message = ask(service, stream, tools=TOOLS, **options).choices[0].message
    [call] = message.tool_calls or []
    return message.content or "", json.loads(call.function.arguments)  # type: ignore[union-attr]


def by_functions(service: Service, stream: bool) -> Given:
    message = ask(service, stream, functions=[TOOLS[0]["function"]]).choices[0].message
    assert message.function_call
    return message.content or "", json.loads(message.function_call.arguments)


def by_responses(service: Service, stream: bool) -> Given:
    body = {"tools": [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]}
    if stream:
        response = response_events.events(service, body)[-1]["response"]
    else:
        response = response_events.create(service, **body)
    *said, call = response["output"]
    return "".join(part["text"] for item in said for part in item["content"]), json.loads(call["arguments"])


def by_messages(service: Service, stream: bool) -> Given:
    tools = [{"name": "get_weather", "input_schema": SCHEMA}]
    messages = [{"role": "user", "content": "?"}]
    body = {"model": MODEL, "max_tokens": 100, "messages": messages, "tools": tools, "stream": stream}
    response = service.post("/v1/messages", body)
    response.encoding = "utf-8"
    found = message_events.accumulate(message_events.events(response.text)) if stream else response.json()
    *said, call = found["content"]
    return "".join(block["text"] for block in said), call["input"]


DIALECTS = pytest.mark.parametrize("by", [by_chat, by_functions, by_responses, by_messages], ids=lambda by: by.__name__)


@STREAMED
@DIALECTS
@pytest.mark.parametrize("wrong", [{"city": "Омск"}, {"city": "Омск", "days": "завтра"}, {}], ids=str)
def test_asked_for_once_more(
    service: Service, sandbox: SandboxServer, by: Callable[..., Given], stream: bool, wrong: dict[str, Any]
) -> None:
    """The words before it have been sent and stay; the second answer's are of no use."""
    sandbox.state.script({**step(wrong, "Смотрю."), "frames_apart": True}, step(RIGHT, "Простите."))
    assert by(service, stream) == ("Смотрю.", RIGHT)
    assert sandbox.state.chats()[1]["function_call"] == {"name": "get_weather"}


@STREAMED
@DIALECTS
def test_a_call_that_is_right(service: Service, sandbox: SandboxServer, by: Callable[..., Given], stream: bool) -> None:
    sandbox.state.script(step({**RIGHT, "more": None}))
    assert by(service, stream) == ("", {**RIGHT, "more": None})
    assert len(sandbox.state.chats()) == 1


@STREAMED
@pytest.mark.parametrize(
    "second", [{"text": "Не знаю."}, {"status": 402}, step({}), step({"city": 5, "days": ""})], ids=str
)
def test_what_stays_wrong_is_passed_on(
    service: Service, sandbox: SandboxServer, second: dict[str, Any], stream: bool
) -> None:
    """The better of the two calls, with a line in the log that has none of the values."""
    sandbox.state.script(step({"city": "Омск"}, "Смотрю."), second)
    assert by_chat(service, stream) == ("Смотрю.", {"city": "Омск"})
    assert len(sandbox.state.chats()) == 2
    [line] = [line for line in service.log.read_text().splitlines() if "does not fit" in line]
    assert line.endswith("A call of get_weather does not fit its tool and is passed on: days is missing")


@STREAMED
def test_the_second_call_may_be_the_better_one(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script(step({}), step({"city": "Омск"}))
    assert by_chat(service, stream) == ("", {"city": "Омск"})


@pytest.mark.parametrize("first", [{"patch": "+1"}, {"input": "+1"}, {"patch": 1}, {}], ids=str)
def test_the_text_of_a_custom_tool(service: Service, sandbox: SandboxServer, first: dict[str, Any]) -> None:
    """The client gets it under any name, so that nobody need pay for it twice."""
    second = [] if "+1" in first.values() else [step({"input": "+1"})]
    sandbox.state.script(step(first), *second)
    completion = ask(service, stream=False, tools=[{"type": "custom", "custom": {"name": "get_weather"}}])
    [call] = completion.choices[0].message.tool_calls or []
    assert call.custom.input == "+1" and len(sandbox.state.chats()) == 1 + len(second)  # type: ignore[union-attr]


def test_the_text_of_a_custom_tool_in_responses(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(step({"patch": "+1"}))
    [call] = response_events.create(service, tools=[{"type": "custom", "name": "get_weather"}])["output"]
    assert call["input"] == "+1" and len(sandbox.state.chats()) == 1


@STREAMED
def test_calls_can_be_left_alone(contrary: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script(step({}))
    assert by_chat(contrary, stream) == ("", {})
    assert len(sandbox.state.chats()) == 1


@STREAMED
@pytest.mark.parametrize(
    "options",
    [
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        {"stop": ["конец"]},
        {"response_format": {"type": "json_object"}},
    ],
    ids=str,
)
def test_beside_what_else_is_emulated(
    service: Service, sandbox: SandboxServer, options: dict[str, Any], stream: bool
) -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13, "precached_prompt_tokens": 2}
    sandbox.state.script({**step({}), "usage": usage}, {**step(RIGHT), "usage": usage})
    completion = ask(service, stream, tools=TOOLS, **options)
    [call] = completion.choices[0].message.tool_calls or []
    assert json.loads(call.function.arguments) == RIGHT  # type: ignore[union-attr]
    assert completion.usage and completion.usage.total_tokens == 30, "of both requests"


def test_a_stream_shows_life_meanwhile(lively: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(step({}, "Смотрю."), {**step(RIGHT), "delay": 0.8})
    body = {"model": MODEL, "messages": [{"role": "user", "content": "?"}], "tools": TOOLS, "stream": True}
    response = lively.post("/v1/chat/completions", body)
    between = response.text.partition("Смотрю")[2].partition("get_weather")[0]
    assert between.count("data: ") >= 3
