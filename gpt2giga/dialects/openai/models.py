"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from gpt2giga.upstream.client import GetUpstream
from gpt2giga.upstream.contract.models import Model
from gpt2giga.web.body import json_response


def blueprint(get_upstream: GetUpstream) -> Blueprint:
    models = Blueprint("openai_models", __name__)

    @models.get("/models")
    def list_models() -> Response:
        return json_response({"object": "list", "data": [to_model(m) for m in get_upstream().catalog.models()]})

    @models.get("/models/<path:model_id>")
    def retrieve_model(model_id: str) -> Response:
        return json_response(to_model(get_upstream().catalog.model(model_id.rstrip("/"))))

    return models


def to_model(model: Model) -> dict[str, Any]:
    """`type` and `alias_of` are ours. GigaChat does not say when a model was made: `created` is 0."""
    wire = {"id": model.id, "object": "model", "created": 0, "owned_by": model.owned_by, "type": model.kind}
    return {**wire, "alias_of": model.alias_of} if model.alias_of else wire
