"""Lists by pages, as OpenAI gives them. Pure; raises BadRequest for a page that makes no sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gpt2giga.dialects.fields import invalid


def to_page(items: Sequence[dict[str, Any]], query: Mapping[str, str], *, usual: int, most: int) -> dict[str, Any]:
    """`items` are given oldest first; the newest comes first, unless the query's `order` is asc. usual, most: how many
    a page has."""
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise invalid("order", "asc or desc")
    ordered = list(items) if order == "asc" else [*reversed(items)]
    if after := query.get("after", ""):
        ids = [item["id"] for item in ordered]
        if after not in ids:
            raise invalid("after", "the id of one that is listed")
        ordered = ordered[ids.index(after) + 1 :]
    page = ordered[: limit_of(query, usual, most)]
    return to_list(page, has_more=len(page) < len(ordered))


def to_list(page: Sequence[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": [*page],
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": has_more,
    }


def limit_of(query: Mapping[str, str], usual: int, most: int) -> int:
    """How many a page is to have."""
    text = query.get("limit", str(usual))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= most:
        raise invalid("limit", f"a number from 1 to {most}")
    return int(text)
