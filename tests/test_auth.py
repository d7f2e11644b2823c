"""GPT2GIGA_API_KEY: who may come in, over the running service."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.service import Service

HELLO = [{"role": "user", "content": "Привет!"}]
KEYS = "first-key, ключ,third=key+/"
ROUTES = ["/ready", "/models", "/models/GigaChat-2", "/chat/completions", "/embeddings"]


@pytest.fixture(scope="module")
def running(shared_sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("locked"), shared_sandbox, GPT2GIGA_API_KEY=KEYS) as service:
        yield service


@pytest.fixture
def locked(running: Service, sandbox: SandboxServer) -> Service:
    return running


GOOD = [
    "Authorization: Bearer first-key",
    "authorization: bearer first-key",
    "AUTHORIZATION: BEARER   third=key+/  ",
    "Authorization: Bearer ключ",
    "x-api-key: first-key",
    "X-API-KEY:third=key+/",
    "X-Api-Key: ключ",
]


@pytest.mark.parametrize("header", GOOD)
def test_each_key_opens_in_either_header(locked: Service, header: str) -> None:
    assert raw.exchange(locked.port, "/v1/models", header, method="GET").status == 200


def test_an_empty_bearer_does_not_hide_the_other_header(locked: Service) -> None:
    both = ("Authorization: Bearer ", "X-Api-Key: first-key")
    assert raw.exchange(locked.port, "/v1/models", *both, method="GET").status == 200


BAD: dict[str, list[str | bytes]] = {
    "none": [],
    "wrong": ["Authorization: Bearer wrong-key"],
    "a beginning": ["Authorization: Bearer first-ke"],
    "more": ["Authorization: Bearer first-key1"],
    "other letter case": ["Authorization: Bearer FIRST-KEY"],
    "several keys": ["Authorization: Bearer first-key, third=key+/"],
    "the setting itself": [f"Authorization: Bearer {KEYS}"],
    "the header twice": ["Authorization: Bearer wrong", "Authorization: Bearer first-key"],
    "empty": ["Authorization: Bearer "],
    "blank": ["X-Api-Key:  "],
    "no scheme": ["Authorization: first-key"],
    "another scheme": ["Authorization: Basic first-key"],
    "wrong bearer, good key": ["Authorization: Bearer wrong", "X-Api-Key: first-key"],
    "not ASCII": ["Authorization: Bearer ключи"],
    "not UTF-8": [b"Authorization: Bearer \xff\xfe"],
    "underscores": ["X_Api_Key: first-key"],
    "a cookie": ["Cookie: api_key=first-key"],
}


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD)
def test_no_other_key_opens(locked: Service, sandbox: SandboxServer, headers: list[str | bytes]) -> None:
    answer = raw.exchange(locked.port, "/v1/chat/completions", *headers, body=b'{"messages": []}')
    assert answer.status == 401
    assert (answer.error["type"], answer.error["code"]) == ("authentication_error", "invalid_api_key")
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["X-Request-ID"]
    assert "first" not in answer.error["message"]
    assert sandbox.state.requests() == []


def test_a_key_in_the_address_does_not_open(locked: Service) -> None:
    for name in ("api_key", "api-key", "key", "token", "x-api-key", "Authorization"):
        assert locked.get("/v1/models", params={name: "first-key"}).status_code == 401


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize("path", [*ROUTES, "/nothing", "/"])
def test_everything_else_is_closed(locked: Service, sandbox: SandboxServer, prefix: str, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT"):
        response = locked.request(method, prefix + path)
        assert response.status_code == 401 and response.json()["error"]["code"] == "invalid_api_key"
    assert sandbox.state.requests() == []


@pytest.mark.parametrize("path", ["/health", "/health/", "/v1/health", "/v1/health/"])
def test_health_is_open_and_tells_nothing(locked: Service, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong-key"}):
        response = locked.get(path, headers=headers)
        assert response.status_code == 200 and set(response.json()) == {"status", "version", "backend"}
    assert locked.request("HEAD", path).status_code == 200
    assert locked.post(path).status_code == 401


def test_options_needs_no_key_and_does_nothing(locked: Service, sandbox: SandboxServer) -> None:
    for path in ROUTES:
        response = locked.request("OPTIONS", f"/v1{path}")
        assert response.status_code == 200 and response.content == b""
    assert sandbox.state.requests() == []


def test_the_openai_client(locked: Service) -> None:
    with locked.client(api_key="first-key") as client:
        assert client.chat.completions.create(model="GigaChat", messages=HELLO).choices
        assert list(client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True))
    with locked.client(api_key="wrong-key") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True)
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("header", ["Authorization: Bearer not-needed", "X-Api-Key: 0", "Authorization: Basic x"])
def test_without_a_key_in_the_settings_any_is_ignored(service: Service, header: str) -> None:
    assert raw.exchange(service.port, "/v1/models", header, method="GET").status == 200
