"""The official SDK, unchanged, against the sandbox."""

from __future__ import annotations

import base64
import re

import pytest
from gigachat import GigaChat
from gigachat.exceptions import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    RequestEntityTooLargeError,
    ResponseError,
    UnprocessableEntityError,
)
from gigachat.models import Chat

from gpt2giga_sandbox import SandboxServer

from .conftest import chat_body, sdk

WEATHER = {
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def test_chat(client: GigaChat) -> None:
    answer = client.chat("Привет")

    assert answer.choices[0].message.content.endswith("Вы написали: Привет")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "GigaChat-2-Max:2.0.30.01"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.x_headers and answer.x_headers["x-request-id"]


def test_stream(client: GigaChat) -> None:
    parts = list(client.stream("Привет"))

    assert "".join(part.choices[0].delta.content or "" for part in parts).endswith("Вы написали: Привет")
    assert [part.choices[0].finish_reason for part in parts][-2:] == [None, "stop"]
    assert parts[-1].usage


def test_function_round_trip(client: GigaChat) -> None:
    body = chat_body('weather {"city": "Уфа"}', functions=[WEATHER])
    called = client.chat(body).choices[0]
    assert called.finish_reason == "function_call"
    assert called.message.function_call and called.message.function_call.arguments == {"city": "Уфа"}

    body["messages"].append(called.message.model_dump(exclude_none=True))
    body["messages"].append({"role": "function", "name": "weather", "content": '{"t": 5}'})
    answer = client.chat(body)

    assert answer.choices[0].message.content == 'Песочница GigaChat: функция weather вернула {"t": 5}'


def test_streamed_function_call(client: GigaChat) -> None:
    (part,) = client.stream(chat_body("weather", functions=[WEATHER]))

    assert part.choices[0].delta.function_call
    assert part.choices[0].finish_reason == "function_call"


def test_structured_output(client: GigaChat) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}

    answer = client.chat(chat_body(response_format={"type": "json_schema", "schema": schema}))

    assert answer.choices[0].message.content == '{\n    "a": 1\n}'


def test_a_session_is_cached_from_its_second_request(client: GigaChat, sandbox: SandboxServer) -> None:
    from gigachat.context import session_id_cvar

    token = session_id_cvar.set("разговор".encode().hex())
    try:
        cached = [client.chat("Привет, GigaChat").usage.precached_prompt_tokens for _ in range(2)]
    finally:
        session_id_cvar.reset(token)

    assert cached == [0, 3]


def test_models(client: GigaChat) -> None:
    ids = {model.id_ for model in client.get_models().data}

    assert {"GigaChat", "GigaChat-2-Max", "GigaChat-3-Ultra", "Embeddings", "GigaFilter"} <= ids
    assert "GigaChat-2-Lite" not in ids
    assert client.get_model("GigaChat-2").id_ == "GigaChat-2"
    with pytest.raises(NotFoundError):
        client.get_model("GigaChat-2-Lite")


@pytest.mark.parametrize(
    ("model", "dim"),
    [("Embeddings", 1024), ("Embeddings-2", 1024), ("EmbeddingsGigaR", 2560), ("GigaEmbeddings-3B-2025-09", 2048)],
)
def test_embeddings(client: GigaChat, model: str, dim: int) -> None:
    first, second, again = client.embeddings(["раз", "два", "раз"], model=model).data

    assert len(first.embedding) == dim
    assert first.embedding == again.embedding != second.embedding
    assert (first.index, second.index, first.usage.prompt_tokens) == (0, 1, 1)


def test_embeddings_limit(client: GigaChat) -> None:
    client.embeddings(["ы" * 514 * 3], model="Embeddings")
    with pytest.raises(RequestEntityTooLargeError, match="413"):
        client.embeddings(["ы" * 515 * 3], model="Embeddings")


def test_tokens_count(client: GigaChat) -> None:
    (row,) = client.tokens_count(["Привет"], model="GigaChat")

    assert (row.tokens, row.characters, row.object_) == (2, 6, "tokens")
    with pytest.raises(ResponseError):
        client.tokens_count(["Привет"], model="GigaChat-2-Lite")


def test_balance(client: GigaChat, sandbox: SandboxServer) -> None:
    assert client.get_balance().balance[0].usage == "GigaChat"

    sandbox.state.settings.pay_as_you_go = True
    with pytest.raises(ResponseError, match="403"):
        client.get_balance()


def test_files(client: GigaChat) -> None:
    stored = client.upload_file(("кот.png", b"png", "image/png"))

    assert (stored.bytes_, stored.purpose, stored.filename) == (3, "general", "кот.png")
    assert client.get_file(stored.id_).id_ == stored.id_
    assert [file.id_ for file in client.get_files().data] == [stored.id_]
    assert base64.b64decode(client.get_image(stored.id_).content) == b"png"
    message = {"role": "user", "content": "Что здесь?", "attachments": [stored.id_]}
    assert "файлов: 1" in client.chat({"messages": [message]}).choices[0].message.content
    assert client.delete_file(stored.id_).deleted
    with pytest.raises(NotFoundError):
        client.get_file(stored.id_)


def test_bytes_without_a_name_are_refused(client: GigaChat) -> None:
    with pytest.raises(BadRequestError, match="400"):
        client.upload_file(b"png")


def test_drawing(client: GigaChat) -> None:
    text = client.chat(chat_body("Нарисуй кота", function_call="auto")).choices[0].message.content

    found = re.search(r'<img src="([^"]+)" fuse="true"/>', text)
    assert found
    assert base64.b64decode(client.get_image(found[1]).content).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kind", "settings", "options", "error"),
    [
        pytest.param("code 6", {"credentials": "YTpi"}, {}, (AuthenticationError, b'{"code":6,'), id="key"),
        pytest.param("code 7", {"scope": "GIGACHAT_API_CORP"}, {}, (BadRequestError, b'{"code":7,'), id="scope"),
        pytest.param("code 5", {}, {"scope": ""}, (BadRequestError, b'{"code":5,'), id="no scope"),
        pytest.param("code 4", {}, {"credentials": "a"}, (BadRequestError, b'{"code":4,'), id="not base64"),
    ],
)
def test_refused_credentials(
    sandbox: SandboxServer,
    kind: str,
    settings: dict[str, str],
    options: dict[str, str],
    error: tuple[type[ResponseError], bytes],
) -> None:
    for name, value in settings.items():
        setattr(sandbox.state.settings, name, value)

    with sdk(sandbox, **options) as client, pytest.raises(error[0]) as caught:
        client.chat("Привет")

    assert (caught.value.content or b"").startswith(error[1])


def test_password_login(sandbox: SandboxServer) -> None:
    sandbox.state.settings.user, sandbox.state.settings.password = "u", "p"

    with sdk(sandbox, credentials=None, user="u", password="p") as client:
        assert client.chat("Привет").choices
    with sdk(sandbox, credentials=None, user="u", password="q") as client, pytest.raises(AuthenticationError):
        client.chat("Привет")


def test_revoked_tokens_are_renewed(client: GigaChat, sandbox: SandboxServer) -> None:
    client.chat("Привет")
    sandbox.state.revoke_tokens()
    client.chat("Привет")

    assert sandbox.state.counters.token_requests == 2
    assert [request["error"] for request in sandbox.state.refusals()] == ["Token has expired"]


def test_short_lived_tokens_are_renewed_ahead(client: GigaChat, sandbox: SandboxServer) -> None:
    sandbox.state.settings.token_lifetime = 30  # The SDK renews 60 seconds ahead.
    client.chat("Привет")
    client.chat("Привет")

    assert sandbox.state.counters.token_requests == 2


def test_static_token(sandbox: SandboxServer) -> None:
    token, _ = sandbox.state.issue_token(lifetime=-1)

    with sdk(sandbox, credentials=None, access_token=token) as client, pytest.raises(AuthenticationError) as caught:
        client.chat("Привет")

    assert caught.value.content == b'{"status":401,"message":"Token has expired"}\n'


def test_refusals_come_through_the_sdk(client: GigaChat) -> None:
    with pytest.raises(UnprocessableEntityError) as caught:
        client.chat(Chat(messages=[], temperature=0))

    assert caught.value.content == (
        b'{"status":422,"message":"Invalid params: temperature must be in range (0, +inf)"}\n'
    )
    with pytest.raises(NotFoundError) as unknown:
        list(client.stream(chat_body(model="GigaChat-2-Lite")))
    assert unknown.value.content == b'{"status":404,"message":"No such model"}\n'


@pytest.mark.parametrize("base", ["/api/v1", "/v1"])
def test_both_bases_serve(sandbox: SandboxServer, base: str) -> None:
    with sdk(sandbox, base_url=sandbox.url + base) as client:
        assert client.chat("Привет").choices
