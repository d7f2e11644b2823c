"""Answers, events and errors are as they are described."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gpt2giga_sandbox.server import SandboxServer
from tests.openapi.described import (
    address,
    answer_schema,
    BODIES,
    check,
    FORMS,
    GEMINI,
    HELLO,
    least,
    STREAMED,
    STREAMED_AGAIN,
    STREAMED_BY,
    STREAMED_FORMS,
)

# Their answers are no JSON.
SOUND = ("/audio/speech",)


@pytest.mark.parametrize("path", [path for path in BODIES if path not in SOUND])
def test_answers(client: FlaskClient, document: dict[str, Any], path: str) -> None:
    body = least(client, path) | ({"function_call": "auto"} if path.startswith("/images") else {})
    answer = client.post(address(client, path), json=body)
    assert answer.status_code == 200
    check(document, answer_schema(document, path, "post", 200), answer.get_json())
    told = document["paths"][path]["post"]["responses"]["200"]["headers"]
    names = [name for name, _ in answer.headers]
    ours = {name.lower() for name in names if name.startswith("X-Gpt2giga") or name == "X-Request-ID"}
    assert ours <= {name.lower() for name in told}


def test_calls_are_answers_too(client: FlaskClient, document: dict[str, Any]) -> None:
    tool = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
    asked = {"messages": [{"role": "user", "content": "weather"}]}
    for body in ({"tools": [{"type": "function", "function": tool}]}, {"functions": [tool]}):
        answer = client.post("/chat/completions", json={**asked, **body})
        assert answer.get_json()["choices"][0]["finish_reason"] in ("tool_calls", "function_call")
        check(document, answer_schema(document, "/chat/completions", "post", 200), answer.get_json())


def test_speech(client: FlaskClient, document: dict[str, Any]) -> None:
    told = document["paths"]["/audio/speech"]["post"]["responses"]["200"]["content"]
    for form in ("wav", "pcm", "opus", "mp3"):
        answer = client.post("/audio/speech", json={**BODIES["/audio/speech"], "response_format": form})
        assert answer.status_code == 200 and answer.data and answer.mimetype in told


def recording(path: str, **form: str) -> dict[str, Any]:
    return {**form, "file": (io.BytesIO(b"a"), FORMS[path])}


@pytest.mark.parametrize("form", ["json", "text", "verbose_json", "srt", "vtt"])
def test_transcripts(client: FlaskClient, document: dict[str, Any], form: str) -> None:
    path = "/audio/transcriptions"
    answer = client.post(
        path,
        data=recording(
            path, response_format=form, **{"timestamp_granularities[]": "word"} if form == "verbose_json" else {}
        ),
    )
    assert answer.status_code == 200
    if form.endswith("json"):
        check(document, answer_schema(document, path, "post", 200), answer.get_json())
    else:
        assert answer.mimetype in document["paths"][path]["post"]["responses"]["200"]["content"]


@pytest.mark.parametrize("path", [*STREAMED, *STREAMED_FORMS])
def test_events(client: FlaskClient, document: dict[str, Any], path: str) -> None:
    if path in STREAMED_FORMS:
        answer = client.post(path, data=recording(path, stream="true"))
    else:
        answer = client.post(address(client, path) + STREAMED_BY.get(path, ""), json={**BODIES[path], **STREAMED[path]})
    told = document["paths"][path]["post"]["responses"]["200"]["content"][answer.mimetype]
    data = re.findall("^(?:data: )?({.*|\\[DONE\\])$", answer.text, re.M)
    assert ("[DONE]" in data) is ("[DONE]" in told["schema"]["description"])
    for text in data:
        if text != "[DONE]":
            check(document, told["x-data"], json.loads(text))


def test_a_response_in_the_background(client: FlaskClient, document: dict[str, Any]) -> None:
    path, asked = STREAMED_AGAIN[0], {"input": "Привет", "background": True, "stream": True}
    [first, *_] = re.findall("^data: (.*)$", client.post("/responses", json=asked).text, re.M)
    response_id = json.loads(first)["response"]["id"]
    answer = client.get(f"/responses/{response_id}?stream=true&starting_after=0")
    told = document["paths"][path]["get"]["responses"]["200"]["content"][answer.mimetype]
    for text in re.findall("^data: (.*)$", answer.text, re.M):
        check(document, told["x-data"], json.loads(text))
    cancelled = client.post(f"/responses/{response_id}/cancel")
    check(document, answer_schema(document, f"{path}/cancel", "post", 200), cancelled.get_json())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/ready",
        "/models",
        "/model/info",
        "/files",
        "/batches",
        "/ui/usage",
        "/ui/packages",
        "/ui/clients",
        "/ui/facts",
        "/ui/openclaw",
        "/openapi.json",
        "/api/tags",
        "/api/ps",
        "/api/version",
    ],
)
def test_what_is_got(client: FlaskClient, document: dict[str, Any], path: str) -> None:
    check(document, answer_schema(document, path, "get", 200), client.get(path).get_json())


def test_one_of_each(client: FlaskClient, document: dict[str, Any]) -> None:
    """What needs an id."""
    file = client.post("/files", data={"file": (io.BytesIO(b"text"), "a.txt"), "purpose": "general"}).get_json()
    check(document, answer_schema(document, "/files", "post", 200), file)
    kept = client.post("/responses", json={"input": "Привет"}).get_json()
    batch = client.post("/batches", json=least(client, "/batches")).get_json()
    for path, id, methods in (
        ("/models/{model_id}", "GigaChat-2-Max", ["get"]),
        ("/files/{file_id}", file["id"], ["get", "delete"]),
        ("/files/{file_id}", batch["input_file_id"], ["get"]),
        ("/batches/{batch_id}", batch["id"], ["get"]),
        ("/responses/{response_id}/input_items", kept["id"], ["get"]),
        ("/responses/{response_id}", kept["id"], ["get", "delete"]),
    ):
        for method in methods:
            answer = client.open(re.sub("{.*}", id, path), method=method.upper())
            check(document, answer_schema(document, path, method, 200), answer.get_json())


def test_a_conversation(client: FlaskClient, document: dict[str, Any]) -> None:
    conversation = client.post("/conversations", json={"items": HELLO}).get_json()["id"]
    [item] = client.get(f"/conversations/{conversation}/items").get_json()["data"]
    for path, method in (
        ("/conversations/{conversation_id}/items/{item_id}", "get"),
        ("/conversations/{conversation_id}/items", "get"),
        ("/conversations/{conversation_id}/items/{item_id}", "delete"),
        ("/conversations/{conversation_id}", "get"),
        ("/conversations/{conversation_id}", "delete"),
    ):
        answer = client.open(path.format(conversation_id=conversation, item_id=item["id"]), method=method.upper())
        assert answer.status_code == 200
        check(document, answer_schema(document, path, method, 200), answer.get_json())


@pytest.mark.parametrize("headers", [{"anthropic-version": "2023-06-01"}, {"x-goog-api-key": "a"}], ids=str)
def test_models_for_other_clients(client: FlaskClient, document: dict[str, Any], headers: dict[str, str]) -> None:
    for path in ("/models", "/models/GigaChat-2-Max"):
        told = client.get(path, headers=headers).get_json()
        assert "object" not in told
        check(document, answer_schema(document, path.replace("GigaChat-2-Max", "{model_id}"), "get", 200), told)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/chat/completions", 400), ("/messages", 400), ("/files/unheard-of", 404)),
        *(("/api/show", 400), ("/api/create", 501), (f"{GEMINI}:generateContent", 400)),
    ],
)
def test_errors_have_the_form_of_their_api(
    client: FlaskClient, document: dict[str, Any], path: str, status: int
) -> None:
    method = "get" if "files" in path else "post"
    answer = client.open(address(client, path), method=method.upper(), json={"model": 1} if method == "post" else None)
    assert answer.status_code == status
    check(document, answer_schema(document, path.replace("unheard-of", "{file_id}"), method, status), answer.get_json())


@pytest.mark.parametrize(
    ("gigachats", "path", "status"),
    [
        *((500, "/chat/completions", 502), (429, "/chat/completions", 429), (402, "/messages", 402)),
        (429, f"{GEMINI}:streamGenerateContent", 429),
    ],
)
def test_errors_of_gigachat(
    app_with: Callable[..., Flask], sandbox: SandboxServer, gigachats: int, path: str, status: int
) -> None:
    client = app_with(GPT2GIGA_MAX_RETRIES="0").test_client()
    document = client.get("/openapi.json").get_json()
    sandbox.state.script({"status": gigachats})
    answer = client.post(address(client, path), json=BODIES[path])
    check(document, answer_schema(document, path, "post", answer.status_code), answer.get_json())
    assert answer.status_code == status
