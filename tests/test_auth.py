"""GPT2GIGA_API_KEY: who may come in, over the running service."""

from __future__ import annotations

import openai
import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests import raw
from tests.service import KEYS, Service

HELLO = [{"role": "user", "content": "Привет!"}]
ROUTES = ["/ready", "/models", "/models/GigaChat-2", "/chat/completions", "/embeddings"]


GOOD = [
    "Authorization: Bearer first-key",
    "authorization: bearer first-key",
    "AUTHORIZATION: BEARER   third=key+/  ",
    "Authorization: Bearer ключ",
    "Authorization: first-key",
    "authorization:   third=key+/ ",
    "Authorization: Bearer Bearer first-key",
    "x-api-key: first-key",
    "X-API-KEY:third=key+/",
    "X-Api-Key: ключ",
]


@pytest.mark.parametrize("header", GOOD)
def test_each_key_opens_in_either_header(guarded: Service, header: str) -> None:
    assert raw.exchange(guarded.port, "/v1/models", header, method="GET").status == 200


def test_an_empty_bearer_does_not_hide_the_other_header(guarded: Service) -> None:
    both = ("Authorization: Bearer ", "X-Api-Key: first-key")
    assert raw.exchange(guarded.port, "/v1/models", *both, method="GET").status == 200


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
    "no scheme, wrong": ["Authorization: wrong-key"],
    "no scheme, two words": ["Authorization: key first-key"],
    "another scheme": ["Authorization: Basic first-key"],
    "wrong bearer, good key": ["Authorization: Bearer wrong", "X-Api-Key: first-key"],
    "not ASCII": ["Authorization: Bearer ключи"],
    "not UTF-8": [b"Authorization: Bearer \xff\xfe"],
    "underscores": ["X_Api_Key: first-key"],
    "a cookie": ["Cookie: api_key=first-key"],
}


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD)
def test_no_other_key_opens(guarded: Service, sandbox: SandboxServer, headers: list[str | bytes]) -> None:
    answer = raw.exchange(guarded.port, "/v1/chat/completions", *headers, body=b'{"messages": []}')
    assert answer.status == 401
    assert (answer.error["type"], answer.error["code"]) == ("authentication_error", "invalid_api_key")
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["X-Request-ID"]
    assert "first" not in answer.error["message"]
    assert sandbox.state.requests() == []


def test_a_key_in_the_address_does_not_open(guarded: Service) -> None:
    for name in ("api_key", "api-key", "key", "token", "x-api-key", "Authorization"):
        assert guarded.get("/v1/models", params={name: "first-key"}).status_code == 401


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize("path", [*ROUTES, "/nothing", "/"])
def test_everything_else_is_closed(guarded: Service, sandbox: SandboxServer, prefix: str, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "PUT"):
        response = guarded.request(method, prefix + path)
        assert response.status_code == 401 and response.json()["error"]["code"] == "invalid_api_key"
    assert sandbox.state.requests() == []


@pytest.mark.parametrize("path", ["/health", "/health/", "/v1/health", "/v1/health/"])
def test_health_is_open_and_tells_nothing(guarded: Service, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong-key"}):
        response = guarded.get(path, headers=headers)
        assert response.status_code == 200 and set(response.json()) == {"status", "version", "backend"}
    assert guarded.request("HEAD", path).status_code == 200
    assert guarded.post(path).status_code == 401


def test_options_needs_no_key_and_does_nothing(guarded: Service, sandbox: SandboxServer) -> None:
    for path in ROUTES:
        response = guarded.request("OPTIONS", f"/v1{path}")
        assert response.status_code == 200 and response.content == b""
    assert sandbox.state.requests() == []


def test_the_openai_client(guarded: Service) -> None:
    with guarded.client(api_key="first-key") as client:
        assert client.chat.completions.create(model="GigaChat", messages=HELLO).choices
        assert list(client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True))
    with guarded.client(api_key="wrong-key") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True)
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("header", ["Authorization: Bearer not-needed", "X-Api-Key: 0", "Authorization: Basic x"])
def test_without_a_key_in_the_settings_any_is_ignored(service: Service, header: str) -> None:
    assert raw.exchange(service.port, "/v1/models", header, method="GET").status == 200
