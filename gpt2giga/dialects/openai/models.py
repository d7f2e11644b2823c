"""GigaChat's models in OpenAI's shape. Pure."""

from __future__ import annotations

from typing import Any

from gpt2giga.upstream.contract.models import Model


def to_list(models: list[Model]) -> dict[str, Any]:
    return {"object": "list", "data": [to_model(model) for model in models]}


def to_model(model: Model) -> dict[str, Any]:
    """`type` and `alias_of` are ours. GigaChat does not say when a model was made: `created` is 0."""
    wire = {"id": model.id, "object": "model", "created": 0, "owned_by": model.owned_by, "type": model.kind}
    return {**wire, "alias_of": model.alias_of} if model.alias_of else wire
