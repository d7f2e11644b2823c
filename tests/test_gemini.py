"""The edge of Gemini's API: addresses, keys, the shape of errors and models, signs of life, embeddings, files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from gpt2giga.store.keys import Rights
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import new
from tests.gemini_chunks import accumulate, chunks
from tests.pictures import png
from tests.service import Service
from tests.sockets import eventually
from tests.test_keys import Book

ASK = {"contents": [{"role": "user", "parts": [{"text": "Привет!"}]}]}
GENERATE, STREAM = "generateContent", "streamGenerateContent"
EVENTS = f"{STREAM}?alt=sse"
WORDS = "Раз два три четыре пять шесть"
MODEL = "/v1beta/models/gemini-2.5-pro"
KEY = {"x-goog-api-key": "first-key"}


def text(answer: dict[str, Any]) -> str:
    parts = answer["candidates"][0]["content"]["parts"]
    return "".join(part["text"] for part in parts)


PREFIXES = ["/v1beta/models", "/v1/models", "/models", "/v1alpha/models", "/v1/v1beta/models", "/v1beta/v1beta/models"]


@pytest.mark.parametrize("prefix", [*PREFIXES, "/v1beta/tunedModels", "//v1beta//models"])
def test_addresses(service: Service, sandbox: SandboxServer, prefix: str) -> None:
    """Programs add the version to the base URL, or have it there."""
    for model in ("GigaChat-2-Pro", "gigachat/GigaChat-2-Pro"):
        response = service.post(f"{prefix}/{model}:{GENERATE}", ASK, allow_redirects=False)
        assert response.status_code == 200 and response.json()["modelVersion"] == model
    assert {chat["model"] for chat in sandbox.state.chats()} == {"GigaChat-2-Pro"}


@pytest.mark.parametrize("query", ["", "?alt=json", "?alt=sse&key=a", "?key=a&alt=sse"])
def test_the_form_of_a_stream(service: Service, sandbox: SandboxServer, query: str) -> None:
    """Events for who asks for them, and else one array, whose items come one by one."""
    sandbox.state.script({"text": WORDS})
    response = service.post(f"{MODEL}:{STREAM}{query}", ASK)
    response.encoding = "utf-8"
    is_events = "sse" in query
    assert response.headers["Content-Type"].partition(";")[0] == (
        "text/event-stream" if is_events else "application/json"
    )
    found = chunks(response.text) if is_events else response.json()
    assert is_events or response.text.endswith("]"), "google-api-core fails for a line's end behind it"
    assert len(found) > 2 and text(accumulate(found)) == WORDS


@pytest.mark.parametrize("path", ["/v1beta/models", "/v1alpha/models", "/v1/models?key=a", "/models"])
def test_models(service: Service, path: str) -> None:
    """In the form of the address, or of the headers that only Google's clients send."""
    headers = {"x-goog-api-client": "google-genai-sdk/1"} if path == "/models" else {}
    models = {model["name"]: model for model in service.get(path, headers=headers).json()["models"]}
    assert models["models/GigaChat-2-Max"]["supportedGenerationMethods"] == [GENERATE, STREAM, "countTokens"]
    assert models["models/Embeddings"]["supportedGenerationMethods"] == ["embedContent", "batchEmbedContents"]
    found = service.get(f"{MODEL}").json()
    assert found["name"] == "models/gemini-2.5-pro" and found["inputTokenLimit"] > 0
    assert service.get("/v1beta/models/GigaChat-2-Max").json() == models["models/GigaChat-2-Max"]
    lowered = service.get("/v1beta/models/embeddings").json()
    assert {**models["models/Embeddings"], "name": "models/embeddings", "displayName": "embeddings"} == lowered


def test_others_are_told_of_models_as_before(service: Service) -> None:
    for path in ("/v1/models", "/v1beta/openai/models", "/models"):
        assert service.get(path).json()["object"] == "list"
    assert "has_more" in service.get("/v1/models", headers={"anthropic-version": "2023-06-01"}).json()


ERRORS: list[tuple[str, str, dict[str, str], int, str]] = [
    ("POST", f"{MODEL}:{GENERATE}", {}, 400, "INVALID_ARGUMENT"),
    ("POST", f"/models/GigaChat:{EVENTS}", {}, 400, "INVALID_ARGUMENT"),
    ("POST", "/v1/models/GigaChat:countTokens", {}, 400, "INVALID_ARGUMENT"),
    ("GET", f"/v1/models/GigaChat:{GENERATE}", {}, 404, "NOT_FOUND"),
    ("POST", "/v1beta/nothing", {}, 404, "NOT_FOUND"),
    ("POST", f"{MODEL}:nothing", {}, 405, "UNIMPLEMENTED"),
    ("GET", "/v1beta/models/nothing", {}, 404, "NOT_FOUND"),
    ("GET", "/v1/nothing", {"x-goog-api-key": "a"}, 404, "NOT_FOUND"),
]


@pytest.mark.parametrize("method, path, headers, code, status", ERRORS)
def test_errors_have_googles_shape(
    service: Service, method: str, path: str, headers: dict[str, str], code: int, status: str
) -> None:
    check_error(service.request(method, path, headers=headers), code, status)


def check_error(response: Any, code: int, status: str) -> None:
    body = response.json()
    assert response.status_code == code and [*body] == ["error"]
    assert (body["error"]["code"], body["error"]["status"]) == (code, status) and body["error"]["message"]


def test_others_get_openais_shape(service: Service) -> None:
    for path in ("/v1/nothing", "/v1beta/openai/nothing", "/v1/models/nothing"):
        assert "code" in service.get(path).json()["error"] and "type" in service.get(path).json()["error"]


@pytest.mark.parametrize("method", [GENERATE, STREAM, EVENTS])
@pytest.mark.parametrize(
    "gigachats, code, status", [(429, 429, "RESOURCE_EXHAUSTED"), (402, 402, "FAILED_PRECONDITION")]
)
def test_a_refusal_is_a_status(
    lively: Service, sandbox: SandboxServer, method: str, gigachats: int, code: int, status: str
) -> None:
    sandbox.state.script({"status": gigachats, "headers": {"Retry-After": "40"} if gigachats == 429 else {}})
    response = lively.post(f"{MODEL}:{method}", ASK)
    check_error(response, code, status)
    kinds = {detail["@type"].rpartition(".")[2]: detail for detail in response.json()["error"]["details"]}
    assert gigachats != 429 or kinds["RetryInfo"]["retryDelay"] == "40s"


@pytest.mark.parametrize(
    "headers, query", [(KEY, ""), ({}, "?key=first-key"), ({"Authorization": "Bearer first-key"}, "")]
)
def test_keys(guarded: Service, headers: dict[str, str], query: str) -> None:
    """The address may hold one where it is Google's."""
    for path in (f"{MODEL}:{GENERATE}", f"/models/GigaChat:{GENERATE}"):
        check_error(guarded.post(path, ASK), 401, "UNAUTHENTICATED")
        check_error(guarded.post(f"{path}?key=other", ASK), 401, "UNAUTHENTICATED")
        assert guarded.post(path + query, ASK, headers=headers).status_code == 200
    assert guarded.get(f"/v1beta/models{query}", headers=headers).json()["models"]
    assert guarded.get("/v1beta/openai/models?key=first-key").status_code == 401
    assert guarded.get("/v1/models?key=first-key").status_code == 401
    assert "first-key" not in guarded.log.read_text()


def test_a_name_of_an_embedder_tells_of_it(service: Service) -> None:
    model = service.get("/v1beta/models/gemini-embedding-001").json()
    assert model["supportedGenerationMethods"] == ["embedContent", "batchEmbedContents"]
    chat = service.get("/v1beta/models/gemini-2.5-flash").json()
    assert "generateContent" in chat["supportedGenerationMethods"]


def test_what_is_ignored_is_named(service: Service) -> None:
    body = {**ASK, "safetySettings": [], "tools": [{"codeExecution": {}}], "generationConfig": {"topK": 5}}
    for method in (GENERATE, EVENTS):
        response = service.post(f"{MODEL}:{method}", body)
        assert response.headers["X-Gpt2giga-Ignored"] == "generationConfig.topK, safetySettings, tools.codeExecution"


@pytest.mark.parametrize("method", [EVENTS, STREAM])
def test_signs_of_life(lively: Service, sandbox: SandboxServer, method: str) -> None:
    """Empty lines: a comment is broken JSON to Google's SDK for Python, and a chunk would be a part of the answer."""
    sandbox.state.script({"text": "Раз два", "delay": 1, "frame_delay": 0.5})
    response = lively.post(f"{MODEL}:{method}", ASK)
    response.encoding = "utf-8"
    assert response.text.startswith("\n\n\n\n")
    found = chunks(response.text) if method == EVENTS else response.json()
    assert text(accumulate(found)) == "Раз два"


@pytest.mark.parametrize("method", [EVENTS, STREAM])
def test_a_failure_after_them_is_the_last_chunk(lively: Service, sandbox: SandboxServer, method: str) -> None:
    sandbox.state.script({"status": 413, "delay": 1})
    response = lively.post(f"{MODEL}:{method}", ASK)
    [last] = chunks(response.text) if method == EVENTS else response.json()
    assert response.status_code == 200
    assert last["error"]["status"] == "INVALID_ARGUMENT" and last["error"]["code"] in (400, 413)


@pytest.mark.parametrize("method", [EVENTS, STREAM])
def test_a_cut_answer_does_not_look_whole(service: Service, sandbox: SandboxServer, method: str) -> None:
    sandbox.state.script({"text": WORDS, "cut_after": 2})
    body = service.post(f"{MODEL}:{method}", ASK).text
    found = json.loads(body) if method == STREAM else chunks(body)
    assert found[-1]["error"]["status"] == "UNAVAILABLE" and "finishReason" not in json.dumps(found)
    if method == EVENTS:  # Google's SDK for Node.js before 2.0 knows no other
        assert json.loads(body.rpartition("\n\n")[2]) == found[-1]


def test_tokens_are_counted(service: Service) -> None:
    one = service.post(f"{MODEL}:countTokens", ASK).json()["totalTokens"]
    whole = {"generateContentRequest": {**ASK, "systemInstruction": {"parts": [{"text": "Отвечай очень кратко."}]}}}
    assert 0 < one < service.post(f"{MODEL}:countTokens", whole).json()["totalTokens"]


def test_embeddings(service: Service, sandbox: SandboxServer) -> None:
    """Also by another vendor's name for the model."""
    one, other = ({"content": {"parts": [{"text": new(word)}]}} for word in ("раз", "два"))
    path = "/v1beta/models/gemini-embedding-001"
    response = service.post(f"{path}:batchEmbedContents", {"requests": [one, other]})
    first, second = (embedding["values"] for embedding in response.json()["embeddings"])
    for kind in ("RETRIEVAL_QUERY", 1):  # its number, as google-generativeai writes it
        answer = service.post(f"{path}:embedContent", {**one, "taskType": kind})
        assert answer.json()["embedding"]["values"] == first
    assert first != second and len(sandbox.state.requests("/embeddings")) == 1, "the same text is remembered"
    wrong = service.post(f"{path}:embedContent", {**one, "outputDimensionality": 7})
    check_error(wrong, 400, "INVALID_ARGUMENT")
    assert str(len(first)) in wrong.json()["error"]["message"]


def test_pictures_and_uploads(service: Service, sandbox: SandboxServer) -> None:
    uploaded = service.post("/v1/files", files={"file": ("a.png", png(), "image/png")}, data={"purpose": "general"})
    parts = [{"fileData": {"fileUri": f"files/{uploaded.json()['id']}"}}, {"text": "Что здесь?"}]
    assert (
        service.post("/v1beta/models/GigaChat-2-Max:generateContent", {"contents": [{"parts": parts}]}).status_code
        == 200
    )
    [chat] = sandbox.state.chats()
    assert chat["messages"][-1]["attachments"] == [uploaded.json()["id"]]


def test_a_picture_that_is_none_is_named(service: Service) -> None:
    parts = [{"inlineData": {"mimeType": "image/png", "data": "!"}}]
    response = service.post("/v1beta/models/GigaChat-2-Max:generateContent", {"contents": [{"parts": parts}]})
    check_error(response, 400, "INVALID_ARGUMENT")
    assert response.json()["error"]["details"][1]["fieldViolations"][0]["field"] == "contents"


def test_settings(contrary: Service, sandbox: SandboxServer) -> None:
    check_error(contrary.post(f"{MODEL}:{GENERATE}", {**ASK, "tools": [{"googleSearch": {}}]}), 400, "INVALID_ARGUMENT")
    sandbox.state.script({"text": "Не люблю менять тему.", "finish_reason": "blacklist"})
    answer = contrary.post(f"{MODEL}:{GENERATE}", ASK).json()
    assert answer["candidates"][0]["finishReason"] == "SAFETY" and text(answer) == "Не люблю менять тему."


def test_usage_is_counted(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """By the name of the model that was asked for, streamed or not."""
    client = app_with(GPT2GIGA_METRICS="True").test_client()
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    for method in (GENERATE, EVENTS, STREAM):
        sandbox.state.script({"text": "Да.", "usage": usage})
        with client.post(f"/v1beta/models/GigaChat-2-Max:{method}", json=ASK) as answer:
            assert answer.get_data()
    figures = client.get("/metrics").get_data(as_text=True)
    [line] = [
        line for line in figures.splitlines() if line.startswith("gpt2giga_tokens_total") and 'kind="out"' in line
    ]
    assert line.endswith(" 15.0") and "GigaChat-2-Max" in line


def test_what_a_key_may_spend_and_use(app_with: Callable[..., Flask], sandbox: SandboxServer, tmp_path: Path) -> None:
    book = Book(tmp_path)
    headers = {"x-goog-api-key": book.add("ann", Rights(tokens_per_day=100, models=("GigaChat-2-Pro",)))}
    client = app_with().test_client()
    path = "/v1beta/models/GigaChat-2-Pro"
    sandbox.state.script({"text": "Да.", "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}})
    with client.post(f"{path}:{EVENTS}", json=ASK, headers=headers) as answer:
        assert answer.status_code == 200 and answer.get_data()
    names = [model["name"] for model in client.get("/v1beta/models", headers=headers).get_json()["models"]]
    assert names == ["models/GigaChat-2-Pro"]
    for method, code, status in ((GENERATE, 429, "RESOURCE_EXHAUSTED"), (EVENTS, 429, "RESOURCE_EXHAUSTED")):
        with client.post(f"{path}:{method}", json=ASK, headers=headers) as refused:
            error = refused.get_json()["error"]
            assert (refused.status_code, error["code"], error["status"]) == (code, code, status)
            info, wait = error["details"]
            assert info["reason"] == "INSUFFICIENT_QUOTA" and int(wait["retryDelay"].removesuffix("s")) > 60
    other = {"x-goog-api-key": book.add("bob", Rights(models=("GigaChat-2-Pro",)))}
    assert eventually(lambda: client.post(f"{MODEL}:{GENERATE}", json=ASK, headers=other).status_code == 404)
    book.store.database.close()


def test_limits_of_lists(app_with: Callable[..., Flask]) -> None:
    """Contents, declarations and requests are counted as those of other APIs are."""
    limits = {"GPT2GIGA_MAX_MESSAGES": "100", "GPT2GIGA_MAX_PARTS": "200", "GPT2GIGA_MAX_TOOLS": "10"}
    client = app_with(**limits).test_client()
    declarations = [{"name": f"f{number}"} for number in range(11)]
    bodies = [
        (GENERATE, {"contents": ASK["contents"] * 101}),
        (GENERATE, {"contents": [{"parts": [{"text": "a"}] * 201}]}),
        (EVENTS, {**ASK, "tools": [{"functionDeclarations": declarations}]}),
        (GENERATE, {**ASK, "tools": [{"function_declarations": declarations}]}),
        ("batchEmbedContents", {"requests": [{"content": ASK["contents"][0]}] * 101}),
    ]
    for method, body in bodies:
        response = client.post(f"{MODEL}:{method}", json=body)
        assert response.status_code == 413 and response.get_json()["error"]["status"] == "INVALID_ARGUMENT"


def test_a_form_is_no_body(service: Service) -> None:
    response = service.post(f"{MODEL}:{GENERATE}", data={"a": "b"}, files={"file": ("a", io.BytesIO(b"b"))})
    check_error(response, 400, "INVALID_ARGUMENT")
