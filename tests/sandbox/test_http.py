"""What the SDK hides: bytes, headers, and requests it would not send."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga_sandbox import SandboxServer

from .conftest import chat_body, events, Http


def test_answers_are_compact_raw_utf8_without_a_newline(http: Http) -> None:
    answer = http.chat("Привет")

    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert 'написали: Привет","role":"assistant"},"index":0' in answer.content.decode()
    assert answer.content.endswith(b"}")


def test_errors_end_with_a_newline(http: Http) -> None:
    answer = http.chat(model="GigaChat-2-Lite")

    assert answer.content == b'{"status":404,"message":"No such model"}\n'


def test_a_stream_ends_with_done(http: Http) -> None:
    answer = http.chat(stream=True)

    assert answer.headers["Content-Type"] == "text/event-stream"
    *chunks, last, done = events(answer.content.decode())
    assert done == "[DONE]"
    assert last["usage"]["prompt_tokens"] == 2
    assert not any("finish_reason" in chunk["choices"][0] for chunk in chunks)


@pytest.mark.parametrize("path", ["/models", "/models/absent", "/absent"])
def test_ids_come_back_on_every_answer(http: Http, path: str) -> None:
    headers = {"X-Request-ID": "request", "X-Client-ID": "client"}

    answer = http.get(path, headers=headers)

    assert answer.headers["x-request-id"] == "request"
    assert answer.headers["x-client-id"] == "client"
    assert len(answer.headers["x-session-id"]) == 36


def test_the_front_sets_its_cookie_once(http: Http) -> None:
    assert "spid=" in http.get("/models").headers["Set-Cookie"]
    assert "Set-Cookie" not in http.get("/models").headers


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "message"),
    [
        pytest.param(
            "POST",
            "/chat/completions",
            {"data": "{"},
            400,
            "Your request contains invalid JSON syntax.",
            id="broken JSON",
        ),
        pytest.param("POST", "/embeddings", {"json": {"input": "a"}}, 404, "No such model", id="no embedder"),
        pytest.param(
            "POST", "/embeddings", {"json": {"input": "a", "model": "GigaChat"}}, 404, "No such model", id="chat model"
        ),
        pytest.param(
            "POST",
            "/embeddings",
            {"json": {"input": [[1, 2]], "model": "Embeddings"}},
            400,
            "Your request contains invalid JSON syntax.",
            id="token arrays",
        ),
        pytest.param(
            "POST",
            "/embeddings",
            {"json": {"input": "a" * 2000, "model": "Embeddings"}},
            413,
            "Tokens limit exceeded for index 0: 667 (max 514)",
            id="long input",
        ),
        pytest.param(
            "POST",
            "/tokens/count",
            {"json": {"input": 1, "model": "GigaChat"}},
            400,
            "Your request contains invalid JSON syntax.",
            id="count of a number",
        ),
        pytest.param(
            "POST",
            "/filter/check",
            {"json": {"messages": [{"role": "user", "content": "а"}], "model": "GigaChat"}},
            404,
            "No such model",
            id="no filter",
        ),
        pytest.param(
            "POST",
            "/filter/check",
            {"json": {"messages": []}},
            422,
            "Invalid params: messages must not be empty",
            id="nothing to filter",
        ),
        pytest.param(
            "POST",
            "/filter/check",
            {"json": {"messages": [{"role": "user", "content": "а"}], "settings": {"neuro": 1}}},
            400,
            "Your request contains invalid JSON syntax.",
            id="a setting of the filter",
        ),
        pytest.param("POST", "/files", {"files": {"a": b"b"}}, 400, "File is missing", id="no file"),
        pytest.param(
            "POST",
            "/files",
            {"files": {"file": ("a.gif", b"b", "image/gif")}},
            400,
            "Unsupported file type image/gif",
            id="file type",
        ),
        pytest.param(
            "POST",
            "/files",
            {"files": {"file": ("a.png", bytes(15 * 1024 * 1024 + 1), "image/png")}},
            413,
            "Payload too large",
            id="file size",
        ),
        pytest.param("GET", "/files/absent/content", {}, 404, "No such file", id="no such file"),
        pytest.param("GET", "/absent", {}, 404, "Not Found", id="no such path"),
        pytest.param("GET", "/chat/completions", {}, 405, "Method Not Allowed", id="method"),
    ],
)
def test_refuses(http: Http, method: str, path: str, options: dict[str, Any], status: int, message: str) -> None:
    if "data" in options:
        options["headers"] = {"Content-Type": "application/json"}

    answer = http.session.request(method, http.sandbox.base_url + path, timeout=10, **options)

    assert (answer.status_code, answer.json()) == (status, {"status": status, "message": message})


@pytest.mark.parametrize(("text", "is_profane"), [("Как пройти в библиотеку?", False), ("АВТОМАТ КАЛАШНИКОВА", True)])
def test_the_filter(http: Http, text: str, is_profane: bool) -> None:
    messages = [{"role": "user", "content": text}]

    answer = http.post("/filter/check", json={"messages": messages, "settings": {"neuro": True}}).json()

    assert answer == {"is_profane": is_profane, "usage": {"filter_tokens": -(-len(text) // 3)}}


def test_embeddings_of_one_string(http: Http) -> None:
    answer = http.post("/embeddings", json={"input": "раз", "model": "Embeddings"}).json()

    assert answer["object"] == "list"
    assert answer["data"][0]["usage"] == {"prompt_tokens": 1}
    assert max(map(abs, answer["data"][0]["embedding"])) > 4


def test_models_have_types(http: Http) -> None:
    models = {entry["id"]: entry for entry in http.get("/models").json()["data"]}

    entry = {"id": "Embeddings", "object": "model", "owned_by": "salutedevices", "type": "embedder"}
    assert models["Embeddings"] == entry
    assert {entry["type"] for entry in models.values()} == {"chat", "embedder", "filter", "aicheck"}


def test_files_belong_to_their_client(http: Http) -> None:
    upload = {"files": {"file": ("a.txt", b"b", "text/plain")}, "data": {"purpose": "general"}}
    file_id = http.post("/files", headers={"X-Client-ID": "a"}, **upload).json()["id"]

    assert http.get(f"/files/{file_id}").status_code == 404
    assert http.get(f"/files/{file_id}", headers={"X-Client-ID": "a"}).json()["bytes"] == 1


def test_requests_are_recorded(http: Http, sandbox: SandboxServer) -> None:
    http.post("/chat/completions", json=chat_body(temperature=0), headers={"X-Session-ID": "s"})

    (request,) = sandbox.state.requests("/chat/completions")
    assert request["json"] == chat_body(temperature=0)
    assert request["headers"]["x-session-id"] == "s"
    assert (request["method"], request["status"]) == ("POST", 422)
    assert request["error"] == "Invalid params: temperature must be in range (0, +inf)"
    assert sandbox.state.chats() == [chat_body(temperature=0)]
