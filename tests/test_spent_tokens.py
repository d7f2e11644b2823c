"""What GigaChat bills is counted, also of answers that the client never got."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gpt2giga.store.keys import Rights
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import by_schema, new, NUMBER, STREAMED, tool
from tests.sockets import HELLO
from tests.test_keys import Book

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 40, "completion_tokens": 2, "total_tokens": 42, "precached_prompt_tokens": 0}
USAGE_V2 = {"input_tokens": 40, "output_tokens": 2, "total_tokens": 42}


@pytest.fixture
def client(app_with: Callable[..., Flask]) -> FlaskClient:
    return app_with(GPT2GIGA_MAX_RETRIES="0").test_client()


def counted(client: FlaskClient) -> tuple[int, int]:
    """Tokens of prompts, and of answers."""
    models = client.get("/ui/usage").get_json()["models"]
    return sum(row["prompt"] for row in models), sum(row["completion"] for row in models)


def ask(client: FlaskClient, path: str = CHAT, **body: Any) -> int:
    return client.post(path, json=body if path != CHAT else {"messages": HELLO, **body}, buffered=True).status_code


@STREAMED
def test_json_that_is_wrong_twice(client: FlaskClient, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "нет", "usage": USAGE}, {"text": "и снова нет", "usage": USAGE})
    assert ask(client, response_format=by_schema(NUMBER, strict=True), stream=stream) == 502
    assert counted(client) == (80, 4)


@STREAMED
def test_json_that_is_right_the_second_time(client: FlaskClient, sandbox: SandboxServer, stream: bool) -> None:
    """Not twice: the client is told of all of it too."""
    sandbox.state.script({"text": "нет", "usage": USAGE}, {"text": '{"n": 1}', "usage": USAGE})
    assert ask(client, response_format=by_schema(NUMBER, strict=True), stream=stream) == 200
    assert counted(client) == (80, 4)


@STREAMED
def test_a_call_that_nobody_makes(client: FlaskClient, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "Не хочу.", "usage": USAGE, "times": 9})
    status = ask(client, tools=[tool("a"), tool("b")], tool_choice="required", stream=stream)
    asked = len(sandbox.state.chats())
    sandbox.state.reset()
    assert status == 502 and asked > 1 and counted(client) == (40 * asked, 2 * asked)


@STREAMED
def test_a_call_that_the_model_has_spoilt(client: FlaskClient, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "", "finish_reason": "error", "usage": USAGE})
    assert ask(client, stream=stream) == 502
    assert counted(client) == (40, 2)


def test_the_second_of_two_answers_fails(client: FlaskClient, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Да.", "usage": USAGE}, {"status": 402})
    assert ask(client, n=2) == 402
    assert counted(client) == (40, 2)


def test_an_answer_of_v2_that_cannot_be_read(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    sandbox.state.settings.character = sandbox.state.settings.character.changed("tolerant")
    client = app_with(GPT2GIGA_MAX_RETRIES="0", GPT2GIGA_GIGACHAT_API_MODE="v2").test_client()
    sandbox.state.script({"answer": {"messages": 5, "usage": USAGE_V2}})
    assert ask(client) == 502
    assert counted(client) == (40, 2)


def test_nothing_was_drawn(client: FlaskClient, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Не буду.", "usage": USAGE})
    assert ask(client, "/v1/images/generations", prompt="Кот") == 400
    assert counted(client) == (40, 2)


def test_the_second_batch_of_embeddings_fails(client: FlaskClient, sandbox: SandboxServer) -> None:
    texts = [new("слово") for _ in range(91)]  # GigaChat takes 90 of them
    vector = {"object": "embedding", "embedding": [1.0], "usage": {"prompt_tokens": 3}}
    whole = {
        "object": "list",
        "data": [{**vector, "index": number} for number in range(90)],
        "model": "EmbeddingsGigaR",
    }
    sandbox.state.script({"route": "embeddings", "answer": whole}, {"route": "embeddings", "status": 402})
    assert ask(client, "/v1/embeddings", input=texts) == 402
    assert counted(client) == (270, 0)


def test_the_limit_of_a_key(app_with: Callable[..., Flask], sandbox: SandboxServer, tmp_path: Path) -> None:
    book = Book(tmp_path)
    headers = {"Authorization": f"Bearer {book.add('ann', Rights(tokens_per_day=84))}"}
    client = app_with(GPT2GIGA_MAX_RETRIES="0").test_client()
    sandbox.state.script({"text": "нет", "usage": USAGE, "times": 2})
    body = {"messages": HELLO, "response_format": by_schema(NUMBER, strict=True)}
    statuses = [client.post(CHAT, json=body, headers=headers, buffered=True).status_code for _ in range(2)]
    book.store.database.close()
    assert statuses == [502, 429]
