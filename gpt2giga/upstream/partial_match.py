"""Looking for a marker in text that comes in pieces."""

from __future__ import annotations


def possible_start(text: str, marker: str) -> int:
    """Where `marker` stands in `text`, or where a beginning of it stands at the end; else the text's length."""
    found = text.find(marker)
    if found >= 0:
        return found
    at = max(0, len(text) - len(marker) + 1)
    while (at := text.find(marker[0], at)) >= 0:
        if marker.startswith(text[at:]):
            return at
        at += 1
    return len(text)
