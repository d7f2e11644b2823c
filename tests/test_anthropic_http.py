"""The edge of the Messages API: routes, headers, the shape of errors, and signs of life."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.message_events import accumulate, events
from tests.service import Service

HELLO = [{"role": "user", "content": "Привет!"}]
ASK: dict[str, Any] = {"model": "claude-test", "max_tokens": 100, "messages": HELLO}
VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/", "/messages", "/v1/messages?beta=true"])
def test_paths(service: Service, path: str) -> None:
    assert service.post(path, ASK).json()["type"] == "message"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/"])
def test_claude_code_looks_whether_anybody_is_there(service: Service, sandbox: SandboxServer, path: str) -> None:
    assert service.request("HEAD", path).status_code == service.get(path).status_code == 200
    assert sandbox.state.requests() == []


def test_request_id(service: Service) -> None:
    response = service.post("/v1/messages", ASK, headers={"X-Request-ID": "abc-1"})
    assert response.headers["request-id"] == response.headers["X-Request-ID"] == "abc-1"
    assert "request-id" not in service.get("/health").headers


ERRORS: list[tuple[str, str, dict[str, str], int, str]] = [
    ("GET", "/v1/messages", {}, 405, "invalid_request_error"),
    ("POST", "/v1/messages/nothing", {}, 404, "not_found_error"),
    ("GET", "/v1/nothing", VERSION, 404, "not_found_error"),
    ("GET", "/v1/models/nothing", VERSION, 404, "not_found_error"),
    ("POST", "/v1/messages", {}, 400, "invalid_request_error"),
    ("POST", "/v1/messages/count_tokens", {}, 400, "invalid_request_error"),
]


@pytest.mark.parametrize("method, path, headers, status, kind", ERRORS)
def test_errors_have_anthropics_shape(
    service: Service, method: str, path: str, headers: dict[str, str], status: int, kind: str
) -> None:
    check_error(service.request(method, path, headers=headers), status, kind)


def check_error(response: Any, status: int, kind: str) -> None:
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"type", "error", "request_id"} and body["type"] == "error"
    assert set(body["error"]) == {"type", "message"} and body["error"]["type"] == kind and body["error"]["message"]
    assert body["request_id"] == response.headers["request-id"]


def test_others_get_openais_shape(service: Service) -> None:
    assert "code" in service.get("/v1/nothing").json()["error"]
    assert service.get("/v1/models").json()["object"] == "list"


def test_keys(guarded: Service) -> None:
    check_error(guarded.post("/v1/messages", ASK), 401, "authentication_error")
    check_error(guarded.get("/v1/models", headers=VERSION), 401, "authentication_error")
    for headers in ({"x-api-key": "first-key"}, {"Authorization": "Bearer first-key"}):
        assert guarded.post("/v1/messages", ASK, headers=headers).status_code == 200
        assert guarded.get("/v1/models", headers=VERSION | headers).json()["has_more"] is False
    large = {**ASK, "system": "а" * 200}
    check_error(guarded.post("/v1/messages", large, headers={"x-api-key": "first-key"}), 413, "request_too_large")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_what_is_ignored_is_named(service: Service, stream: bool) -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    response = service.post("/v1/messages", {**ASK, "top_k": 5, "tools": tools, "stream": stream})
    assert response.headers["X-Gpt2giga-Ignored"] == "top_k, web_search_20250305"


def test_threads_are_refused_in_words_that_sdks_understand(service: Service) -> None:
    response = service.post("/v1/messages", {**ASK, "thread": {"type": "continue", "previous_message_id": "msg_1"}})
    assert response.status_code == 400
    assert response.json()["error"]["details"] == {"error_code": "thread_unsupported_request"}


def test_settings(contrary: Service, sandbox: SandboxServer) -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    refused = contrary.post("/v1/messages", {**ASK, "tools": tools})
    assert refused.status_code == 400 and "web_search_20250305" in refused.json()["error"]["message"]
    sandbox.state.script({"text": "Не люблю менять тему.", "finish_reason": "blacklist"})
    answer = contrary.post("/v1/messages", ASK).json()
    assert (answer["stop_reason"], answer["model"]) == ("refusal", "claude-test")
    assert answer["content"][0]["text"] == "Не люблю менять тему."
    assert sandbox.state.chats()[0]["model"] == "GigaChat-2-Pro"
    check_heartbeats(contrary, sandbox)


def check_heartbeats(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два", "delay": 0.4})
    response = service.post("/v1/messages", {**ASK, "stream": True})
    response.encoding = "utf-8"
    found = events(response.text)
    assert found[0]["type"] == "message_start" and sum(event == {"type": "ping"} for event in found) >= 2
    assert accumulate(found)["content"] == [{"type": "text", "text": "Раз два"}]


def test_retry_after_is_kept(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 429, "headers": {"Retry-After": "40"}})
    response = service.post("/v1/messages", ASK)
    check_error(response, 429, "rate_limit_error")
    assert response.headers["Retry-After"] == "40"


def test_a_broken_stream_ends_in_an_error_event(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять", "cut_after": 1})
    response = service.post("/v1/messages", {**ASK, "stream": True})
    *_, last = events(response.content.decode())
    assert (last["type"], last["error"]["type"]) == ("error", "api_error")
    assert last["request_id"] == response.headers["request-id"]


def test_the_session_of_claude_code(service: Service, sandbox: SandboxServer) -> None:
    """Its turns share a session, so that GigaChat's prompt cache hits from the second one on."""
    first, second = (
        service.post("/v1/messages", {**ASK, "metadata": {"user_id": '{"session_id":"6f6bc314"}'}}).json()["usage"]
        for _ in range(2)
    )
    assert first["cache_read_input_tokens"] == 0 < second["cache_read_input_tokens"]
