"""OpenAI's and Anthropic's own clients, which check every value, over GigaChat's newer interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
from anthropic import Anthropic
from flask import Flask
from openai import OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests.pictures import data_url, png

MODEL = "GigaChat-3-Ultra"
QUESTION = "Привет"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"name": "weather", "description": "Погода", "parameters": SCHEMA}
OTHER = {"name": "write", "description": "Пишет", "parameters": SCHEMA}
PICTURE = data_url(png(), "image/png")

# What a client gets, in words of no API.
Answer = dict[str, Any]
Ask = Callable[..., Answer]


class Chats:
    """Chat Completions."""

    required = {"tools": [{"type": "function", "function": tool} for tool in (TOOL, OTHER)], "tool_choice": "required"}
    structured = {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}}
    reasoning = {"reasoning_effort": "high"}
    image = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    stop = {"stop": ["три"]}
    search = {"tools": [{"type": "web_search"}]}

    def __init__(self, app: Flask) -> None:
        http = httpx.Client(transport=httpx.WSGITransport(app=app))
        self._client = OpenAI(
            base_url="http://localhost/v1", api_key="unused", http_client=http, _strict_response_validation=True
        )

    def ask(self, stream: bool, question: Any, **options: Any) -> Answer:
        body: Any = {"model": MODEL, "messages": [{"role": "user", "content": question}], **options}
        if stream:
            with self._client.chat.completions.stream(**body, stream_options={"include_usage": True}) as events:
                for event in events:
                    event.model_dump()
                found = events.get_final_completion()
        else:
            found = self._client.chat.completions.create(**body)
        found.model_dump()
        choice, usage = found.choices[0], found.usage
        return {
            "text": choice.message.content or "",
            "thoughts": getattr(choice.message, "reasoning_content", None) or "",
            "calls": [call.function.name for call in choice.message.tool_calls or ()],
            "finish": choice.finish_reason,
            "cited": [
                (cited.url, cited.start_index, cited.end_index)
                for cited in (annotation.url_citation for annotation in choice.message.annotations or ())
            ],
            "usage": usage
            and (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens),
        }


class Responses(Chats):
    """The Responses API."""

    required = {"tools": [{"type": "function", **tool} for tool in (TOOL, OTHER)], "tool_choice": "required"}
    structured = {"text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}}
    reasoning = {"reasoning": {"effort": "high", "summary": "auto"}}  # type: ignore[dict-item]
    image = [{"type": "input_text", "text": QUESTION}, {"type": "input_image", "image_url": PICTURE}]
    stop: Any = None

    def ask(self, stream: bool, question: Any, **options: Any) -> Answer:
        body: Any = {"model": MODEL, "input": [{"role": "user", "content": question}], **options}
        if stream:  # the helper of the SDK makes values that its own types do not allow
            for event in self._client.responses.create(**body, stream=True):
                event.model_dump()
            assert event.type == "response.completed"
            found: Any = event.response
        else:
            found = self._client.responses.create(**body)
            found.model_dump()
        items = {kind: [item for item in found.output if item.type == kind] for kind in ("reasoning", "function_call")}
        parts = [part for item in found.output if item.type == "message" for part in item.content]
        return {
            "text": found.output_text,
            "thoughts": "".join(part.text for item in items["reasoning"] for part in item.summary),
            "calls": [item.name for item in items["function_call"]],
            "finish": "tool_calls" if items["function_call"] else "stop",
            "cited": [(cited.url, cited.start_index, cited.end_index) for part in parts for cited in part.annotations],
            "usage": (
                found.usage.input_tokens,
                found.usage.input_tokens_details.cached_tokens,
                found.usage.output_tokens,
            ),
        }


class Messages(Chats):
    """Anthropic's. Its citations have no places."""

    required = {
        "tools": [{"name": tool["name"], "input_schema": SCHEMA} for tool in (TOOL, OTHER)],
        "tool_choice": {"type": "any"},  # type: ignore[dict-item]
    }
    structured = {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    reasoning = {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}}  # type: ignore[dict-item]
    image = [
        {"type": "text", "text": QUESTION},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PICTURE.partition(",")[2]},  # type: ignore[dict-item]
        },
    ]
    stop = {"stop_sequences": ["три"]}
    search = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    finishes = {"tool_use": "tool_calls", "end_turn": "stop", "stop_sequence": "stop"}

    def __init__(self, app: Flask) -> None:
        http = httpx2.Client(transport=httpx2.WSGITransport(app=app))
        self._anthropic = Anthropic(
            base_url="http://localhost", api_key="unused", http_client=http, _strict_response_validation=True
        )

    def ask(self, stream: bool, question: Any, **options: Any) -> Answer:
        body: Any = {"model": MODEL, "max_tokens": 1000, "messages": [{"role": "user", "content": question}], **options}
        if stream:
            with self._anthropic.messages.stream(**body) as events:
                for event in events:
                    event.model_dump()
                found = events.get_final_message()
        else:
            found = self._anthropic.messages.create(**body)
        found.model_dump()
        blocks: Any = found.content
        texts = [block for block in blocks if block.type == "text"]
        usage = found.usage
        cached = usage.cache_read_input_tokens or 0
        return {
            "text": "".join(block.text for block in texts),
            "thoughts": "".join(block.thinking for block in blocks if block.type == "thinking"),
            "calls": [block.name for block in blocks if block.type == "tool_use"],
            "finish": self.finishes[found.stop_reason or ""],
            "cited": [(cited.url, None, None) for block in texts for cited in block.citations or ()],
            "usage": (usage.input_tokens + cached, cached, usage.output_tokens),
        }


@pytest.fixture
def app(app_with: Callable[..., Flask], sandbox: SandboxServer) -> Flask:
    sandbox.state.settings.character = sandbox.state.settings.character.changed("tolerant")
    return app_with(GPT2GIGA_GIGACHAT_API_MODE="v2")


@pytest.fixture(params=[Chats, Responses, Messages], ids=lambda api: api.__name__)
def api(request: pytest.FixtureRequest, app: Flask) -> Chats:
    found: Chats = request.param(app)
    return found


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def ask(request: pytest.FixtureRequest, api: Chats, sandbox: SandboxServer) -> Iterator[Ask]:
    """ask(options) gives the answer; nothing was refused, and one request went up, over v2."""
    yield lambda options, question=QUESTION: api.ask(request.param, question, **options)
    [sent] = sandbox.state.requests("/chat/completions")
    assert "/v2/" in sent["path"] and sandbox.state.refusals() == []


def options(sandbox: SandboxServer) -> dict[str, Any]:
    [sent] = sandbox.state.chats()
    found: dict[str, Any] = sent["model_options"]
    return found


def test_a_call_that_must_be_made(ask: Ask, api: Chats, sandbox: SandboxServer) -> None:
    answer = ask(api.required)
    assert (answer["calls"], answer["finish"]) == (["weather"], "tool_calls")
    [sent] = sandbox.state.chats()
    assert sent["tool_config"] == {"mode": "any", "functions_names_any": ["weather", "write"]}


def test_structured_output(ask: Ask, api: Chats, sandbox: SandboxServer) -> None:
    assert "city" in ask(api.structured)["text"]
    assert options(sandbox)["response_format"]["schema"]["required"] == ["city"]


def test_thoughts(ask: Ask, api: Chats, sandbox: SandboxServer) -> None:
    answer = ask(api.reasoning)
    assert "думает" in answer["thoughts"] and "думает" not in answer["text"] and QUESTION in answer["text"]
    assert options(sandbox)["reasoning"] == {"effort": "high"}


def test_an_image(ask: Ask, api: Chats, sandbox: SandboxServer) -> None:
    assert "файлов: 1" in ask({}, api.image)["text"]
    [file_id] = sandbox.state.files("sandbox") or sandbox.state.files()
    [sent] = sandbox.state.chats()
    assert sent["messages"][0]["content"] == [{"text": QUESTION}, {"files": [{"id": file_id}]}]


def test_a_stop_sequence(ask: Ask, api: Chats, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре"})
    wanted = "Раз два " if api.stop else "Раз два три четыре"  # Responses have none
    answer = ask(api.stop or {})
    assert (answer["text"], answer["finish"]) == (wanted, "stop")


def test_usage(ask: Ask, sandbox: SandboxServer) -> None:
    usage = {"input_tokens": 9, "input_tokens_details": {"prompt_tokens": 9, "cached_tokens": 4}, "output_tokens": 2}
    sandbox.state.script({"text": "Да.", "usage": usage})
    assert ask({})["usage"] == (9, 4, 2)


def test_a_search_with_its_sources(ask: Ask, api: Chats, sandbox: SandboxServer) -> None:
    answer = ask(api.search, "Найди новости")
    first, second = "https://example.com/1", "https://example.com/2"
    assert [url for url, _, _ in answer["cited"]] == [first, first, second]
    for (_, start, end), mark in zip(answer["cited"], ["[1]", "[1]", "[2]"], strict=True):
        assert start is None or answer["text"][start:end] == mark
    [sent] = sandbox.state.chats()
    assert {"web_search": {}} in sent["tools"]
