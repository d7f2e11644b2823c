"""Requests of /api/embed and the older /api/embeddings, and their answers. Pure; raises BadRequest."""

from __future__ import annotations

import time
from typing import Any

from gpt2giga.dialects import fields
from gpt2giga.dialects.embeddings import check_dimensions
from gpt2giga.dialects.fields import Body
from gpt2giga.upstream.embeddings import Embedding


def from_input(given: Any) -> list[str]:
    """None where Ollama would only load the model."""
    if isinstance(given, list):
        return [fields.text(text, f"input[{number}]") for number, text in enumerate(given)]
    return [] if given in (None, "") else [fields.text(given, "input")]


def to_embed(found: list[Embedding], model: str, body: Body, started: float) -> dict[str, Any]:
    check_dimensions(found, fields.integer(body, "dimensions", 1, 100_000), "dimensions", model)
    return {
        "model": fields.string(body, "model") or model,
        "embeddings": [embedding.vector for embedding in found],
        "total_duration": int((time.monotonic() - started) * 1e9),
        "load_duration": 0,  # Vercel's AI SDK wants both
        "prompt_eval_count": sum(embedding.tokens for embedding in found),
    }


def to_embedding(found: list[Embedding], model: str) -> dict[str, Any]:
    return {"embedding": found[0].vector if found else []}
