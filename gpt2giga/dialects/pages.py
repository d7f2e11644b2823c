"""Lists by pages, as OpenAI gives them. Pure; raises BadRequest for a page that makes no sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpt2giga.dialects.fields import invalid
from gpt2giga.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Page:
    """What a client wants to see of a list. after: the id of the entry before, empty for the first page. ascending: the
    oldest entries come first."""

    after: str
    limit: int
    ascending: bool


def from_query(query: Mapping[str, str], *, usual: int, most: int) -> Page:
    """The newest entries come first, unless the query's `order` is asc. usual, most: how many a page has."""
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise invalid("order", "asc or desc")
    return Page(query.get("after", ""), limit_of(query, usual, most), order == "asc")


def to_page(items: Sequence[dict[str, Any]], page: Page) -> dict[str, Any]:
    """`items` are given oldest first."""
    ordered = list(items) if page.ascending else [*reversed(items)]
    if page.after:
        ids = [item["id"] for item in ordered]
        if page.after not in ids:
            raise unknown_after()
        ordered = ordered[ids.index(page.after) + 1 :]
    shown = ordered[: page.limit]
    return to_list(shown, has_more=len(shown) < len(ordered))


def to_list(shown: Sequence[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": has_more,
    }


def unknown_after() -> BadRequest:
    return invalid("after", "the id of one that is listed")


def limit_of(query: Mapping[str, str], usual: int, most: int) -> int:
    """How many a page is to have."""
    text = query.get("limit", str(usual))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= most:
        raise invalid("limit", f"a number from 1 to {most}")
    return int(text)
