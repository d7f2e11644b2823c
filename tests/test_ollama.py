"""Ollama's API over the application: who may ask, what is said of models, errors and signs of life."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gpt2giga.store.keys import Rights
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import new
from tests.lines import accumulate, lines
from tests.sockets import HELLO
from tests.test_keys import Book

ON = {"GPT2GIGA_OLLAMA": "True"}
CHAT = {"messages": HELLO}


@pytest.fixture
def client(app_with: Callable[..., Flask]) -> FlaskClient:
    return app_with(**ON).test_client()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    book = Book(tmp_path)
    yield book
    book.store.database.close()


def post(client: FlaskClient, path: str, key: str = "", **body: Any) -> Any:
    """The answer is over when it is returned."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with client.post(f"/api/{path}", json=body, headers=headers) as answer:
        answer.get_data()
        return answer


def test_it_is_there_only_where_it_is_wanted(app_with: Callable[..., Flask]) -> None:
    client = app_with().test_client()
    assert post(client, "chat", **CHAT).status_code == client.get("/api/tags").status_code == 404
    assert client.get("/api/v1/models").status_code == 200


def test_prefixes_of_other_vendors_are_no_endpoints_of_it(client: FlaskClient) -> None:
    assert client.post("/api/v1/chat/completions", json=CHAT).json["object"] == "chat.completion"
    assert client.get("/api/v1/nothing").json["error"]["code"] == "unknown_url"
    assert client.get("/api/v1x/models").json == {"error": "There is no GET /api/v1x/models here."}


def test_the_root_is_as_it_was(client: FlaskClient) -> None:
    """Programs only look whether it answers."""
    assert client.get("/").json == {"name": "gpt2giga"}
    assert client.head("/").status_code == client.head("/api/version").status_code == 200


def test_a_stream_is_sent_as_lines(client: FlaskClient, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз\u2028два\u0085три\nчетыре"})
    answer = post(client, "chat", **CHAT)
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/x-ndjson", "no-cache")
    assert answer.headers["X-Accel-Buffering"] == "no" and answer.headers["X-Request-ID"]
    # httpx, and with it the client for Python, takes these letters for ends of lines.
    assert len(answer.text.splitlines()) == answer.text.count("\n")
    assert accumulate(lines(answer.text))["message"]["content"] == "Раз\u2028два\u0085три\nчетыре"


def test_what_changes_nothing_is_named(client: FlaskClient) -> None:
    for stream in (True, False):
        answer = post(client, "chat", **CHAT, stream=stream, options={"seed": 1}, keep_alive=-1)
        assert answer.headers["X-Gpt2giga-Ignored"] == "options.seed, keep_alive"


@pytest.mark.parametrize("silence", [{"delay": 1}, {"frame_delay": 0.5}], ids=["before the headers", "between words"])
def test_signs_of_life(app_with: Callable[..., Flask], sandbox: SandboxServer, silence: dict[str, float]) -> None:
    client = app_with(**ON, GPT2GIGA_HEARTBEAT="0.3").test_client()
    sandbox.state.script({"text": "Раз два", **silence})
    found = lines(post(client, "chat", **CHAT).text)
    assert [line["message"]["content"] for line in found[:-1]].count("") >= 2
    assert accumulate(found)["message"]["content"] == "Раз два"


def test_a_stream_that_breaks(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """No line says that it is done; the client for Node.js would take such an answer for a whole one."""
    client = app_with(**ON, GPT2GIGA_MAX_RETRIES="0").test_client()
    sandbox.state.script({"text": "Раз два три", "cut_after": 1})
    answer = post(client, "generate", prompt="Привет")
    *found, last = lines(answer.text)
    assert answer.status_code == 200 and [line["done"] for line in found] == [False] * len(found)
    assert last.keys() == {"error"} and last["error"]


@pytest.mark.parametrize(
    ("gigachats", "status"), [(400, 400), (401, 401), (402, 402), (404, 404), (422, 400), (429, 429), (500, 502)]
)
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_gigachats_errors(
    app_with: Callable[..., Flask], sandbox: SandboxServer, gigachats: int, status: int, stream: bool
) -> None:
    """A real status, and words that programs show: they read nothing but these."""
    client = app_with(**ON, GPT2GIGA_MAX_RETRIES="0").test_client()
    sandbox.state.script(*[{"status": gigachats}] * (2 if gigachats == 401 else 1))
    answer = post(client, "chat", **CHAT, stream=stream)
    assert answer.status_code == status
    assert answer.json.keys() == {"error"} and isinstance(answer.json["error"], str) and answer.json["error"]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("chat", b"{", 400, "not valid JSON"),
        ("chat", b"[]", 400, "JSON object"),
        ("chat", b'{"messages": 5}', 400, "'messages'"),
        ("nothing", b"{}", 404, "no POST /api/nothing"),
        ("tags", b"{}", 405, "does not take POST"),
        ("show", b'{"model": "llama3"}', 404, "GPT2GIGA_MODEL_ALIASES"),
        ("chat", b'{"model": "llama3"}', 404, "llama3"),
        ("pull", b'{"name": "llama3"}', 404, "llama3"),
        ("create", b"{}", 501, "are not made"),
        ("push", b"{}", 501, "are not made"),
        ("copy", b"{}", 501, "are not made"),
        ("embed", b'{"input": [5]}', 400, "'input[0]'"),
        ("embed", b'{"input": "a", "dimensions": 5}', 400, "'dimensions'"),
        ("embeddings", b'{"prompt": 5}', 400, "'prompt'"),
    ],
)
def test_our_own_errors(client: FlaskClient, path: str, body: bytes, status: int, words: str) -> None:
    answer = client.post(f"/api/{path}", data=body)
    assert answer.status_code == status and answer.json and words in answer.json["error"]


def test_models_are_not_deleted(client: FlaskClient) -> None:
    assert client.delete("/api/delete", json={"model": "GigaChat"}).status_code == 501


def test_lists_are_limited(app_with: Callable[..., Flask]) -> None:
    client = app_with(**ON, GPT2GIGA_MAX_PARTS="2", GPT2GIGA_MAX_MESSAGES="2").test_client()
    for path, body in (
        ("generate", {"prompt": "a", "images": ["YQ=="] * 3}),
        ("chat", {"messages": [{**HELLO[0], "images": ["YQ=="] * 3}]}),
        ("chat", {"messages": HELLO * 3}),
        ("embed", {"input": ["a"] * 3}),
    ):
        assert post(client, path, **body).status_code == 413


def test_the_models(client: FlaskClient) -> None:
    for path in ("tags", "ps"):
        found = {model["name"]: model for model in client.get(f"/api/{path}").json["models"]}  # type: ignore[index]
        assert {"GigaChat-2-Max:latest", "EmbeddingsGigaR:latest"} <= found.keys()
        one = found["GigaChat-2-Max:latest"]
        assert one["model"] == one["name"] and one["details"]["family"] == "gigachat" and len(one["digest"]) == 64
        assert datetime.fromisoformat(one["modified_at"].replace("Z", "+00:00")).year == 1970


def test_names_of_one_model_have_one_digest(app_with: Callable[..., Flask]) -> None:
    """llm-ollama shows them as aliases."""
    client = app_with(**ON, GPT2GIGA_MODEL_ALIASES="llama3=GigaChat-2-Max").test_client()
    found = {model["name"]: model for model in client.get("/api/tags").json["models"]}  # type: ignore[index]
    assert found["llama3:latest"]["digest"] == found["GigaChat-2-Max:latest"]["digest"]
    assert found["llama3:latest"]["details"]["parent_model"] == "GigaChat-2-Max"
    assert post(client, "chat", **CHAT, model="llama3:latest", stream=False).json["model"] == "llama3:latest"


def test_names_of_one_model_are_told_apart(app_with: Callable[..., Flask]) -> None:
    """Copilot asks for each by the name that it was listed under, and shows the basename in its menu."""
    client = app_with(**ON, GPT2GIGA_MODEL_ALIASES="llama3=GigaChat-2-Max,qwen:latest=GigaChat-2-Max").test_client()
    names = ("GigaChat-2", "GigaChat-2-Lite", "GigaChat-2-Max", "llama3", "qwen")
    shown = [post(client, "show", model=f"{name}:latest").json for name in names]
    assert [one["model_info"]["general.basename"].removesuffix(":latest") for one in shown] == [*names]
    parents = ["", "GigaChat-2", "", "GigaChat-2-Max", "GigaChat-2-Max"]
    assert [one["details"]["parent_model"] for one in shown] == parents


@pytest.mark.parametrize(
    ("name", "capabilities"),
    [
        ("GigaChat-2-Max:latest", ["completion", "tools", "vision"]),
        ("GigaChat-2", ["completion", "tools"]),
        ("EmbeddingsGigaR:latest", ["embedding"]),
    ],
)
@pytest.mark.parametrize("field", ["model", "name"])
def test_one_model(client: FlaskClient, field: str, name: str, capabilities: list[str]) -> None:
    shown = post(client, "show", **{field: name}).json
    family = shown["model_info"]["general.architecture"]
    assert shown["capabilities"] == capabilities and shown["model_info"][f"{family}.context_length"] > 1000
    assert post(client, "pull", **{field: name}).json == {"status": "success"}


def test_any_name_may_mean_the_default_model(app_with: Callable[..., Flask]) -> None:
    """For programs that have a name of their own, and look for it first."""
    client = app_with(**ON, GPT2GIGA_PASS_MODEL="False").test_client()
    for name in ("llama3", "llama3:latest"):
        assert post(client, "show", model=name).json["details"]["parent_model"] == "GigaChat-2-Max"
        assert post(client, "pull", model=name).json == {"status": "success"}
        assert post(client, "generate", model=name).json["model"] == name
        assert post(client, "chat", **CHAT, model=name, stream=False).json["model"] == name
    assert post(client, "show", model="EmbeddingsGigaR").json["capabilities"] == ["embedding"]


@pytest.mark.parametrize(("path", "said"), [("chat", "message"), ("generate", "response")])
@pytest.mark.parametrize(("keep_alive", "reason"), [(None, "load"), ("5m", "load"), (0, "unload"), ("0s", "unload")])
def test_nothing_asked(client: FlaskClient, path: str, said: str, keep_alive: Any, reason: str) -> None:
    """Programs load a model beforehand; GigaChat is asked for nothing."""
    answer = post(client, path, model="GigaChat-2-Max", messages=[], prompt="", keep_alive=keep_alive).json
    assert (answer["done"], answer["done_reason"], answer["model"]) == (True, reason, "GigaChat-2-Max")
    assert answer[said] in ("", {"role": "assistant", "content": ""})


def test_embeddings(client: FlaskClient, sandbox: SandboxServer) -> None:
    first, second = new("Привет"), new("Пока")
    both = post(client, "embed", model="Embeddings:latest", input=[first, second], truncate=True)
    assert both.headers["X-Gpt2giga-Ignored"] == "truncate"
    assert both.json["model"] == "Embeddings:latest" and both.json["prompt_eval_count"] > 0
    assert both.json["total_duration"] > 0 and both.json["load_duration"] == 0
    older = post(client, "embeddings", model="Embeddings", prompt=first).json["embedding"]
    assert both.json["embeddings"][0] == older != both.json["embeddings"][1] and len(older) > 100
    assert post(client, "embed", model="Embeddings").json["embeddings"] == []
    assert post(client, "embeddings", model="Embeddings", prompt="").json == {"embedding": []}


def test_models_of_others_mean_the_default_embedder(client: FlaskClient, sandbox: SandboxServer) -> None:
    assert len(post(client, "embed", model="nomic-embed-text", input=new("Привет")).json["embeddings"]) == 1


def test_keys(app_with: Callable[..., Flask], book: Book) -> None:
    """In the place where Ollama's clients have theirs; what a key may not use is not there for it."""
    ann, bob = (
        book.add("ann", Rights(models=("GigaChat-2", "Embeddings"))),
        book.add("bob", Rights(requests_per_minute=1)),
    )
    client = app_with(**ON).test_client()
    refused = post(client, "chat", **CHAT)
    assert refused.status_code == 401 and isinstance(refused.json["error"], str)
    assert post(client, "chat", ann, **CHAT, model="GigaChat-2").status_code == 200
    for path in ("chat", "generate", "show", "pull"):
        assert post(client, path, ann, **CHAT, prompt="a", model="GigaChat-2-Max").status_code == 404
        assert post(client, path, ann, model="GigaChat-2-Max").status_code == 404
    assert post(client, "embed", ann, model="EmbeddingsGigaR", input="a").status_code == 404
    listed = client.get("/api/tags", headers={"Authorization": f"Bearer {ann}"}).json
    assert listed and {model["name"] for model in listed["models"]} == {
        "GigaChat-2:latest",
        "GigaChat-2-Lite:latest",
        "Embeddings:latest",
    }
    assert [post(client, "chat", bob, **CHAT).status_code for _ in range(2)] == [200, 429]


def test_it_is_counted(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """Under the name that the model has in the other APIs."""
    usage = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100, "precached_prompt_tokens": 0}
    sandbox.state.script({"usage": usage, "times": 2})
    client = app_with(**ON, GPT2GIGA_METRICS="True").test_client()
    for stream in (True, False):
        assert post(client, "chat", **CHAT, stream=stream, model="GigaChat-2:latest").status_code == 200
    told = client.get("/metrics").text
    assert 'gpt2giga_tokens_total{kind="in",model="GigaChat-2"} 180.0' in told
    assert 'gpt2giga_tokens_total{kind="out",model="GigaChat-2"} 20.0' in told
    assert 'gpt2giga_requests_total{model="GigaChat-2",route="/api/chat",status="200"} 2.0' in told
    assert "gpt2giga_streams_open 0.0" in told


def test_an_open_stream_is_counted(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    """Whatever it is written in."""
    client = app_with(**ON, GPT2GIGA_METRICS="True").test_client()
    with client.post("/api/chat", json=CHAT):
        assert "gpt2giga_streams_open 1.0" in client.get("/metrics").text
    assert "gpt2giga_streams_open 0.0" in client.get("/metrics").text
