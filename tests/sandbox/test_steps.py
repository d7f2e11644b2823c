"""Scripted steps: answers told word for word."""

from __future__ import annotations

import json
from typing import Any

import pytest
from gigachat import GigaChat
from gigachat.exceptions import RateLimitError, ServerError

from gpt2giga_sandbox import SandboxServer

from .conftest import events, Http

CALL = {"call": {"name": "f", "arguments": {"a": 1}}}
WORDS = {"text": "раз два три четыре пять шесть семь"}


def test_an_answer_goes_out_verbatim(http: Http, sandbox: SandboxServer) -> None:
    sandbox.state.script({"answer": {"что": "угодно"}})

    assert http.chat().content == '{"что":"угодно"}'.encode()


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_is_told(http: Http, sandbox: SandboxServer, stream: bool) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "precached_prompt_tokens": 0}
    sandbox.state.script({"text": "раз", "finish_reason": "blacklist", "usage": usage, "reasoning": "думаю"})

    body = http.chat(stream=stream).content.decode()

    if not stream:
        answer = json.loads(body)
        message = {"content": "раз", "role": "assistant", "reasoning_content": "думаю"}
        assert answer["choices"][0] == {"message": message, "index": 0, "finish_reason": "blacklist"}
    else:
        answer = events(body)[-2]
        assert answer["choices"][0]["finish_reason"] == "blacklist"
    assert answer["usage"] == usage


def test_what_a_step_leaves_open_is_the_default(http: Http, sandbox: SandboxServer) -> None:
    sandbox.state.script({"finish_reason": "length"})

    choice = http.chat("Привет").json()["choices"][0]

    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"].endswith("Привет")


@pytest.mark.parametrize("apart", [False, True])
def test_a_call_is_told_whole_and_streamed(client: GigaChat, sandbox: SandboxServer, apart: bool) -> None:
    sandbox.state.script({**CALL, "text": "Смотрю.", "frames_apart": apart, "times": 2})

    message = client.chat("Привет").choices[0].message
    parts = list(client.stream("Привет"))

    assert message.content == "Смотрю."
    assert message.function_call and message.function_call.arguments == {"a": 1}
    calls = [part.choices[0].delta.function_call for part in parts]
    assert calls == [None, message.function_call, None][: 3 if apart else 2]
    assert parts[-1].choices[0].finish_reason == "function_call"
    assert parts[-2].choices[0].finish_reason is None


def test_a_status_is_told(client: GigaChat, sandbox: SandboxServer) -> None:
    sandbox.state.script(
        {"status": 429, "headers": {"Retry-After": "7"}},
        {"status": 502, "body": "<html>Bad Gateway</html>", "headers": {"Server": "SynGX"}},
    )

    with pytest.raises(RateLimitError) as limited:
        client.chat("Привет")
    with pytest.raises(ServerError) as broken:
        list(client.stream("Привет"))

    assert limited.value.content == b'{"status":429,"message":"Too many requests"}\n'
    assert limited.value.retry_after == 7
    assert broken.value.content == b"<html>Bad Gateway</html>"
    assert broken.value.headers and broken.value.headers["Content-Type"] == "text/html"


def test_a_broken_body_with_200_is_told(http: Http, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 200, "body": "{", "headers": {"Content-Type": "application/json"}})

    answer = http.chat()

    assert (answer.status_code, answer.text) == (200, "{")
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("step", "body"),
    [
        pytest.param({}, 'data: {"a":"ы"}\n\n: raw\n\ndata: [DONE]\n\n', id="done"),
        pytest.param({"done": False}, 'data: {"a":"ы"}\n\n: raw\n\n', id="not done"),
    ],
)
def test_frames_go_out_exactly(http: Http, sandbox: SandboxServer, step: dict[str, Any], body: str) -> None:
    sandbox.state.script({"frames": [{"a": "ы"}, ": raw\n\n"], **step})

    assert http.chat(stream=True).content.decode() == body


@pytest.mark.parametrize(
    ("route", "method", "path", "options"),
    [
        ("models", "GET", "/models", {}),
        ("models", "GET", "/models/GigaChat", {}),
        ("embeddings", "POST", "/embeddings", {"json": {"model": "Embeddings", "input": "a"}}),
        ("tokens", "POST", "/tokens/count", {"json": {"model": "GigaChat", "input": ["a"]}}),
        ("files", "GET", "/files", {}),
        ("balance", "GET", "/balance", {}),
    ],
)
def test_every_route_follows_its_script(
    http: Http, sandbox: SandboxServer, route: str, method: str, path: str, options: dict[str, Any]
) -> None:
    sandbox.state.script({"route": route, "status": 503})

    answers = [http.session.request(method, http.sandbox.base_url + path, timeout=10, **options) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [503, 200]


def test_oauth_follows_its_script(http: Http, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "oauth", "status": 500, "body": {"code": 1, "message": "x"}, "times": 2})

    assert [http.oauth().status_code for _ in range(3)] == [500, 500, 200]


def test_a_refused_request_leaves_the_script_alone(http: Http, sandbox: SandboxServer) -> None:
    sandbox.state.script(WORDS)

    assert http.chat(temperature=0).status_code == 422
    assert http.chat().json()["choices"][0]["message"]["content"] == WORDS["text"]
