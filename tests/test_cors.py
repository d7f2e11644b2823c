"""What browsers are told of the origins that may call: those of this machine, and GPT2GIGA_CORS_ORIGINS."""

from __future__ import annotations

import pytest
import requests

from tests.service import Service

CHAT = "/v1/chat/completions"
OURS = "https://app.example"
EVIL = "https://evil.example"
BODY = {"messages": [{"role": "user", "content": "Привет!"}]}
# What the `openai` SDK for browsers announces before its request.
HEADERS = "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-retry-count,x-stainless-timeout"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": HEADERS}


def told(response: requests.Response) -> dict[str, str]:
    found = {name: value for name, value in response.headers.items() if name.startswith("Access-Control-")}
    assert "Access-Control-Allow-Credentials" not in found
    return found


def preflight(service: Service, origin: str) -> requests.Response:
    return service.request("OPTIONS", CHAT, headers={"Origin": origin, **PREFLIGHT})


@pytest.mark.parametrize("origin", [OURS, "null"])
def test_by_default_pages_of_other_machines_are_told_nothing(service: Service, origin: str) -> None:
    for response in (preflight(service, origin), service.get("/v1/models", headers={"Origin": origin})):
        assert response.status_code == 200 and told(response) == {}
        assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [OURS, "http://localhost:3000", "app://obsidian.md"])
def test_a_preflight_needs_no_key(guarded: Service, origin: str) -> None:
    response = preflight(guarded, origin)
    assert response.status_code == 200 and response.content == b""
    found = told(response)
    assert found["Access-Control-Allow-Origin"] == origin and found["Access-Control-Max-Age"]
    assert found["Access-Control-Allow-Headers"] == HEADERS and "POST" in found["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer(guarded: Service, stream: bool) -> None:
    headers = {"Origin": OURS, "Authorization": "Bearer first-key"}
    response = guarded.post(CHAT, {**BODY, "stream": stream}, headers=headers)
    assert response.status_code == 200
    assert told(response) == {"Access-Control-Allow-Origin": OURS, "Access-Control-Expose-Headers": "*"}
    assert response.headers["Vary"] == "Origin"


ERRORS = {
    401: ("POST", CHAT, {"Authorization": "Bearer wrong"}, b"{}"),
    400: ("POST", CHAT, {"Authorization": "Bearer first-key"}, b"{"),
    404: ("GET", "/v1/nothing", {"Authorization": "Bearer first-key"}, b""),
    405: ("DELETE", CHAT, {"Authorization": "Bearer first-key"}, b""),
    413: ("POST", CHAT, {"Authorization": "Bearer first-key"}, b" " * 1001),
}


@pytest.mark.parametrize("status", ERRORS)
def test_errors_can_be_read_too(guarded: Service, status: int) -> None:
    """Else a page learns no more than that something failed."""
    method, path, headers, data = ERRORS[status]
    response = guarded.request(method, path, headers={"Origin": OURS, **headers}, data=data)
    assert response.status_code == status and response.json()["error"]["message"]
    assert told(response)["Access-Control-Allow-Origin"] == OURS


@pytest.mark.parametrize("origin", [EVIL, "https://app.example.evil", "null", "http://app.example"])
def test_other_origins_are_told_nothing(guarded: Service, origin: str) -> None:
    for response in (preflight(guarded, origin), guarded.get("/health", headers={"Origin": origin})):
        assert told(response) == {}
        assert response.headers["Vary"] == "Origin", "caches must not give one origin's answer to another"


def test_all_origins(contrary: Service) -> None:
    for origin in (OURS, "null"):
        assert told(preflight(contrary, origin))["Access-Control-Allow-Origin"] == "*"
        assert told(contrary.post(CHAT, BODY, headers={"Origin": origin}))["Access-Control-Allow-Origin"] == "*"
    assert told(contrary.get("/health")) == {}, "no browser asks"
