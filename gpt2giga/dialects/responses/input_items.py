"""Input items as they are kept and listed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gpt2giga.dialects.responses.items import kind_of
from gpt2giga.dialects.responses.output import item_id


def to_stored_items(items: Iterable[Any], key: str) -> list[dict[str, Any]]:
    """The items in their full form, each with an id: the client's own, or one of ours."""
    return [_full(item, key, number) for number, item in enumerate(items)]


def _full(item: Mapping[str, Any], key: str, number: int) -> dict[str, Any]:
    kind = kind_of(item, f"input[{number}]")
    given = {name: value for name, value in item.items() if value is not None}
    full = {"id": item_id(kind, key, number, "i"), "type": kind, "status": "completed", **given}
    if kind == "message":
        full["content"] = _parts(item.get("content"), str(item.get("role")))
    return full


def _parts(content: Any, role: str) -> list[dict[str, Any]]:
    """Without those that make no sense, which an old message may have."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return [_part(part, role) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _part(part: Mapping[str, Any], role: str) -> dict[str, Any]:
    kind = part.get("type")
    if kind in ("text", "input_text", "output_text"):
        if role == "assistant":
            return {"annotations": [], "logprobs": [], **part, "type": "output_text"}
        return {**part, "type": "input_text"}
    return {"detail": "auto", **part} if kind == "input_image" else {**part}
