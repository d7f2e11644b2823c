"""GET /v1/models and /v1/models/{id} in Anthropic's shape, and what its model names mean here."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from flask import Blueprint, request, Response

from gpt2giga.upstream.client import GetUpstream
from gpt2giga.upstream.contract.models import Catalog, Model
from gpt2giga.web.body import json_response

PATHS = re.compile(r"(?:/v1)?/models(?:/(.+?))?/?")
CLAUDE = "claude-"


def blueprint(get_upstream: GetUpstream) -> Blueprint:
    models = Blueprint("anthropic_models", __name__)

    @models.before_app_request
    def answer() -> Response | None:
        """The paths are OpenAI's as well; the header tells whose client asks."""
        path = PATHS.fullmatch(request.path)
        if not path or request.method not in ("GET", "HEAD") or "Anthropic-Version" not in request.headers:
            return None
        catalog = get_upstream().catalog
        return json_response(to_model(_named(path[1], catalog)) if path[1] else to_list(catalog.models()))

    return models


def meant(asked: str, catalog: Catalog) -> str:
    """Claude's names without an alias mean the default model, as no name does."""
    return "" if asked.startswith(CLAUDE) and catalog.resolve(asked) == asked else asked


def _named(asked: str, catalog: Catalog) -> Model:
    return replace(catalog.model(meant(asked, catalog) or catalog.resolve("")), id=asked)


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
    }
