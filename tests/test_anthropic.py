"""Anthropic's official client against the running service: what its users see."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from gpt2giga_sandbox.server import SandboxServer
from gpt2giga_sandbox.storage import drawing
from tests.service import NO_ROOTS, Service

MESSAGES = [{"role": "user", "content": "Привет!"}]
ASK: dict[str, Any] = {"model": "claude-test", "max_tokens": 500, "messages": MESSAGES}
WEATHER = {
    "name": "get_weather",
    "description": "Погода в городе",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PNG = base64.b64encode(drawing().content).decode()


@pytest.fixture
def client(lively: Service) -> Iterator[Anthropic]:
    """Of a service without retries of its own, so that the client's are seen."""
    http = anthropic.DefaultHttpxClient(verify=NO_ROOTS)
    with Anthropic(base_url=lively.url, api_key="unused", max_retries=0, http_client=http) as client:
        yield client


def whole(client: Anthropic, **request: Any) -> dict[str, Any]:
    return client.messages.create(**{**ASK, **request}).to_dict()


def streamed(client: Anthropic, **request: Any) -> dict[str, Any]:
    with client.messages.stream(**{**ASK, **request}) as stream:
        return stream.get_final_message().to_dict()


def test_create(client: Anthropic) -> None:
    message = client.messages.create(**ASK)
    assert "Привет!" in message.content[0].text
    assert (message.role, message.type, message.model) == ("assistant", "message", "claude-test")
    assert message.stop_reason == "end_turn" and message.usage.input_tokens and message.usage.output_tokens
    assert message._request_id


def test_stream_helper(client: Anthropic) -> None:
    with client.messages.stream(**ASK) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert "Привет!" in text and message.content[0].text == text
    assert message.usage.input_tokens and message.usage.output_tokens


ANSWERS: dict[str, dict[str, Any]] = {
    "text": {"text": "Раз два три четыре пять"},
    "thoughts": {"text": "Да.", "reasoning": "Надо подумать ещё немного."},
    "call": {"call": {"name": "get_weather", "arguments": {"city": "Москва"}}},
    "text and call": {"text": "Смотрю.", "call": {"name": "get_weather", "arguments": {"city": "Москва"}}},
    "call and finish apart": {"call": {"name": "get_weather", "arguments": {"city": ""}}, "frames_apart": True},
    "length": {"text": "Раз два", "finish_reason": "length"},
    "filtered": {"text": "Не люблю менять тему.", "finish_reason": "blacklist"},
    "nothing": {"text": ""},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_accumulated_stream_is_the_whole_answer(
    client: Anthropic, sandbox: SandboxServer, answer: dict[str, Any]
) -> None:
    sandbox.state.script({**answer, "usage": {"precached_prompt_tokens": 0}, "times": 2})
    request = {"model": "GigaChat-3-Ultra", "tools": [WEATHER], "thinking": {"type": "adaptive"}}
    one, other = whole(client, **request), streamed(client, **request)
    del one["id"], other["id"]
    absent = dict.fromkeys((*one, *other))
    assert absent | other == absent | one


def test_tools_round_trip(client: Anthropic, sandbox: SandboxServer) -> None:
    question = {"role": "user", "content": 'get_weather {"city": "Москва"}'}
    first = client.messages.create(**{**ASK, "messages": [question]}, tools=[WEATHER])
    assert first.stop_reason == "tool_use"
    [call] = first.content
    assert (call.name, call.input) == ("get_weather", {"city": "Москва"})
    # As if the model had called twice, which other providers' models do.
    turn = [*first.content, {"type": "tool_use", "id": "other", "name": "get_weather", "input": {"city": "Тверь"}}]
    results = [
        {"type": "tool_result", "tool_use_id": "other", "content": "дождь", "is_error": True},
        {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "снег"}]},
    ]
    history = [question, {"role": "assistant", "content": turn}, {"role": "user", "content": results}]
    second = client.messages.create(**{**ASK, "messages": history}, tools=[WEATHER])
    assert "снег" in second.content[0].text and "дождь" in second.content[0].text
    sent = [m.get("content") for m in sandbox.state.chats()[-1]["messages"] if m["role"] == "function"]
    assert sent == ['{"result":"снег"}', '{"error":"дождь"}']


@pytest.mark.parametrize("stream", [False, True])
def test_tool_runner(client: Anthropic, sandbox: SandboxServer, stream: bool) -> None:
    """It begins with a thread, and would send the result alone if somebody seemed to keep one."""

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Погода в городе"""
        return f"снег: {city}"

    question = {"role": "user", "content": 'get_weather {"city": "Москва"}'}
    *_, last = client.beta.messages.tool_runner(**{**ASK, "messages": [question]}, tools=[get_weather], stream=stream)
    answer = last.get_final_message() if stream else last
    assert "снег: Москва" in answer.content[0].text
    roles = [[message["role"] for message in chat["messages"]] for chat in sandbox.state.chats()]
    assert roles == [["user"], ["user", "assistant", "function"]]


@pytest.mark.parametrize(
    "choice, called",
    [({"type": "any"}, True), ({"type": "tool", "name": "get_weather"}, True), ({"type": "none"}, False)],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_tool_choice(client: Anthropic, choice: Any, called: bool) -> None:
    message = client.messages.create(**ASK, tools=[WEATHER], tool_choice=choice)
    assert (message.stop_reason == "tool_use") is called


def test_images(client: Anthropic, sandbox: SandboxServer) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    content = [image, {"type": "text", "text": "Что это?"}]
    message = client.messages.create(**{**ASK, "messages": [{"role": "user", "content": content}]})
    assert "файлов: 1" in message.content[0].text
    use = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [image]}
    history = [*MESSAGES, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    client.messages.create(**{**ASK, "messages": history})
    assert [bool(m.get("attachments")) for m in sandbox.state.chats()[-1]["messages"]] == [False, False, False, True]


def test_documents(client: Anthropic, sandbox: SandboxServer) -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(b"%PDF-1.4").decode()}
    content = [{"type": "document", "title": "Счёт", "source": source}, {"type": "text", "text": "Сколько?"}]
    message = client.messages.create(**{**ASK, "messages": [{"role": "user", "content": content}]})
    assert "файлов: 1" in message.content[0].text


def test_structured_output(client: Anthropic) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    found = whole(client, output_config={"format": {"type": "json_schema", "schema": schema}})
    assert found["content"][0]["text"].startswith("{") and found["stop_reason"] == "end_turn"


@pytest.mark.parametrize("ask", [whole, streamed])
def test_stop_sequences(client: Anthropic, sandbox: SandboxServer, ask: Any) -> None:
    sandbox.state.script({"text": "Раз два три четыре"})
    message = ask(client, stop_sequences=["три"])
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "три")
    assert message["content"][0]["text"] == "Раз два "
    assert message["usage"]["input_tokens"] and message["usage"]["output_tokens"]


def test_count_tokens(client: Anthropic, sandbox: SandboxServer) -> None:
    few = client.messages.count_tokens(model="claude-test", messages=MESSAGES)
    many = client.messages.count_tokens(model="claude-test", messages=MESSAGES, system="Кратко.", tools=[WEATHER])
    assert 0 < few.input_tokens < many.input_tokens
    assert [call["json"]["model"] for call in sandbox.state.requests("/tokens/count")] == ["GigaChat-2-Max"] * 2


def test_models(client: Anthropic) -> None:
    models = {model.id: model for model in client.models.list()}
    assert {"GigaChat-2-Max", "GigaChat-2-Lite"} <= set(models) and "EmbeddingsGigaR" not in models
    assert client.models.retrieve("GigaChat-2-Max").type == "model"
    assert client.models.retrieve("claude-test").id == "claude-test"
    with pytest.raises(anthropic.NotFoundError, match="closest one is GigaChat-2-Max"):
        client.models.retrieve("GigaChat-2-Mux")


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize(
    "status, seen, kind, error",
    [
        (422, 400, "invalid_request_error", anthropic.BadRequestError),
        (402, 402, "billing_error", anthropic.APIStatusError),
        (403, 403, "permission_error", anthropic.PermissionDeniedError),
        (413, 400, "invalid_request_error", anthropic.BadRequestError),
        (429, 429, "rate_limit_error", anthropic.RateLimitError),
        (500, 500, "api_error", anthropic.InternalServerError),
        (503, 529, "overloaded_error", anthropic.InternalServerError),
        (504, 504, "timeout_error", anthropic.InternalServerError),
    ],
    ids=lambda value: str(value) if isinstance(value, int | str) else "",
)
def test_a_refusal_is_a_status(
    client: Anthropic, sandbox: SandboxServer, status: int, seen: int, kind: str, error: type[Any], ask: Any
) -> None:
    sandbox.state.script({"status": status, "body": {"status": status, "message": "why not"}})
    with pytest.raises(error, match="why not") as caught:
        ask(client)
    assert (caught.value.status_code, caught.value.body["error"]["type"]) == (seen, kind)
    assert caught.value.request_id


@pytest.mark.parametrize("status", [429, 503])
def test_the_client_tries_again(client: Anthropic, sandbox: SandboxServer, status: int) -> None:
    sandbox.state.script({"status": status})
    sandbox.state.script({"text": "Да."})
    assert whole(client.with_options(max_retries=1))["content"][0]["text"] == "Да."
    assert [request["status"] for request in sandbox.state.requests("/chat/completions")] == [status, 200]


def test_a_stream_that_breaks_raises(client: Anthropic, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять", "cut_after": 1})
    texts: list[str] = []
    with client.messages.stream(**ASK) as stream, pytest.raises(anthropic.APIStatusError) as caught:
        texts += stream.text_stream
    assert caught.value.body["error"]["type"] == "api_error"
    assert "before its answer was whole" in str(caught.value)


def test_events_come_as_gigachat_sends_them_and_a_client_may_leave(client: Anthropic, sandbox: SandboxServer) -> None:
    """The first words arrive while GigaChat is still silent before its next ones; leaving frees the one slot."""
    sandbox.state.script({"text": "Раз два три четыре пять шесть семь восемь", "hang_after": 2})
    with client.messages.create(**ASK, stream=True) as stream:
        kinds = [next(stream).type for _ in range(3)]
    assert kinds == ["message_start", "content_block_start", "content_block_delta"]
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 1)
    assert whole(client)["stop_reason"] == "end_turn"


def test_pings_are_no_part_of_the_answer(client: Anthropic, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре", "delay": 0.4, "frame_delay": 0.35})
    assert streamed(client)["content"] == [{"type": "text", "text": "Раз два три четыре"}]
