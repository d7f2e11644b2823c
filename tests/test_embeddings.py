"""Embeddings over the running service, by the real client and bare."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openai import BadRequestError, OpenAI

from gpt2giga.config.settings import SettingsError
from gpt2giga.dialects.openai import tokenizer
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import new
from tests.service import Service
from tests.sockets import Caller, HELLO


def long_text() -> str:
    return new("длинное слово " * 300)


def sent(sandbox: SandboxServer) -> list[dict[str, Any]]:
    return [request["json"] for request in sandbox.state.requests("/embeddings")]


def test_the_client_as_it_is(client: OpenAI, sandbox: SandboxServer) -> None:
    """It asks for base64 without being told to."""
    texts = [new("раз"), new("два")]
    found = client.embeddings.create(model="text-embedding-3-small", input=texts)
    plain = client.embeddings.create(model="EmbeddingsGigaR", input=texts[1], encoding_format="float")
    assert [len(item.embedding) for item in found.data] == [2560, 2560]
    assert [item.index for item in found.data] == [0, 1]
    assert found.data[1].embedding == pytest.approx(plain.data[0].embedding, rel=1e-6)
    assert found.usage.prompt_tokens == found.usage.total_tokens > 0
    assert sent(sandbox)[0] == {"input": texts, "model": "EmbeddingsGigaR"}


def test_vectors_may_have_the_length_of_openais(app_with: Callable[..., Flask]) -> None:
    """mem0 with FAISS finds nothing among GigaChat's own. What is remembered serves both."""
    asked = {"input": [new("раз"), new("два")], "model": "Embeddings"}

    def lengths(normalize: str) -> list[float]:
        client = app_with(GPT2GIGA_EMBEDDINGS_NORMALIZE=normalize).test_client()
        answer = client.post("/v1/embeddings", json=asked).get_json()
        return [math.hypot(*item["embedding"]) for item in answer["data"]]

    assert min(lengths("False")) > 1.1
    assert lengths("True") == lengths("True") == pytest.approx([1, 1])
    assert min(lengths("False")) > 1.1


def test_a_gigachat_embedder_passes(client: OpenAI) -> None:
    found = client.embeddings.create(model="Embeddings", input="ping", dimensions=1024)
    assert found.model == "Embeddings" and len(found.data[0].embedding) == 1024


def test_the_model_that_the_settings_name(contrary: Service, sandbox: SandboxServer) -> None:
    for asked, used in [(None, "Embeddings"), ("GigaChat-2-Max", "Embeddings"), ("ada", "Embeddings-2")]:
        answer = contrary.post("/v1/embeddings", {"input": "a", "model": asked}).json()
        assert sent(sandbox)[-1]["model"] == used and answer["model"] == (asked or used)


def test_large_lists_keep_their_order(service: Service, sandbox: SandboxServer) -> None:
    texts = [new("текст номер") for _ in range(200)]
    answer = service.post("/v1/embeddings", {"input": texts, "model": "Embeddings"}).json()
    assert [len(request["input"]) for request in sent(sandbox)] == [90, 90, 20]
    assert [item["index"] for item in answer["data"]] == list(range(200))
    for number in (0, 89, 90, 199):
        alone = service.post("/v1/embeddings", {"input": texts[number], "model": "Embeddings"}).json()
        assert alone["data"][0]["embedding"] == answer["data"][number]["embedding"]


def test_a_long_text_is_averaged_and_said_so(service: Service, sandbox: SandboxServer) -> None:
    long = long_text()
    response = service.post("/v1/embeddings", {"input": ["первый", long, "третий"], "model": "Embeddings"})
    assert response.status_code == 200, response.text
    assert response.headers["X-Gpt2giga-Averaged"] == "1"
    accepted = [request["json"]["input"] for request in sandbox.state.requests("/embeddings") if not request["error"]]
    parts = [text for batch in accepted for text in batch if text not in ("первый", "третий")]
    assert "".join(parts) == long
    vector = response.json()["data"][1]["embedding"]
    assert len(vector) == 1024 and response.json()["usage"]["prompt_tokens"] > 512


def test_only_the_text_that_is_named_is_cut(service: Service, sandbox: SandboxServer) -> None:
    short = [new("короткий текст") for _ in range(89)]
    texts = [*short[:3], long_text(), *short[3:]]
    response = service.post("/v1/embeddings", {"input": texts, "model": "Embeddings"})
    assert response.headers["X-Gpt2giga-Averaged"] == "3"
    assert len(sent(sandbox)) == 3, "the one that was refused, and two since GigaChat takes so many texts at a time"
    alone = service.post("/v1/embeddings", {"input": short, "model": "Embeddings"}).json()["data"]
    found = [item["embedding"] for item in response.json()["data"]]
    assert found[:3] + found[4:] == [item["embedding"] for item in alone]


def test_words_of_another_kind_are_answered_by_halves(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "embeddings", "status": 413, "times": 2})
    response = service.post("/v1/embeddings", {"input": [new("слово") for _ in range(3)], "model": "Embeddings"})
    assert response.status_code == 200 and [len(request["input"]) for request in sent(sandbox)] == [3, 1, 1, 1, 2]


def test_a_long_text_can_be_an_error(contrary: Service) -> None:
    with contrary.client() as client, pytest.raises(BadRequestError) as caught:
        client.embeddings.create(model="Embeddings", input=long_text())
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input")
    assert "messages" not in caught.value.message


BAD = [
    ({}, "input"),
    ({"input": ""}, "input"),
    ({"input": []}, "input"),
    ({"input": ["a", ""]}, "input[1]"),
    ({"input": ["a", 1]}, "input[1]"),
    ({"input": [1, 2, 3]}, "input"),
    ({"input": [[1, 2], [3]]}, "input[0]"),
    ({"input": [[]]}, "input[0]"),
    ({"input": [True]}, "input[0]"),
    ({"input": "a", "user": 5}, "user"),
    ({"input": {"text": "a"}}, "input"),
    ({"input": "a", "dimensions": 256, "model": "Embeddings"}, "dimensions"),
    ({"input": "a", "dimensions": "many"}, "dimensions"),
    ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
    ({"input": "a", "model": 1}, "model"),
]


@pytest.mark.parametrize("body, param", BAD, ids=[f"{param}-{i}" for i, (_, param) in enumerate(BAD)])
def test_what_makes_no_sense_is_named(service: Service, body: dict[str, Any], param: str) -> None:
    response = service.post("/v1/embeddings", body)
    assert response.status_code == 400 and response.json()["error"]["param"] == param


def test_embeddings_stand_behind_chats(service: Service, sandbox: SandboxServer) -> None:
    """A personal account has one slot, and OpenClaw embeds its memory beside the chat: GigaChat answers that by 429."""
    sandbox.state.script({"text": "Раз два три", "hang_after": 1}, {"text": "Да."})
    chat = partial(service.post, "/v1/chat/completions", {"messages": HELLO})
    with ThreadPoolExecutor(2) as pool:
        with Caller(service, stream=True) as first:
            first.read_until("Раз")
            embedded = pool.submit(service.post, "/v1/embeddings", {"input": new("ping")})
            time.sleep(0.3)  # it waits
            answered = pool.submit(chat)
            time.sleep(0.3)
        assert (embedded.result().status_code, answered.result().status_code) == (200, 200)
    paths = [request["path"].rpartition("/")[2] for request in sandbox.state.requests() if request["json"]]
    assert paths == ["completions", "completions", "embeddings"]


def test_a_company_embeds_beside_chats(curt: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"text": "Раз два три", "hang_after": 1})
    with Caller(curt, stream=True) as first:
        first.read_until("Раз")
        assert curt.post("/v1/embeddings", {"input": new("ping")}).status_code == 200
        assert sandbox.state.counters.open_streams == 1


@pytest.mark.parametrize(
    "given, texts",
    [([256, 33], ["Привет!"]), ([[256], [97, 98], [0xD0]], ["Привет", "ab", "\ufffd"]), (["a", [98]], ["a", "b"])],
)
def test_tokens_are_decoded(contrary: Service, sandbox: SandboxServer, given: Any, texts: list[str]) -> None:
    with contrary.client() as client:
        found = client.embeddings.create(model="text-embedding-3-small", input=given)
    assert sent(sandbox)[0]["input"] == texts and len(found.data) == len(texts)


@pytest.mark.parametrize("given", [[257], [-1], [97, "a"], [97, True], [97, 1.5], [97, [98]], [97, None]], ids=str)
def test_what_is_no_token_is_named(contrary: Service, given: Any) -> None:
    response = contrary.post("/v1/embeddings", {"input": given})
    assert response.status_code == 400 and response.json()["error"]["param"] == "input"


def test_without_a_tokenizer_the_cure_is_named(service: Service) -> None:
    message = service.post("/v1/embeddings", {"input": [[1, 2]]}).json()["error"]["message"]
    assert "check_embedding_ctx_length=False" in message and "GPT2GIGA_TOKENIZER_FILE" in message


@pytest.mark.parametrize("content", [None, "nonsense", "!!! 5\n"])
def test_a_tokenizer_that_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "a.tiktoken"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError, match="GPT2GIGA_TOKENIZER_FILE"):
        tokenizer.load(str(path))


def test_what_changes_nothing_is_named(service: Service, sandbox: SandboxServer) -> None:
    response = service.post("/v1/embeddings", {"input": new("a"), "user": "b", "brand_new": 1})
    assert response.headers["X-Gpt2giga-Ignored"] == "user"
    assert set(sent(sandbox)[0]) == {"input", "model"}


def test_a_passing_failure_is_tried_again(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "embeddings", "status": 500})
    assert service.post("/v1/embeddings", {"input": new("a")}).status_code == 200


def test_embeddings_that_are_missing(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "embeddings", "answer": {"object": "list", "data": [], "model": "Embeddings"}})
    response = service.post("/v1/embeddings", {"input": new("a")})
    assert response.status_code == 502 and "0 embeddings for 1 texts" in response.text
