"""GigaChat's models in the API's shape, and what Gemini's names mean here. Pure."""

from __future__ import annotations

from typing import Any

from gpt2giga.dialects import model_names
from gpt2giga.upstream.contract.models import Catalog, Model

GEMINI = "gemini-"
COLLECTIONS = ("models/", "tunedModels/")
METHODS = {
    "chat": ["generateContent", "streamGenerateContent", "countTokens"],
    "embedder": ["embedContent", "batchEmbedContents"],
}


def known_name(asked: str, catalog: Catalog) -> str:
    """Gemini's names without an alias mean the default model, as no name does."""
    return model_names.known_name(bare_name(asked), catalog, GEMINI)


def bare_name(asked: str) -> str:
    return asked.partition("/")[2] if asked.startswith(COLLECTIONS) else asked


def to_list(models: list[Model]) -> dict[str, Any]:
    """All at once: there are no further pages."""
    return {"models": [to_model(model) for model in models if model.kind in METHODS]}


def to_model(model: Model) -> dict[str, Any]:
    return {
        "name": f"models/{bare_name(model.id)}",
        "version": "",
        "displayName": bare_name(model.id),
        "description": f"{model.gigachats_id} of {model.owned_by}",
        "inputTokenLimit": model.facts.window,
        "outputTokenLimit": model.facts.longest_answer,
        "supportedGenerationMethods": METHODS.get(model.kind, []),
    }
