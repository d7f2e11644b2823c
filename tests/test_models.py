"""What models are called, and how large they are, over the running service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from flask import Flask
from openai import OpenAI

from gpt2giga.upstream.contract.facts import default_facts
from gpt2giga_sandbox.server import SandboxServer
from tests.asking import MESSAGES, new
from tests.service import Service

CHAT = "/v1/chat/completions"
ASKED: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"messages": MESSAGES}),
    ("/v1/completions", {"prompt": "Раз"}),
    ("/v1/responses", {"input": "Раз", "store": False}),
    ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9}),
]
NAMES = {
    "GigaChat-2-Max": "GigaChat-2-Max",
    "gigachat-2-max": "GigaChat-2-Max",
    "GIGACHAT-2-PRO": "GigaChat-2-Pro",
    "gigachat/GigaChat-2-Max": "GigaChat-2-Max",
    "openai/gigachat-2": "GigaChat-2",
    "sber/GigaChat-3-Ultra": "GigaChat-3-Ultra",
    "litellm_proxy/gigachat/GigaChat-2-Pro": "GigaChat-2-Pro",
    "GigaChat/gigachat-2-lite": "GigaChat-2",
    "gigachat-2-max:latest": "GigaChat-2-Max",
    "GIGACHAT-2-MAX:LATEST": "GigaChat-2-Max",
}


@pytest.mark.parametrize(("path", "body"), ASKED, ids=[path for path, _ in ASKED])
@pytest.mark.parametrize("asked", NAMES)
def test_names(service: Service, sandbox: SandboxServer, path: str, body: dict[str, Any], asked: str) -> None:
    response = service.post(path, {**body, "model": asked})
    assert response.status_code == 200 and response.json()["model"] == asked
    assert sandbox.state.chats()[0]["model"] == NAMES[asked]


def test_aliases_in_any_case(contrary: Service, sandbox: SandboxServer) -> None:
    contrary.post(CHAT, {"messages": MESSAGES, "model": "openai/Claude-TEST"})
    assert sandbox.state.chats()[0]["model"] == "GigaChat-2-Pro"


@pytest.mark.parametrize("asked", ["llama3", "LLAMA3:latest", "library/llama3:latest"])
def test_aliases_with_a_tag(app_with: Callable[..., Flask], sandbox: SandboxServer, asked: str) -> None:
    """People copy names from `ollama list`, where all have one."""
    client = app_with(GPT2GIGA_MODEL_ALIASES="llama3:latest=GigaChat-2-Pro").test_client()
    answer = client.post(CHAT, json={"messages": MESSAGES, "model": asked})
    assert answer.status_code == 200 and sandbox.state.chats()[0]["model"] == "GigaChat-2-Pro"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("llama3.2:3b", "GigaChat-2-Pro"),
        ("library/LLAMA3.2:3b-instruct-q4_K_M", "GigaChat-2-Pro"),
        ("GigaChat-2-Lite:1.2.26", "GigaChat-2:1.2.26"),
        ("gigachat-2-max:1.2.26", "GigaChat-2-Max:1.2.26"),
    ],
)
def test_releases_are_gigachats_only(
    app_with: Callable[..., Flask], sandbox: SandboxServer, asked: str, sent: str
) -> None:
    """Ollama writes sizes and versions in their place."""
    client = app_with(GPT2GIGA_MODEL_ALIASES="llama3.2=GigaChat-2-Pro").test_client()
    client.post(CHAT, json={"messages": MESSAGES, "model": asked})
    assert sandbox.state.chats()[0]["model"] == sent


def test_an_alias_of_an_embedder_with_a_version(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    client = app_with(GPT2GIGA_MODEL_ALIASES="nomic-embed-text=Embeddings").test_client()
    answer = client.post("/v1/embeddings", json={"model": "nomic-embed-text:v1.5", "input": new("a")})
    assert answer.status_code == 200 and sandbox.state.requests("/embeddings")[0]["json"]["model"] == "Embeddings"


@pytest.mark.parametrize("name", ["anthropic/claude-sonnet-5", "openai/claude-sonnet-5", "Claude-Sonnet-5"])
def test_claude_behind_a_vendor(service: Service, sandbox: SandboxServer, name: str) -> None:
    body = {"model": name, "messages": MESSAGES, "max_tokens": 9}
    assert service.post("/v1/messages", body).json()["model"] == name
    assert sandbox.state.chats()[0]["model"] == "GigaChat-2-Max"


EMBEDDERS = {
    "gigachat/EmbeddingsGigaR": "EmbeddingsGigaR",
    "embeddingsgigar": "EmbeddingsGigaR",
    "sber/Embeddings-2": "Embeddings-2",
    "EMBEDDINGS": "Embeddings",
    "openai/text-embedding-3-small": "EmbeddingsGigaR",
    "BAAI/bge-m3": "EmbeddingsGigaR",
}


@pytest.mark.parametrize("asked", EMBEDDERS)
def test_names_of_embedders(service: Service, sandbox: SandboxServer, asked: str) -> None:
    answer = service.post("/v1/embeddings", {"model": asked, "input": new("a")}).json()
    assert answer["model"] == asked
    assert sandbox.state.requests("/embeddings")[0]["json"]["model"] == EMBEDDERS[asked]


@pytest.mark.parametrize("asked", ["EmbeddingsGigaX", "gigachat/embeddings-3", "ai-sage/Giga-Embeddings-instruct"])
def test_an_embedder_that_is_not_there(service: Service, asked: str) -> None:
    """Vectors of another model under its name would spoil an index."""
    response = service.post("/v1/embeddings", {"model": asked, "input": "a"})
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(("path", "body"), ASKED, ids=[path for path, _ in ASKED])
def test_listed_but_closed(service: Service, sandbox: SandboxServer, path: str, body: dict[str, Any]) -> None:
    sandbox.state.script({"status": 404, "body": {"status": 404, "message": "No such model"}})
    response = service.post(path, {**body, "model": "gigachat/GigaChat-2-Pro"})
    message = response.json()["error"]["message"]
    assert response.status_code == 404 and "'GigaChat-2-Pro' is listed, but not open to this account or host" in message
    assert "closest" not in message


@pytest.mark.parametrize("asked", ["gpt-4o", "openai/gpt-4o", "deepseek-chat"])
def test_a_foreign_name(service: Service, asked: str) -> None:
    for response in (service.post(CHAT, {"messages": MESSAGES, "model": asked}), service.get(f"/v1/models/{asked}")):
        message = response.json()["error"]["message"]
        assert response.status_code == 404
        assert "GPT2GIGA_MODEL_ALIASES" in message and "GPT2GIGA_PASS_MODEL" in message


@pytest.mark.parametrize(("path", "body"), [*ASKED, ("/v1/embeddings", {"input": "a"})])
def test_a_name_without_end(service: Service, path: str, body: dict[str, Any]) -> None:
    """It is not repeated, and nobody looks for a close one."""
    response = service.post(path, {**body, "model": "openai/" * 1000})
    message = response.json()["error"]["message"]
    assert response.status_code == 404 and "7000" in message and len(message) < 200


def test_any_name_may_mean_the_default_model(app_with: Callable[..., Flask]) -> None:
    """Programs look for the name that they are set to before they chat under it; the list stays what it is."""
    client = app_with(GIGACHAT_MODEL="GigaChat-2-Pro", GPT2GIGA_PASS_MODEL="False").test_client()
    told = client.get("/v1/models/gpt-4o").json
    assert told and (told["id"], told["context_length"]) == ("gpt-4o", 261120)
    other = client.get("/v1/models/GigaChat-Plus").json
    assert other and (other["id"], other["context_length"]) == ("GigaChat-Plus", 32768)


@pytest.mark.parametrize("asked", ["text-embedding-3-small", "nomic-embed-text:latest"])
@pytest.mark.parametrize("pass_model", ["True", "False"])
def test_any_name_of_an_embedder_means_ours(app_with: Callable[..., Flask], asked: str, pass_model: str) -> None:
    """As it does at /v1/embeddings."""
    client = app_with(GPT2GIGA_PASS_MODEL=pass_model).test_client()
    told = client.get(f"/v1/models/{asked}").json
    assert told and (told["id"], told["type"], told["context_length"]) == (asked, "embedder", 4096)
    assert client.get("/v1/models/embeddings-3").status_code == 404


def test_an_embedder_is_asked_to_chat(service: Service) -> None:
    response = service.post(CHAT, {"messages": MESSAGES, "model": "Embeddings"})
    assert response.status_code == 404 and "its type is embedder" in response.json()["error"]["message"]


def test_windows_in_the_list(service: Service, client: OpenAI) -> None:
    models = {model["id"]: model for model in service.get("/v1/models").json()["data"]}
    for model in models.values():
        if model["type"] == "chat" and "Plus" not in model["id"]:
            assert (model["context_length"], model["max_output_tokens"]) == (261120, 8192), model
    assert models["GigaChat-Plus"]["context_length"] == 32768
    assert models["Embeddings"]["context_length"] == 514 and "max_output_tokens" not in models["Embeddings"]
    assert "context_length" not in models["GigaFilter"]
    assert client.models.retrieve("gigachat/gigachat-2-max").id == "GigaChat-2-Max"


@pytest.mark.parametrize(
    "model, tokens",
    [
        ("Embeddings", 514),
        ("Embeddings-2", 514),
        ("Embeddings-3B-2025-09", 4096),
        ("GigaEmbeddings-3B-2025-09", 4096),
        ("EmbeddingsGigaR", 4096),
    ],
)
def test_windows_of_embedders(model: str, tokens: int) -> None:
    assert default_facts(model).window == tokens


def test_windows_in_anthropics_list(service: Service) -> None:
    with anthropic.Anthropic(base_url=service.url, api_key="unused") as client:
        for model in client.models.list().data:
            assert model.max_tokens == 8192 and model.max_input_tokens == (32768 if "Plus" in model.id else 261120)


@pytest.mark.parametrize("path", ["/v1/model/info", "/model/info", "/v1/model/info/"])
def test_litellms_list(service: Service, path: str) -> None:
    models = {entry["model_name"]: entry for entry in service.get(path).json()["data"]}
    assert "GigaFilter" not in models and models["GigaChat-2-Lite"]["litellm_params"] == {
        "model": "gigachat/GigaChat-2"
    }
    told = models["GigaChat-2-Max"]["model_info"]
    assert told["mode"] == "chat" and told["supports_vision"] and told["supports_function_calling"]
    assert (told["max_input_tokens"], told["max_output_tokens"], told["max_tokens"]) == (261120, 8192, 8192)
    assert models["EmbeddingsGigaR"]["model_info"]["mode"] == "embedding"
