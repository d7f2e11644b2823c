"""GigaChat's filter, asked about a text (contract 2.20)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gpt2giga.upstream.contract.answers import MISREADINGS, Unreadable, whole_number

FILTER = "GigaFilter"


@dataclass(frozen=True, slots=True)
class Verdict:
    """is_flagged: GigaChat would not answer such a text. GigaChat does not say why."""

    is_flagged: bool
    tokens: int


def to_filter_payload(text: str) -> dict[str, Any]:
    return {"model": FILTER, "messages": [{"role": "user", "content": text}]}


def from_filter(document: Any) -> Verdict:
    """Raises Unreadable: whoever asks whether a text is harmless must not be told so by mistake."""
    try:
        is_profane = document["is_profane"]
        tokens = whole_number((document.get("usage") or {}).get("filter_tokens", 0))
    except MISREADINGS:
        raise Unreadable(document) from None
    if not isinstance(is_profane, bool):
        raise Unreadable(document)
    return Verdict(is_profane, tokens)
