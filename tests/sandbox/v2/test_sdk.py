"""The calls of v2 of the official SDK, unchanged, against the sandbox."""

from __future__ import annotations

import pytest
from gigachat import GigaChat
from gigachat.exceptions import BadRequestError, NotFoundError
from pydantic import BaseModel

from gpt2giga_sandbox import SandboxServer
from gpt2giga_sandbox.character import STRICT

from ..conftest import chat_body_v2, sdk
from .bodies import functions, result

pytestmark = pytest.mark.usefixtures("tolerant")


class Weather(BaseModel):
    city: str
    degrees: int


def test_a_chat(client: GigaChat) -> None:
    answer = client.chat.create("Привет")

    assert answer.messages[0].content and answer.messages[0].content[0].text
    assert answer.messages[0].content[0].text.endswith("Вы написали: Привет")
    assert answer.usage and answer.usage.input_tokens == 2 and answer.finish_reason == "stop"


def test_a_stream(client: GigaChat) -> None:
    chunks = list(client.chat.stream("Привет"))
    messages = [message for chunk in chunks for message in chunk.messages or []]

    assert chunks[-1].event == "response.message.done" and chunks[-1].usage
    text = "".join(part.text or "" for message in messages for part in message.content or [])
    assert text.endswith("Вы написали: Привет")


def test_structured_output(client: GigaChat) -> None:
    _, parsed = client.chat.parse("Привет", response_format=Weather)

    assert parsed == Weather(city="образец", degrees=1)


def test_a_round_trip_of_two_calls(client: GigaChat) -> None:
    body = chat_body_v2("weather и time", tools=[functions()])
    asked = client.chat.create(body).messages[0]
    # This version of the SDK has no attribute for the id, and keeps it.
    calls = [part.function_call.model_dump() for part in asked.content or [] if part.function_call]
    results = [result(call["name"], {"n": number}, id=call["id"]) for number, call in enumerate(calls)]
    body["messages"] += [
        asked.model_dump(exclude_none=True, by_alias=True),
        {"role": "tool", "tools_state_id": asked.tools_state_id, "content": results},
    ]

    (message,) = client.chat.create(body).messages

    assert message.content and message.content[0].text
    assert message.content[0].text.endswith('weather вернула {"n": 0}; time вернула {"n": 1}')


def test_a_search_has_its_sources(client: GigaChat) -> None:
    chunks = list(client.chat.stream(chat_body_v2("search", tools=[{"web_search": {}}])))
    parts = [part for chunk in chunks for message in chunk.messages or [] for part in message.content or []]
    (data,) = [part.inline_data for part in parts if part.inline_data]

    assert [chunk.event for chunk in chunks][:2] == ["response.tool.in_progress", "response.tool.completed"]
    assert data.sources and data.sources["1"].url == "https://example.com/1"


def test_refusals(sandbox: SandboxServer) -> None:
    with sdk(sandbox) as client:
        with pytest.raises(BadRequestError):
            client.chat.create(chat_body_v2(messages=[{"role": "developer", "content": [{"text": "a"}]}]))
        sandbox.state.settings.character = STRICT
        with pytest.raises(NotFoundError):
            client.chat.create("Привет")
