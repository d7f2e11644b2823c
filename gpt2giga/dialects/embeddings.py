"""What embeddings have in common in all dialects."""

from __future__ import annotations

from gpt2giga.dialects.fields import invalid
from gpt2giga.upstream.embeddings import Embedding


def check_dimensions(found: list[Embedding], wanted: int | None, param: str, model: str) -> None:
    """Raises BadRequest where GigaChat's vectors have another length: one cut to fewer numbers would mean something
    else, and that is for the client to decide."""
    given = len(found[0].vector) if found else wanted
    if wanted not in (None, given):
        raise invalid(param, f"{given}, which is what {model} gives")
