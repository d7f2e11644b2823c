"""GigaChat's tokens in the running service; tests/upstream/test_sdk.py has the rules one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from flask import Flask

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.sockets import eventually, HELLO
from tests.test_cors import CHAT

MANY = 100
WORDS = "Раз два три четыре пять шесть"


@pytest.fixture
def unlimited(service_with: Callable[..., Service], sandbox: SandboxServer) -> Service:
    """No slots and no retries of ours: whatever a token spoils is seen. It has asked already what it asks by itself."""
    service = service_with(
        GPT2GIGA_MAX_CONCURRENCY="0",
        GPT2GIGA_MAX_RETRIES="0",
        GIGACHAT_TIMEOUT="2",
        GIGACHAT_TOKEN_EXPIRY_BUFFER_MS="0",
    )
    assert eventually(lambda: not service.get("/ui/packages").json()["is_asking"])
    sandbox.state.reset()
    return service


def ask(client: openai.OpenAI, stream: bool) -> str | None:
    answer = client.chat.completions.create(model="GigaChat", messages=HELLO, stream=stream)
    return "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content


def all_at_once(service: Service, count: int, rounds: int = 1) -> list[str | None]:
    with service.client() as client, ThreadPoolExecutor(count) as pool:
        calls = [pool.submit(ask, client, number % 2 == 0) for number in range(count * rounds)]
        return [call.result() for call in calls]


def test_revoked_with_a_hundred_requests_in_flight(unlimited: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": WORDS, "delay": 0.2, "frame_delay": 0.05, "times": 2 * MANY})
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(all_at_once, unlimited, MANY, 2)
        assert sandbox.state.wait_for(lambda counters: counters.chat_requests >= MANY // 2)
        before = sandbox.state.counters.token_requests
        sandbox.state.revoke_tokens()
        assert answers.result() == [WORDS] * 2 * MANY
    assert sandbox.state.counters.token_requests - before <= 2


def test_ended_with_a_hundred_requests_in_flight(unlimited: Service, sandbox: SandboxServer) -> None:
    sandbox.state.revoke_tokens()
    sandbox.state.settings.token_lifetime = 0.5
    sandbox.state.script({"text": WORDS})
    all_at_once(unlimited, 1)
    sandbox.state.settings.token_lifetime = 1800
    sandbox.state.script({"text": WORDS, "delay": 0.2, "frame_delay": 0.05, "times": 2 * MANY})
    assert all_at_once(unlimited, MANY, 2) == [WORDS] * 2 * MANY
    assert sandbox.state.counters.token_requests <= 3


def test_a_hanging_oauth_is_waited_for_once(unlimited: Service, sandbox: SandboxServer) -> None:
    """Not by one request after another; and then the service is as good as before."""
    sandbox.state.revoke_tokens()
    sandbox.state.script({"route": "oauth", "delay": 60})
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool, unlimited.client() as client:
        calls = [pool.submit(ask, client, number % 2 == 0) for number in range(20)]
        failures = [call.exception() for call in calls]
    assert time.monotonic() - started < 4
    assert {failure.status_code for failure in failures} == {504}  # type: ignore[union-attr]
    assert all_at_once(unlimited, 1)
    assert sandbox.state.counters.token_requests == 2


def test_a_failing_oauth_is_tried_again(contrary: Service, sandbox: SandboxServer) -> None:
    """By the retries of each request, which would get a remembered failure otherwise."""
    sandbox.state.revoke_tokens()
    sandbox.state.script({"route": "oauth", "status": 500, "delay": 0.2}, {"route": "oauth", "fault": "reset"})
    assert all(all_at_once(contrary, 10))
    # One more where the service has asked for its balance just then.
    assert sandbox.state.counters.token_requests in (3, 4)


def statuses(app: Flask, number: int = 10) -> set[int]:
    """Of so many chats at once."""
    with ThreadPoolExecutor(number) as pool:
        asked = [pool.submit(app.test_client().post, CHAT, json={"messages": HELLO}) for _ in range(number)]
        return {one.result().status_code for one in asked}


def refusals(app: Flask) -> list[dict[str, Any]]:
    bodies = [{"messages": HELLO, "stream": stream} for stream in (False, True)]
    refused = [app.test_client().post(CHAT, json=body) for body in bodies]
    assert [answer.status_code for answer in refused] == [401, 401]
    return [answer.get_json()["error"] for answer in refused]


def test_user_and_password(
    app_with: Callable[..., Flask], sandbox: SandboxServer, capfd: pytest.CaptureFixture[str]
) -> None:
    sandbox.state.settings.user, sandbox.state.settings.password = "kto", "secret-word"
    account = {"GIGACHAT_CREDENTIALS": "", "GIGACHAT_USER": "kto", "GIGACHAT_PASSWORD": "secret-word"}
    app = app_with(GPT2GIGA_MAX_CONCURRENCY="0", **account)
    assert statuses(app) == {200}
    sandbox.state.revoke_tokens()
    assert statuses(app) == {200}
    assert sandbox.state.counters.token_requests == 2
    sandbox.state.settings.password = "another"
    sandbox.state.revoke_tokens()
    told = refusals(app)
    assert {error["code"] for error in told} == {"gigachat_credentials_rejected"}
    assert "secret-word" not in str(told) + capfd.readouterr().err


def test_a_ready_token(
    app_with: Callable[..., Flask], sandbox: SandboxServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is not renewed, and its end is told honestly."""
    token = sandbox.state.issue_token()[0]
    app = app_with(GIGACHAT_CREDENTIALS="", GIGACHAT_ACCESS_TOKEN=token)
    assert statuses(app, 2) == {200}
    sandbox.state.revoke_tokens()
    told = refusals(app)
    assert {error["code"] for error in told} == {"gigachat_credentials_rejected"}
    assert all("GIGACHAT_ACCESS_TOKEN" in error["message"] for error in told)
    assert token not in str(told) + capfd.readouterr().err
    assert sandbox.state.counters.token_requests == 0
