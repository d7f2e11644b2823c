"""What strict clients, and the compliance tests of Open Responses, look for in a response."""

from __future__ import annotations

import time
from typing import Any

from gpt2giga_sandbox.server import SandboxServer
from tests.asking import STREAMED
from tests.response_events import create, events, TOOLS, WEATHER
from tests.service import Service

CALL = {"call": {"name": "get_weather", "arguments": {"city": "Омск"}}}


def answer(service: Service, stream: bool, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = events(service, body)[-1]["response"] if stream else create(service, **body)
    return found


@STREAMED
def test_when_it_was_completed(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    started = int(time.time())
    found = answer(service, stream)
    assert started <= found["created_at"] <= found["completed_at"] <= time.time()
    sandbox.state.script({"text": "Раз", "finish_reason": "length"})
    assert answer(service, stream)["completed_at"] is None


def test_not_before_it_is(service: Service) -> None:
    first, second, *_ = events(service, {})
    assert first["response"]["completed_at"] is second["response"]["completed_at"] is None


@STREAMED
def test_penalties(service: Service, stream: bool) -> None:
    found = answer(service, stream)
    assert (found["presence_penalty"], found["frequency_penalty"]) == (0, 0)
    found = answer(service, stream, presence_penalty=0.5, frequency_penalty=-1)
    assert (found["presence_penalty"], found["frequency_penalty"]) == (0.5, -1)


def test_penalties_change_nothing(service: Service) -> None:
    response = service.post("/v1/responses", {"input": "а", "presence_penalty": 0.5, "frequency_penalty": 0})
    assert response.headers["X-Gpt2giga-Ignored"] == "presence_penalty"
    refused = service.post("/v1/responses", {"input": "а", "frequency_penalty": "much"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "frequency_penalty")


@STREAMED
def test_every_function_says_whether_it_is_strict(service: Service, stream: bool) -> None:
    bare = {"type": "function", "name": "bare"}
    _, custom, namespace, _ = TOOLS
    found = answer(service, stream, tools=[bare, WEATHER, custom, namespace])["tools"]
    assert found[0] == {**bare, "description": None, "parameters": None, "strict": False}
    assert found[1] == {**WEATHER, "description": None} and found[2] == custom
    assert [tool["strict"] for tool in found[3]["tools"]] == [False]


def test_a_calls_name_comes_with_its_arguments(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script(CALL)
    found = events(service, {"tools": [WEATHER]})
    [done] = [event for event in found if event["type"] == "response.function_call_arguments.done"]
    assert (done["name"], done["arguments"]) == ("get_weather", '{"city":"Омск"}')


@STREAMED
def test_reasoning_has_nothing_encrypted(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "Да.", "reasoning": "Думаю."})
    thought, _ = answer(service, stream, include=["reasoning.encrypted_content"])["output"]
    assert thought["summary"] and "encrypted_content" not in thought


@STREAMED
def test_the_format_is_whole(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    wanted = {"type": "json_schema", "name": "n", "schema": {"type": "object", "properties": {}}}
    sandbox.state.script({"text": "{}"})
    assert answer(service, stream, text={"format": wanted})["text"] == {
        "format": {**wanted, "description": None, "strict": False},
        "verbosity": "medium",
    }
