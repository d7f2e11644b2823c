"""GigaChat's models in Anthropic's shape, and what Claude's names mean here. Pure."""

from __future__ import annotations

from typing import Any

from gpt2giga.dialects import model_names
from gpt2giga.upstream.contract.models import Catalog, Model

CLAUDE = "claude-"


def known_name(asked: str, catalog: Catalog) -> str:
    """Claude's names without an alias mean the default model, as no name does."""
    return model_names.known_name(asked, catalog, CLAUDE)


def to_list(models: list[Model]) -> dict[str, Any]:
    """All at once: there are no further pages."""
    data = [to_model(model) for model in models if model.kind == "chat"]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"data": data, "has_more": False, **ends}


def to_model(model: Model) -> dict[str, Any]:
    """GigaChat does not say when a model was made; the epoch stands for that, as Anthropic documents it."""
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": model.facts.window,
        "max_tokens": model.facts.longest_answer,
    }
