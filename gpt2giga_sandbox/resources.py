"""Models, embeddings, token counts, the filter, the balance (contract 2.7, 2.8, 2.9, 2.13, 2.18, 2.20, 6.1, 6.11)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request, Response

from gpt2giga_sandbox import catalog
from gpt2giga_sandbox.history import check_messages
from gpt2giga_sandbox.refusal import bad_json, check_types, invalid, no_such_model, Refusal
from gpt2giga_sandbox.replies import account, answer_json, character, json_body, state, voice

blueprint = Blueprint("resources", __name__)

FILTER = "GigaFilter"
FILTER_SETTINGS = ("neuro", "blacklist", "whitelist", "unnormalized_history")


@blueprint.get("/models")
def models() -> Response:
    entries = [model.entry() for model in catalog.MODELS.values()]
    return answer_json("models", {"data": entries, "object": "list"})


@blueprint.get("/models/<model_id>")
def model(model_id: str) -> Response:
    found = catalog.find(model_id)
    if found is None:
        raise no_such_model()
    return answer_json("models", found.entry())


@blueprint.post("/embeddings")
def embeddings() -> Response:
    body = json_body()
    check_types(body, {"model": str})
    model = catalog.find(body.get("model"), "embedder")
    if model is None:
        raise no_such_model()
    state().check_package(account(), model)
    texts, most = _texts(body), character().embeddings_batch
    if most is not None and len(texts) > most:
        # No refusal of this kind was ever seen (contract 10.7).
        raise invalid(f"input must have at most {most} items")
    data = [_embedding(text, index, model) for index, text in enumerate(texts)]
    state().spend(account(), model, sum(item["usage"]["prompt_tokens"] for item in data))
    return answer_json("embeddings", {"object": "list", "data": data, "model": model.id})


def _embedding(text: str, index: int, model: catalog.Model) -> dict[str, Any]:
    tokens, most = catalog.count_tokens(text), character().window(model)
    if tokens > most:
        raise Refusal(413, f"Tokens limit exceeded for index {index}: {tokens} (max {most})")
    return {
        "object": "embedding",
        "embedding": voice().embeds(text, model.dim),
        "index": index,
        "usage": {"prompt_tokens": tokens},
    }


def _texts(body: dict[str, Any]) -> list[str]:
    texts = body.get("input")
    if isinstance(texts, str):
        return [texts]
    # Lists of tokens included: the service takes text only (contract 6.15).
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise bad_json()
    return texts


@blueprint.post("/tokens/count")
def tokens_count() -> Response:
    body = json_body()
    check_types(body, {"model": str})
    if catalog.find(body.get("model")) is None:
        raise no_such_model()
    rows = [
        {"object": "tokens", "tokens": catalog.count_tokens(text), "characters": len(text)} for text in _texts(body)
    ]
    return answer_json("tokens", rows)


@blueprint.post("/filter/check")
def filter_check() -> Response:
    body = json_body()
    check_types(body, {"model": str, "messages": list, "functions": list, "settings": dict})
    check_types(body.get("settings", {}), dict.fromkeys(FILTER_SETTINGS, bool))
    if catalog.find(body.get("model", FILTER), "filter") is None:
        raise no_such_model()
    messages = body.get("messages", [])
    check_messages(messages, character())
    texts = [message["content"] for message in messages]
    tokens = sum(map(catalog.count_tokens, texts))
    is_profane = any(map(voice().filters, texts))
    return answer_json("filter", {"is_profane": is_profane, "usage": {"filter_tokens": tokens}})


@blueprint.get("/balance")
def balance() -> Response:
    left = state().balance(account(), request.headers.get("Authorization", ""))
    return answer_json("balance", {"balance": [{"usage": name, "value": tokens} for name, tokens in left.items()]})
