"""What the compliance tests of Open Responses (openresponses.org) ask, read by the types made from its specification.

Left out are its web sockets, and what only OpenAI hosts.
"""

from __future__ import annotations

from typing import Any

import pytest

types = pytest.importorskip("openresponses_types.types", reason="make test-clients installs openresponses-types")

from gpt2giga_sandbox.server import SandboxServer  # noqa: E402 after the check that it is there
from tests.message_events import events  # noqa: E402
from tests.pictures import data_url, png  # noqa: E402
from tests.service import Service  # noqa: E402

PARAMETERS = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
TOOLS = [{"type": "function", "name": "get_weather", "description": "Weather now", "parameters": PARAMETERS}]
CALL = {"call": {"name": "get_weather", "arguments": {"location": "Омск"}}}
FORCED = {"type": "function", "name": "get_weather"}
EVENTS = {
    kind.value: model
    for name, model in vars(types).items()
    if name.endswith("StreamingEvent")
    for kind in model.model_fields["type"].annotation
}


def said(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def ask(service: Service, body: dict[str, Any], stream: bool = False) -> dict[str, Any]:
    """The response, which must be completed; every event of a stream is checked too."""
    response = service.post("/v1/responses", {"model": "GigaChat-3-Pro", **body, "stream": stream})
    assert response.status_code == 200, response.text
    response.encoding = "utf-8"
    found = response.json() if not stream else None
    for event in events(response.text) if stream else ():
        EVENTS[event["type"]].model_validate(event)
        found = event.get("response", found)
    types.ResponseResource.model_validate(found)
    assert found["status"] == "completed" and found["output"]
    return dict(found)


def file(name: str, content: bytes, kind: str) -> dict[str, Any]:
    return {"type": "input_file", "filename": name, "file_data": data_url(content, kind)}


TEXT = {"type": "input_text", "text": "Что это?"}
ASKED: dict[str, dict[str, Any]] = {
    "basic": {"input": [said("user", "Say hello in exactly 3 words.")]},
    "system prompt": {"input": [said("system", "You are a pirate."), said("user", "Say hello.")]},
    "image": {"input": [said("user", [TEXT, {"type": "input_image", "image_url": data_url(png(), "image/png")}])]},
    "file": {"input": [said("user", [TEXT, file("a.pdf", b"%PDF-1.4 nothing", "application/pdf")])]},
    "turns": {"input": [said("user", "I am Alice."), said("assistant", "Hello!"), said("user", "Who am I?")]},
    "reasoning": {"input": "Раз", "reasoning": {"effort": "high"}},
    "JSON": {"input": "Раз", "text": {"format": {"type": "json_object"}}},
}
SAID: dict[str, dict[str, Any]] = {"reasoning": {"text": "Да.", "reasoning": "Думаю."}, "JSON": {"text": "{}"}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ASKED)
def test_an_answer(service: Service, sandbox: SandboxServer, name: str, stream: bool) -> None:
    sandbox.state.script(SAID.get(name, {"text": "Раз два три"}))
    ask(service, ASKED[name], stream)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_call_and_its_result(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script(CALL, {"text": "Дождь."}, {"text": "Дождь."})
    first = ask(service, {"input": "Погода?", "tools": TOOLS, "tool_choice": FORCED}, stream)
    [call] = first["output"]
    assert (call["type"], call["name"], call["arguments"]) == ("function_call", "get_weather", '{"location":"Омск"}')
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"rain": true}'}
    ask(service, {"input": [said("user", "Погода?"), call, result], "tools": TOOLS}, stream)
    ask(service, {"input": [result], "previous_response_id": first["id"], "tools": TOOLS}, stream)
    assert all(chat["messages"][-1]["role"] == "function" for chat in sandbox.state.chats()[1:])


def test_the_service_remembers(service: Service, sandbox: SandboxServer) -> None:
    first = ask(service, {"input": "Запомни слово: папайя."})
    ask(service, {"input": "Какое слово?", "previous_response_id": first["id"]})
    assert "папайя" in sandbox.state.chats()[-1]["messages"][0]["content"]
