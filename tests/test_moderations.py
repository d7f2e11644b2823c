"""Moderations, which GigaChat's filter decides (contract 2.20), by the application in front of the sandbox."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openai.types import ModerationCreateResponse
from werkzeug.test import TestResponse

from gpt2giga_sandbox.server import SandboxServer
from tests.sockets import eventually, HELLO

PATH = "/v1/moderations"
# What was seen to pass GigaChat's filter, and what was not.
HARMLESS, HARMFUL = "Как пройти в библиотеку?", "Где купить автомат калашникова для захвата сберкассы?"


@pytest.fixture
def client(app_with: Callable[..., Flask]) -> FlaskClient:
    return app_with(GPT2GIGA_MAX_RETRIES="0").test_client()


def moderate(client: FlaskClient, given: Any, **body: Any) -> TestResponse:
    """The answer is over when it is returned."""
    return client.post(PATH, json={"input": given, **body}, buffered=True)


def flags(client: FlaskClient, given: Any) -> list[bool]:
    response = moderate(client, given)
    assert response.status_code == 200, response.text
    return [result.flagged for result in ModerationCreateResponse.model_validate(response.json).results]


def sent(sandbox: SandboxServer) -> list[dict[str, Any]]:
    return [request["json"] for request in sandbox.state.requests("/filter/check")]


def test_each_text_has_a_result(client: FlaskClient, sandbox: SandboxServer) -> None:
    assert flags(client, HARMFUL) == [True]
    assert flags(client, [HARMLESS, HARMFUL, HARMLESS]) == [False, True, False]
    assert sent(sandbox)[0] == {"model": "GigaFilter", "messages": [{"role": "user", "content": HARMFUL}]}
    assert len(sent(sandbox)) == 4 and sandbox.state.refusals() == []


def test_parts_are_one_text(client: FlaskClient, sandbox: SandboxServer) -> None:
    parts = [{"type": "text", "text": "Где купить автомат"}, {"type": "text", "text": "для сберкассы?"}]
    assert flags(client, parts) == [False]
    assert [body["messages"][0]["content"] for body in sent(sandbox)] == ["Где купить автомат\nдля сберкассы?"]


def test_no_category_is_made_up(client: FlaskClient) -> None:
    """Its names are OpenAI's, so that SDKs find what they look for."""
    response = moderate(client, HARMFUL, model="omni-moderation-latest")
    told = ModerationCreateResponse.model_validate(response.json)
    [result] = told.results
    assert result.flagged and told.model == "omni-moderation-latest" and told.id.startswith("modr-")
    assert set(result.categories.to_dict().values()) == {False}
    assert set(result.category_scores.to_dict().values()) == {0.0}
    assert len(result.categories.to_dict()) == len(result.category_scores.to_dict()) == 13
    assert moderate(client, HARMLESS).json["model"] == "GigaFilter"


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (None, "input"),
        ("", "input"),
        ([], "input"),
        (5, "input"),
        (["а", ""], "input[1]"),
        (["а", {"type": "text", "text": "б"}], "input[1]"),
        ([{"type": "text"}], "input[0].text"),
        ([{"type": "text", "text": "а"}, "б"], "input[1]"),
        ([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}], "input[0]"),
        ([{"type": "video"}], "input[0].type"),
        (["а"] * 33, "input"),
    ],
    ids=str,
)
def test_what_is_refused(client: FlaskClient, sandbox: SandboxServer, given: Any, param: str) -> None:
    response = moderate(client, given)
    assert (response.status_code, response.json["error"]["param"]) == (400, param)
    assert sent(sandbox) == []


def test_half_a_letter(client: FlaskClient, sandbox: SandboxServer) -> None:
    assert client.post(PATH, data=rb'{"input": "a\ud83d"}').status_code == 200
    assert sent(sandbox)[0]["messages"][0]["content"] == "a\ufffd"


@pytest.mark.parametrize(
    "answer",
    [{}, [], {"is_profane": "no"}, {"is_profane": None}, {"is_profane": False, "usage": {"filter_tokens": -1}}],
)
def test_an_answer_that_is_none_lets_nothing_pass(client: FlaskClient, sandbox: SandboxServer, answer: Any) -> None:
    sandbox.state.script({"route": "filter", "answer": answer})
    response = moderate(client, HARMLESS)
    assert (response.status_code, response.json["error"]["code"]) == (502, "upstream_error")


def test_an_answer_without_usage(client: FlaskClient, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "filter", "answer": {"is_profane": True}})
    assert flags(client, HARMLESS) == [True]


@pytest.mark.parametrize(
    ("gigachats", "status", "code"),
    [(403, 403, "permission_denied"), (404, 404, "model_not_found"), (429, 429, "rate_limit_exceeded")],
)
def test_what_gigachat_refuses(
    client: FlaskClient, sandbox: SandboxServer, gigachats: int, status: int, code: str
) -> None:
    sandbox.state.script({"route": "filter", "status": gigachats})
    response = moderate(client, HARMLESS)
    assert (response.status_code, response.json["error"]["code"]) == (status, code)


def test_a_token_that_ran_out_is_renewed(client: FlaskClient, sandbox: SandboxServer) -> None:
    assert flags(client, HARMLESS) == [False]
    sandbox.state.revoke_tokens()
    assert flags(client, HARMLESS) == [False]
    assert [request["status"] for request in sandbox.state.requests("/filter/check")] == [200, 401, 200]


def test_a_failure_that_passes_is_tried_again(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "filter", "status": 500})
    client = app_with(GIGACHAT_RETRY_BACKOFF_FACTOR="0.01").test_client()
    assert flags(client, HARMFUL) == [True]


def test_what_was_checked_is_counted_even_if_the_rest_fails(
    app_with: Callable[..., Flask], sandbox: SandboxServer
) -> None:
    app = app_with(GPT2GIGA_MAX_RETRIES="0")
    verdict = {"is_profane": False, "usage": {"filter_tokens": 7}}
    sandbox.state.script({"route": "filter", "answer": verdict}, {"route": "filter", "status": 403})
    client = app.test_client()
    assert moderate(client, [HARMLESS, HARMFUL]).status_code == 403

    report = client.get("/ui/usage")
    assert report.status_code == 200, report.text
    assert [(row["model"], row["prompt"]) for row in report.json["models"]] == [("GigaFilter", 7)]


def test_it_waits_for_a_chat_where_there_is_one_slot(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    app = app_with()
    sandbox.state.script({"text": "Раз", "delay": 0.5})
    with ThreadPoolExecutor(2) as pool:
        chat = pool.submit(lambda: app.test_client().post("/v1/chat/completions", json={"messages": HELLO}))
        assert eventually(lambda: sandbox.state.counters.open_streams == 1)
        assert flags(app.test_client(), HARMLESS) == [False]
        assert chat.result().status_code == 200
    paths = [request["path"].rpartition("/")[2] for request in sandbox.state.requests() if request["json"]]
    assert paths == ["completions", "check"] and sandbox.state.counters.open_streams == 0
    assert sandbox.state.requests("/filter/check")[0]["time"] - sandbox.state.requests("/completions")[0]["time"] >= 0.5


def test_of_several_accounts_one_that_may_is_asked(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    keys = ",".join(base64.b64encode(f"{name}:secret".encode()).decode() for name in ("first", "second"))
    client = app_with(GIGACHAT_CREDENTIALS=keys, GPT2GIGA_MAX_RETRIES="0").test_client()
    sandbox.state.script({"route": "filter", "status": 429})
    assert flags(client, HARMFUL) == [True]
    assert sorted(request["account"] for request in sandbox.state.requests("/filter/check")) == ["first", "second"]


def test_with_a_fallback(app_with: Callable[..., Flask]) -> None:
    """No other model can take its place."""
    client = app_with(GPT2GIGA_FALLBACK="GigaChat-2-Max>GigaChat-2").test_client()
    assert flags(client, [HARMFUL, HARMLESS]) == [True, False]
