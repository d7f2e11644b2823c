"""Another model answers where there are no tokens for the one that was asked for (GPT2GIGA_FALLBACK)."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gpt2giga.config.settings import SettingsError
from gpt2giga.config.variables import parse
from gpt2giga.web.answering_model import name_model
from gpt2giga_sandbox.server import SandboxServer
from tests.pictures import data_url, png
from tests.sockets import HELLO
from tests.store.test_usage import over

MAX, PRO, LITE = "GigaChat-2-Max", "GigaChat-2-Pro", "GigaChat-2"
CHAIN = f"{MAX}>{PRO}>{LITE}"
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": HELLO},
    "/v1/completions": {"prompt": "Привет!"},
    "/v1/responses": {"input": "Привет!"},
    "/v1/messages": {"messages": HELLO, "max_tokens": 100},
}
MODEL = re.compile(r'"model": ?"([^"]+)"')
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def client(app_with: Callable[..., Flask], sandbox: SandboxServer) -> FlaskClient:
    """Its account has tokens for the smallest model only."""
    sandbox.state.settings.packages = {"GigaChat": 100_000, "embeddings": 100_000}
    return app_with(GPT2GIGA_FALLBACK=CHAIN, GPT2GIGA_MAX_RETRIES="0").test_client()


def asked(sandbox: SandboxServer) -> list[str]:
    """The models that GigaChat was asked for since this was asked last."""
    models = [str(chat["model"]) for chat in sandbox.state.chats()]
    with sandbox.state.changed:
        sandbox.state._requests.clear()
    return models


def ask(client: FlaskClient, path: str = "/v1/chat/completions", **body: Any) -> TestResponse:
    return client.post(path, json={"model": MAX, **BODIES[path], **body}, buffered=True)


def answered_by(answer: TestResponse) -> str | None:
    return answer.headers.get("X-Gpt2giga-Model")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", BODIES)
def test_the_next_model_answers(client: FlaskClient, sandbox: SandboxServer, path: str, stream: bool) -> None:
    """It goes by the name that was asked for, as with an alias; the header says who it was. What was found used up is
    not asked again."""
    for tried in ([MAX, PRO, LITE], [LITE]):
        answer = ask(client, path, stream=stream)
        assert (answer.status_code, answered_by(answer)) == (200, LITE)
        assert set(MODEL.findall(answer.text)) == {MAX} and "Привет" in answer.text
        assert asked(sandbox) == tried


def test_who_needs_no_other_has_none(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    client = app_with(GPT2GIGA_FALLBACK=CHAIN).test_client()
    for model, answering in ((MAX, MAX), ("gigachat-2-lite", LITE), ("GigaChat-3-Pro", "GigaChat-3-Pro")):
        answer = ask(client, model=model)
        assert answer.get_json()["model"] == model and answered_by(answer) == answering
    assert asked(sandbox) == [MAX, LITE, "GigaChat-3-Pro"]


def test_off_unless_set(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 402})
    client = app_with().test_client()
    refused = ask(client)
    assert refused.status_code == 402 and answered_by(refused) is None
    assert ask(client).status_code == 200 and asked(sandbox) == [MAX, MAX]


def test_requests_without_a_model(client: FlaskClient, sandbox: SandboxServer) -> None:
    answer = client.post("/v1/chat/completions", json={"messages": HELLO})
    assert (answered_by(answer), answer.get_json()["model"]) == (LITE, MAX)


def test_where_clients_cannot_choose(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """GPT2GIGA_PASS_MODEL=False is for the clients, and not for the chain."""
    sandbox.state.settings.packages = {"GigaChat-Pro": 1000}
    client = app_with(GPT2GIGA_FALLBACK=CHAIN, GPT2GIGA_PASS_MODEL="False").test_client()
    answer = ask(client, model="gpt-4o")
    assert (answered_by(answer), answer.get_json()["model"]) == (PRO, "gpt-4o")
    assert asked(sandbox) == [MAX, PRO]
    counted = client.post("/v1/messages/count_tokens", json={"model": "gpt-4o", "messages": HELLO})
    assert counted.status_code == 200
    assert sandbox.state.requests("/tokens/count")[-1]["json"]["model"] == PRO, "it would answer"


@pytest.mark.parametrize("status", [402, 403, 404])
def test_what_is_not_open(client: FlaskClient, sandbox: SandboxServer, status: int) -> None:
    """A 403 may have been about the request, so the next one is tried again."""
    sandbox.state.settings.packages = None
    sandbox.state.script({"status": status})
    assert answered_by(ask(client)) == PRO and asked(sandbox) == [MAX, PRO]
    next_one = MAX if status == 403 else PRO
    assert answered_by(ask(client)) == next_one and asked(sandbox) == [next_one]


@pytest.mark.parametrize("status", [400, 422, 429, 500])
def test_what_another_model_would_not_mend(client: FlaskClient, sandbox: SandboxServer, status: int) -> None:
    sandbox.state.settings.packages = None
    sandbox.state.script({"status": status, "body": {"status": status, "message": "Нет"}})
    assert ask(client).status_code >= 400 and asked(sandbox) == [MAX]
    assert answered_by(ask(client)) == MAX


def test_nothing_is_taken_back(client: FlaskClient, sandbox: SandboxServer) -> None:
    """An error after the first words ends the answer."""
    sandbox.state.settings.packages = None
    chunk = {"choices": [{"delta": {"content": "Да"}, "index": 0}], "model": MAX, "created": 1, "object": "x"}
    sandbox.state.script({"frames": [chunk, {"status": 402, "message": "Payment Required"}]})
    answer = ask(client, stream=True)
    assert "Да" in answer.text and "insufficient_quota" in answer.text and asked(sandbox) == [MAX]


def test_a_refusal_inside_a_stream(client: FlaskClient, sandbox: SandboxServer) -> None:
    sandbox.state.settings.packages = None
    sandbox.state.script({"frames": [{"status": 402, "message": "Payment Required"}]})
    answer = ask(client, stream=True)
    assert answered_by(answer) == PRO and "Привет" in answer.text


def test_when_all_are_used_up(client: FlaskClient, sandbox: SandboxServer) -> None:
    """The error is that of the model that was asked for. Nobody else is asked then."""
    sandbox.state.settings.packages = {}
    for tried in ([MAX, PRO, LITE], [MAX]):
        refused = ask(client)
        assert refused.status_code == 402 and answered_by(refused) is None
        assert refused.get_json()["error"]["code"] == "insufficient_quota"
        assert asked(sandbox) == tried
    assert ask(client, model=LITE).status_code == 402 and asked(sandbox) == [LITE]


def test_the_error_of_the_model_that_was_asked_for(client: FlaskClient, sandbox: SandboxServer) -> None:
    sandbox.state.settings.packages = {"GigaChat-Max": 1000}
    sandbox.state.script({"status": 403, "body": {"status": 403, "message": "Только не Max"}})
    refused = ask(client)
    assert refused.status_code == 403 and "Только не Max" in refused.text and asked(sandbox) == [MAX, PRO, LITE]


def test_pictures_go_to_models_that_see(client: FlaskClient, sandbox: SandboxServer) -> None:
    """Pro does and has tokens; Lite does not, and is not asked."""
    parts = [
        {"type": "text", "text": "Что здесь?"},
        {"type": "image_url", "image_url": {"url": data_url(png(), "image/png")}},
    ]
    seen = {"messages": [{"role": "user", "content": parts}]}
    refused = ask(client, **seen)
    assert refused.status_code == 402 and asked(sandbox) == [MAX, PRO]
    sandbox.state.settings.packages = {"GigaChat-Pro": 1000, "GigaChat": 1000}
    client.application.extensions["accounts"].note_growth("1")
    assert answered_by(ask(client, **seen)) == PRO and asked(sandbox) == [MAX, PRO]
    later = {"messages": [*seen["messages"], {"role": "assistant", "content": "Кот."}, *HELLO]}
    assert answered_by(ask(client, **later)) == PRO, "also those of earlier turns"


def test_recordings_go_to_models_that_hear(client: FlaskClient, sandbox: SandboxServer) -> None:
    """As far as is known: those that see. Another one would make a text up."""
    data = {"model": MAX, "file": (io.BytesIO(b"OggS"), "a.ogg")}
    assert client.post("/v1/audio/transcriptions", data=data).status_code == 402 and asked(sandbox) == [MAX, PRO]
    sound = {"type": "input_audio", "input_audio": {"data": "T2dnUw==", "format": "mp3"}}
    assert ask(client, messages=[{"role": "user", "content": [sound]}]).status_code == 402
    assert LITE not in asked(sandbox)


def test_tools(client: FlaskClient, sandbox: SandboxServer) -> None:
    """Every model that chats takes functions; what GigaChat does by itself not every one."""
    assert answered_by(ask(client, tools=[WEATHER])) == LITE


def test_hosted_tools(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    sandbox.state.settings.packages = {"GigaChat-Pro": 1000, "GigaChat": 1000}
    sandbox.state.settings.character = sandbox.state.settings.character.changed({"v2": True})
    app = app_with(GPT2GIGA_FALLBACK=CHAIN)
    for model in (MAX, LITE):
        app.extensions["accounts"].book.learn(model, "measured", v2=True, hosted=frozenset({"web_search"}))
    search = {"tools": [{"type": "web_search"}], "input": "Новости?"}
    assert answered_by(ask(app.test_client(), "/v1/responses", **search)) == LITE
    assert asked(sandbox) == [MAX, LITE]


def test_other_calls(client: FlaskClient, sandbox: SandboxServer) -> None:
    """Embeddings of another model would spoil an index."""
    sandbox.state.script({"route": "tokens", "status": 403})
    counted = client.post("/v1/responses/input_tokens", json={"model": MAX, "input": "Привет!"})
    assert counted.status_code == 200
    assert [call["json"]["model"] for call in sandbox.state.requests("/tokens/count")] == [MAX, PRO]
    drawn = client.post("/v1/images/generations", json={"model": MAX, "prompt": "Нарисуй кота"})
    assert (drawn.status_code, answered_by(drawn)) == (200, LITE)
    sandbox.state.settings.packages = {}
    assert client.post("/v1/embeddings", json={"input": "a"}).status_code == 402
    assert len(sandbox.state.requests("/embeddings")) == 1


def test_after_ten_minutes_or_a_purchase(
    client: FlaskClient, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [float(int(time.monotonic()))]
    monkeypatch.setattr("gpt2giga.upstream.fallback.time.monotonic", lambda: now[0])
    for passed, tried in ((0, [MAX, PRO, LITE]), (599, [LITE]), (1, [MAX, PRO, LITE])):
        now[0] += passed
        assert answered_by(ask(client)) == LITE and asked(sandbox) == tried
    watch = client.application.extensions["packages"]
    watch.read()
    sandbox.state.settings.packages = {"GigaChat-Max": 1000, "GigaChat": 1_000_000}
    [(_, packages)] = client.application.extensions["accounts"].packages()
    packages._read_at = None
    watch.read()
    assert answered_by(ask(client)) == MAX


def test_the_line_in_the_log_and_usage(
    app_with: Callable[..., Flask], sandbox: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.state.settings.packages = {"GigaChat": 1000}
    client = app_with(GPT2GIGA_FALLBACK=CHAIN).test_client()
    ask(client)
    lines = capsys.readouterr().err
    assert f"model={MAX} stream=false backend=127.0.0.1 answered_by={LITE}" in lines
    assert lines.count("is left alone for ten minutes") == 2
    report = client.get("/ui/usage").get_json()
    assert [(row["model"], row["errors"]) for row in report["models"]] == [(LITE, 0)]


def test_a_name_that_is_no_header(client: FlaskClient) -> None:
    """Whoever answers to it."""
    name = "Привет\r\nX-Evil: 1"
    refused = ask(client, model=name)
    assert refused.status_code == 404 and answered_by(refused) is None
    exchange, response = over(), Response()
    exchange.answered_by("1", name)
    name_model(exchange, response)
    assert "X-Gpt2giga-Model" not in response.headers


def test_a_stream_that_begins_before_anybody_answers() -> None:
    exchange, response = over(), Response()
    exchange.stream = True
    exchange.answered_by("1", MAX)
    name_model(exchange, response)
    assert "X-Gpt2giga-Model" not in response.headers
    exchange.first_ms = 1.0
    name_model(exchange, response)
    assert response.headers["X-Gpt2giga-Model"] == MAX


def test_each_client_with_its_account(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """One account that is used up says nothing of another."""
    client = app_with(GPT2GIGA_FALLBACK=CHAIN, GPT2GIGA_PASS_TOKEN="True").test_client()
    sandbox.state.settings.packages = {"GigaChat-Pro": 1000}
    for name in ("ann", "bob"):
        headers = {"Authorization": f"Bearer giga-cred-{name}:secret"}
        for tried in ([MAX, PRO], [PRO]):
            answer = client.post("/v1/chat/completions", json={"model": MAX, "messages": HELLO}, headers=headers)
            assert answered_by(answer) == PRO and asked(sandbox) == tried


@pytest.mark.parametrize(
    "value, words",
    [
        ("GigaChat-2-Max", "not a chain such as"),
        ("GigaChat-2-Max>", "not a chain such as"),
        (">", "not a chain such as"),
        (",", "not a chain such as"),
        ("A>B>a", "not free of loops: a would stand in for itself"),
        ("A>A", "not free of loops"),
        ("A>B,B>C,C>A", "not free of loops"),
        ("A>B,A>C", "not clear: two chains go on differently behind a"),
    ],
)
def test_settings_that_make_no_sense(value: str, words: str) -> None:
    with pytest.raises(SettingsError, match="GPT2GIGA_FALLBACK: .*" + words):
        parse({"GPT2GIGA_FALLBACK": value})


def test_settings() -> None:
    found = parse({"GPT2GIGA_FALLBACK": " A > B>C, D>B>C ,B>C"}).translation.fallback
    assert found == ("A>B>C", "D>B>C", "B>C")


def test_two_names_of_one_model(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    sandbox.state.settings.packages = {"GigaChat": 1000}
    aliases = {"GPT2GIGA_MODEL_ALIASES": f"big={MAX}", "GPT2GIGA_FALLBACK": f"big>{MAX}>gigachat-2-lite"}
    client = app_with(**aliases).test_client()
    assert answered_by(ask(client, model="big")) == LITE and asked(sandbox) == [MAX, LITE]
