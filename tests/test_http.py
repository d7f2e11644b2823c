"""The service's edge: health, routes, headers, and bodies that make no sense."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from gpt2giga import __version__
from gpt2giga_sandbox.server import SandboxServer
from tests.chunks import chunks, frames
from tests.service import Service

HELLO = [{"role": "user", "content": "Привет!"}]


@pytest.mark.parametrize("path", ["/health", "/health/", "/v1/health"])
def test_health_never_asks_gigachat(service: Service, sandbox: SandboxServer, path: str) -> None:
    response = service.get(path)
    assert response.json() == {"status": "ok", "version": __version__, "backend": "127.0.0.1"}
    assert service.request("HEAD", path).status_code == 200
    assert sandbox.state.requests() == []


def test_ready_asks_gigachat(service: Service) -> None:
    assert service.get("/ready").json()["status"] == "ready"


def test_not_ready_says_why(service_with: Callable[..., Service]) -> None:
    without_a_token = service_with(GIGACHAT_AUTH_URL="http://127.0.0.1:9/oauth")
    response = without_a_token.get("/ready")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "upstream_unavailable"
    assert without_a_token.get("/health").status_code == 200


@pytest.mark.parametrize("status, code", [(401, "gigachat_credentials_rejected"), (403, "permission_denied")])
def test_not_ready_whatever_the_cause(
    service_with: Callable[..., Service], sandbox: SandboxServer, status: int, code: str
) -> None:
    """One status for whoever only asks whether to send requests here."""
    service = service_with(GPT2GIGA_STORE_DAYS="1")  # no other test has it: a service remembers a list of models
    sandbox.state.script({"route": "models", "status": status, "times": 2 if status == 401 else 1})
    response = service.get("/ready")
    assert (response.status_code, response.json()["error"]["code"]) == (503, code)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/chat/completions/", "/chat/completions"])
def test_root_v1_and_trailing_slash(service: Service, path: str) -> None:
    assert service.post(path, {"messages": HELLO}).json()["object"] == "chat.completion"


def test_doubled_slashes(service: Service) -> None:
    """Clients join a base URL that ends in a slash with a path that begins with one; not all follow redirects, and
    behind a proxy with TLS a redirect leads to the wrong place."""
    for path in ("/v1//chat/completions", "//v1/chat/completions", "//chat/completions/"):
        response = service.post(path, {"messages": HELLO}, allow_redirects=False)
        assert (response.status_code, response.json().get("object")) == (200, "chat.completion"), path


PREFIXES = ["/v1/v1", "/v1/v1/v1", "/api/v1", "/api/v1/v1", "/openai/v1", "/v1beta/openai", "/v1/v1beta/openai"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_prefixes_of_other_vendors(service: Service, prefix: str) -> None:
    """A base URL that ends in /v1 and a client that adds it; or what stood there before, without the host."""
    assert service.get(f"{prefix}/models").json()["object"] == "list"
    assert service.post(f"{prefix}/chat/completions", {"messages": HELLO}).json()["object"] == "chat.completion"
    assert service.post(f"{prefix}/responses", {"input": "a"}).json()["object"] == "response"
    assert service.post(f"{prefix}//messages/", {}).json()["type"] == "error", "in Anthropic's form"


@pytest.mark.parametrize("path", ["/v1gamma/models", "/v1x/models", "/api/v1x/models", "/api/models", "/v2/v1/models"])
def test_other_prefixes_lead_nowhere(service: Service, path: str) -> None:
    assert service.get(path).status_code == 404


def test_a_compressed_body_is_refused_by_name(service: Service) -> None:
    headers = {"Content-Encoding": "gzip"}
    response = service.request("POST", "/v1/chat/completions", data=b"\x1f\x8b", headers=headers)
    assert response.status_code == 400 and "'gzip'" in response.json()["error"]["message"]


def test_request_id(service: Service) -> None:
    assert service.get("/health", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    forged = service.get("/health", headers={"X-Request-ID": "a b<script>"}).headers["X-Request-ID"]
    assert forged.isalnum() and len(forged) == 32


def test_stream_headers_and_frames(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три"})
    response = service.post("/v1/chat/completions", {"messages": HELLO, "stream": True})
    response.encoding = "utf-8"
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["X-Accel-Buffering"] == "no"
    first, *middle, last = [chunk["choices"][0] for chunk in chunks(response.text)]
    assert first["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert "".join(choice["delta"]["content"] for choice in middle) == "Раз два три"
    assert last["delta"] == {} and last["finish_reason"] == "stop"
    assert "Раз" in response.text, "text is not escaped"


ASKED: list[tuple[str, dict[str, object]]] = [
    ("/v1/chat/completions", {"messages": HELLO}),
    ("/v1/responses", {"input": "Привет!"}),
    ("/v1/messages", {"messages": HELLO, "max_tokens": 9}),
]


@pytest.mark.parametrize("path, body", ASKED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_line_is_a_line_for_every_client(
    service: Service, sandbox: SandboxServer, path: str, body: dict[str, object]
) -> None:
    """httpx and others take what Unicode calls a separator for the end of one."""
    sandbox.state.script({"text": "Раз«\u2028»\u2029\u0085\\"})
    response = service.post(path, {**body, "stream": True})
    data = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]
    assert "Раз«\u2028»\u2029\u0085\\" in [value for event in data for value in _texts(event)]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def test_broken_stream_ends_in_an_error_and_without_done(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять", "cut_after": 1})
    response = service.post("/v1/chat/completions", {"messages": HELLO, "stream": True})
    assert response.status_code == 200
    # Pi and opencode ask again by themselves where they read these two words.
    assert '"error":{"message":"Connection lost: GigaChat closed the connection' in frames(response.text)[-1]


@pytest.mark.parametrize(
    "method, path, status, code",
    [
        ("GET", "/nothing", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("GET", "/v1/models/none", 404, "model_not_found"),
    ],
)
def test_errors_have_openais_shape(service: Service, method: str, path: str, status: int, code: str) -> None:
    response = service.request(method, path)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["code"] == code and error["message"]


def test_405_names_the_methods(service: Service) -> None:
    assert "POST" in service.request("DELETE", "/v1/chat/completions").headers["Allow"]


BAD_BODIES = {
    "empty": b"",
    "no json": b"{messages",
    "a list": b"[1]",
    "a string": b'"messages"',
    "not utf-8": b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "bottomless": b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not a number": b'{"messages": [{"role": "user", "content": "a"}], "temperature": NaN}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_bodies_that_are_no_json_object(service: Service, body: bytes) -> None:
    response = service.request("POST", "/v1/chat/completions", data=body)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] == "invalid_json"
    assert response.json()["error"]["type"] == "invalid_request_error"
