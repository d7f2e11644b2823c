"""Input items as they are kept and listed. Pure; raises BadRequest for a page that makes no sense."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.responses.items import kind_of
from gpt2giga.dialects.responses.output import item_id

MOST_ITEMS = 100
PAGE_ITEMS = 20


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


def to_page(items: Sequence[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """The newest item first, unless the query's `order` is asc."""
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise invalid("order", "asc or desc")
    ordered = list(items) if order == "asc" else [*reversed(items)]
    if after := query.get("after", ""):
        ids = [item["id"] for item in ordered]
        if after not in ids:
            raise invalid("after", "the id of an item of this response")
        ordered = ordered[ids.index(after) + 1 :]
    page = ordered[: _limit(query.get("limit", str(PAGE_ITEMS)))]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(page) < len(ordered),
    }


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST_ITEMS:
        raise invalid("limit", f"a number from 1 to {MOST_ITEMS}")
    return int(text)
