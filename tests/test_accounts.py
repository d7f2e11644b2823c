"""GPT2GIGA_PASS_TOKEN: every client brings its own account, and the service's own never stands in."""

from __future__ import annotations

import base64
import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from flask import Flask

from gpt2giga.upstream.pool.accounts import MOST
from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.asking import STREAMED
from tests.service import OWN_ACCOUNT, Service
from tests.sockets import eventually

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Привет!"}]


def encoded(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


@pytest.fixture
def name() -> str:
    """Of an account that no other test has used."""
    return "client-" + os.urandom(4).hex()  # with a dash: no base64 by chance


def chat(service: Service, key: str, **options: Any) -> str:
    with service.client(api_key=key) as client:
        answer = client.chat.completions.create(model="GigaChat", messages=HELLO, **options)
        if options.get("stream"):
            return "".join(chunk.choices[0].delta.content or "" for chunk in answer)
        return str(answer.choices[0].message.content)


def authorizations(sandbox: SandboxServer, path: str) -> list[str]:
    return [request["headers"]["authorization"] for request in sandbox.state.requests(path)]


@pytest.mark.parametrize("scope", ["", ":GIGACHAT_API_PERS", ":GIGACHAT_API_B2B", ":GIGACHAT_API_CORP"])
def test_a_key_with_and_without_a_scope(passing: Service, sandbox: SandboxServer, name: str, scope: str) -> None:
    sandbox.state.settings.credentials = encoded(f"{name}:secret")
    sandbox.state.settings.scope = scope[1:] or "GIGACHAT_API_PERS"
    assert chat(passing, f"giga-cred-{encoded(f'{name}:secret')}{scope}")
    assert authorizations(sandbox, "/oauth") == [f"Basic {encoded(f'{name}:secret')}"]


def test_client_id_and_secret(passing: Service, sandbox: SandboxServer, name: str) -> None:
    sandbox.state.settings.credentials = encoded(f"{name}:secret")
    assert chat(passing, f"giga-cred-{name}:secret")
    sandbox.state.settings.scope = "GIGACHAT_API_B2B"
    assert chat(passing, f"giga-cred-{name}:secret:GIGACHAT_API_B2B")


def test_a_token(passing: Service, sandbox: SandboxServer) -> None:
    token, _ = sandbox.state.issue_token()
    assert chat(passing, f"giga-auth-{token}", stream=True)
    assert {*authorizations(sandbox, "")} == {f"Bearer {token}"}


def test_user_and_password(passing: Service, sandbox: SandboxServer, name: str) -> None:
    """The password may hold colons and letters of any language."""
    sandbox.state.settings.user, sandbox.state.settings.password = name, "пароль:1"
    header = f"X-Api-Key: giga-user-{name}:пароль:1"
    assert (
        raw.exchange(passing.port, CHAT, header, body=b'{"messages": [{"role": "user", "content": "a"}]}').status == 200
    )
    assert authorizations(sandbox, "/token") == [f"Basic {encoded(f'{name}:пароль:1')}"]


KEY = encoded("id:secret")
REFUSED = [
    "",
    "unused",
    "sk-1234567890",
    KEY,
    f"Giga-Cred-{KEY}",
    f"GIGA-CRED-{KEY}",
    f"giga-cred{KEY}",
    f"giga_cred_{KEY}",
    f"giga-key-{KEY}",
    "giga-cred-",
    "giga-cred-:",
    "giga-cred-id:",
    "giga-cred-:secret",
    "giga-cred-not base64",
    "giga-cred-GIGACHAT_API_PERS",
    "giga-cred-:GIGACHAT_API_PERS",
    f"giga-cred-{encoded(':')}",
    f"giga-cred-{encoded('no colon')}",
    f"giga-cred-{KEY}:",
    f"giga-cred-{KEY}:GIGACHAT_API_ALL",
    f"giga-cred-{KEY}:gigachat_api_pers",
    "giga-auth-",
    "giga-auth-ключ",
    "GIGA-AUTH-token",
    "giga-user-",
    "giga-user-name",
    "giga-user-name:",
    "giga-user-:password",
    "giga-user-:",
    "Giga-User-name:password",
]


@pytest.mark.parametrize("header", ["Authorization: Bearer ", "X-Api-Key: ", "Authorization: Basic "])
def test_anything_else_is_refused_and_nobody_is_asked(passing: Service, sandbox: SandboxServer, header: str) -> None:
    for key in REFUSED:
        answer = raw.exchange(passing.port, CHAT, header + key, body=b'{"messages": []}')
        assert (answer.status, answer.error["code"]) == (401, "invalid_api_key"), key
    assert sandbox.state.requests() == []


@pytest.mark.parametrize("path", ["/ready", "/v1/models", "/v1/embeddings", "/v1/files", "/nothing"])
def test_no_key_opens_nothing(passing: Service, sandbox: SandboxServer, path: str) -> None:
    for method in ("GET", "POST"):
        response = passing.request(method, path)
        assert response.status_code == 401 and "giga-cred-<key>" in response.json()["error"]["message"]
    assert passing.get("/health").status_code == 200
    assert sandbox.state.requests() == []


def test_the_own_account_is_never_used(passing: Service, sandbox: SandboxServer, name: str) -> None:
    """Not even while the client's account is refused, or its token has run out."""
    sandbox.state.settings.credentials = OWN_ACCOUNT
    sandbox.state.settings.user = "own-user"
    for key in (f"giga-cred-{name}:secret", f"giga-auth-{name}", f"giga-user-{name}:password"):
        with pytest.raises(openai.AuthenticationError) as caught:
            chat(passing, key)
        assert caught.value.code == "invalid_api_key" and "your API key" in caught.value.message
        assert "GIGACHAT_" not in caught.value.message and "GPT2GIGA_" not in caught.value.message
    used = authorizations(sandbox, "")
    assert used and not any(
        own in header for header in used for own in (OWN_ACCOUNT, "own-token", encoded("own-user:own-password"))
    )
    log = passing.log.read_text()
    assert f"{name}:secret" not in log and f"giga-auth-{name}" not in log and "own-token" not in log


def test_a_refused_account_hears_why_and_the_service_is_not_blamed(
    passing: Service, sandbox: SandboxServer, name: str
) -> None:
    """A client's mistake is none that the log has to say how to mend."""
    sandbox.state.script({"route": "oauth", "status": 401, "body": {"code": 6, "message": "doesn't match db data"}})
    keys = {f"giga-cred-{name}:secret": "doesn't match db data", f"giga-auth-{name}": "Unauthorized"}
    for key, words in keys.items():
        with pytest.raises(openai.AuthenticationError, match=words):
            chat(passing, key)
    log = passing.log.read_text()
    assert "ERROR" not in log and "GIGACHAT_" not in log


def test_each_account_has_its_own_token_and_models(passing: Service, sandbox: SandboxServer, name: str) -> None:
    keys = [f"giga-cred-{name}{number}:secret" for number in range(3)]
    for key in keys * 2:
        response = passing.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
        assert response.status_code == 200
    assert authorizations(sandbox, "/oauth") == [f"Basic {encoded(key[10:])}" for key in keys]
    assert len(set(authorizations(sandbox, "/models"))) == len(authorizations(sandbox, "/models")) == 3


def test_each_account_has_its_own_slots(passing: Service, sandbox: SandboxServer, name: str) -> None:
    first, second = (f"giga-cred-{name}{number}:secret" for number in (1, 2))
    sandbox.state.script({"text": "Раз два три", "hang_after": 1})
    with (
        passing.client(api_key=first) as client,
        client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True) as stream,
    ):
        next(stream)
        assert chat(passing, second)
        with pytest.raises(openai.RateLimitError):
            chat(passing, first)


def crowd(service: Service, sandbox: SandboxServer, name: str) -> None:
    """As many accounts as the service keeps, each with a connection to GigaChat."""
    sandbox.state.settings.oauth_per_second = None
    for number in range(MOST):
        key = f"giga-cred-{name}crowd{number}:secret"
        assert service.get("/v1/models", headers={"X-Api-Key": key}).status_code == 200


def test_the_number_of_accounts_is_bounded(passing: Service, sandbox: SandboxServer, name: str) -> None:
    first = {"X-Api-Key": f"giga-cred-{name}:secret"}
    for _ in range(2):
        passing.get("/v1/models", headers=first)
    assert len(authorizations(sandbox, "/oauth")) == 1
    crowd(passing, sandbox, name)
    passing.get("/v1/models", headers=first)
    assert len(authorizations(sandbox, "/oauth")) == 1 + MOST + 1, "it had to make room"


def test_an_account_that_makes_room_closes_its_connections(
    app_with: Callable[..., Flask], sandbox: SandboxServer, name: str
) -> None:
    """Not only their descriptors: a socket that is left to the garbage collector is a warning, and so a failure."""
    sandbox.state.settings.oauth_per_second = None
    client = app_with(GPT2GIGA_PASS_TOKEN="True").test_client()
    for number in range(MOST + 2):
        key = f"giga-cred-{name}{number}:secret"
        assert client.get("/v1/models", headers={"X-Api-Key": key}).status_code == 200
    gc.collect()


def test_made_up_accounts_push_out_none_that_gigachat_knows(
    passing: Service, sandbox: SandboxServer, name: str
) -> None:
    real = {"X-Api-Key": f"giga-cred-{name}:secret"}
    assert passing.get("/v1/models", headers=real).status_code == 200
    for number in range(MOST + 1):
        made_up = {"X-Api-Key": f"giga-auth-{name}{number}"}
        assert passing.get("/ready", headers=made_up).status_code == 503
    assert passing.get("/v1/models", headers=real).status_code == 200
    assert len(authorizations(sandbox, "/oauth")) == 1, "it kept its token"


def descriptors(service: Service) -> int:
    """Of the worker."""
    pid = service.process.pid
    [worker] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return len([*Path(f"/proc/{worker}/fd").iterdir()])


SOON = {"Retry-After": "0.01"}
NOT_KNOWN = {
    "refused": ({}, openai.AuthenticationError),
    "too many": ({"status": 429, "headers": SOON}, openai.RateLimitError),
    "failing": ({"status": 503, "headers": SOON}, openai.InternalServerError),
}


@STREAMED
@pytest.mark.parametrize("step, error", NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_an_account_that_gigachat_does_not_know_leaves_nothing(
    passing: Service, sandbox: SandboxServer, name: str, step: dict[str, Any], error: type[Exception], stream: bool
) -> None:
    """No files on the disk, and none that are open: anybody can make up accounts. Usage is counted, but not by account;
    the database is there from the first request on."""
    passing.post("/v1/embeddings", {"input": "a"})
    assert eventually(lambda: [*(passing.folder / "state").glob("*-wal")])
    files, opened = {*passing.folder.iterdir()}, descriptors(passing)
    token = sandbox.state.issue_token()[0] if step else name
    for key in (f"giga-auth-{token}", f"giga-cred-{name}:secret", f"giga-user-{name}:password"):
        if step:
            sandbox.state.script({"route": "models" if "auth" in key else "oauth", "times": 20, **step})
        else:
            sandbox.state.settings.credentials, sandbox.state.settings.user = OWN_ACCOUNT, "own-user"
        with pytest.raises(error):
            chat(passing, key, stream=stream)
        passing.get("/ready", headers={"X-Api-Key": key})
        passing.post("/v1/embeddings", {"input": "a"}, headers={"X-Api-Key": f"{key}-" if "auth" in key else key})
        with pytest.raises(error):
            chat(passing, key, stream=stream)
        assert sandbox.state.chats() == []
        sandbox.state.reset()
    assert {*passing.folder.iterdir()} == files, "it stood in a line of its own"
    assert raw.wait_until(lambda: descriptors(passing) <= opened)


def test_an_account_that_may_not_list_models_may_chat(passing: Service, sandbox: SandboxServer, name: str) -> None:
    sandbox.state.script({"route": "models", "status": 403})
    assert chat(passing, f"giga-cred-{name}:secret")


def test_an_account_that_makes_room_finishes_its_streams(passing: Service, sandbox: SandboxServer, name: str) -> None:
    sandbox.state.settings.hold_after = 1
    sandbox.state.script({"text": "Раз два три четыре пять шесть семь"})
    texts: list[str] = []
    running = threading.Thread(target=lambda: texts.append(chat(passing, f"giga-cred-{name}:secret", stream=True)))
    running.start()
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    for number in range(MOST):
        passing.post(CHAT, headers={"X-Api-Key": f"giga-auth-{name}{number}"}, data=b"{")
    assert sandbox.state.counters.open_streams == 1, "the stream was over before its account had to make room"
    sandbox.state.settings.hold_after = None
    running.join()
    assert texts == ["Раз два три четыре пять шесть семь"]
