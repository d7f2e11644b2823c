"""Where JSON stands in an answer: models put words and code fences around it. Pure."""

from __future__ import annotations

import json
import re

from gpt2giga.bounded_json import has_more_values, MOST_VALUES_IN_TEXT

FENCE = "```"
# Each place where a document may begin costs an attempt, and each document a look at the client's schema.
MOST_ATTEMPTS, MOST_DOCUMENTS = 50, 3
_BEGINNING = re.compile(r"[{\[]")
_MARK = re.compile(r'\\.|\\\Z|["{}\[\]]', re.S)


def find_documents(text: str) -> list[str]:
    """Objects and lists among the words, the longest first, and the whole text: it may be another document."""
    whole = strip_fence(text)
    if has_more_values(text.encode(), MOST_VALUES_IN_TEXT):
        return [whole]
    found: list[str] = []
    at = 0
    for _ in range(MOST_ATTEMPTS):
        if not (beginning := _BEGINNING.search(text, at)):
            break
        try:
            _, at = json.JSONDecoder().raw_decode(text, beginning.start())
        except (ValueError, RecursionError):
            at = beginning.end()
        else:
            found.append(text[beginning.start() : at])
    return [*sorted(found, key=len, reverse=True)[:MOST_DOCUMENTS], whole]


def strip_fence(text: str) -> str:
    text = text.strip()
    if len(text) < 2 * len(FENCE) or not (text.startswith(FENCE) and text.endswith(FENCE)):
        return text
    inner = text[len(FENCE) : -len(FENCE)]
    return inner[4 if inner[:4].lower() == "json" else 0 :].strip()


class DocumentEnd:
    """Looks for the end of the object or list that a text begins with, which comes in pieces."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_in_string = self._is_escaped = self._is_over = False

    def cut(self, piece: str) -> str:
        """The part of the piece that is before it."""
        if self._is_over or not piece:
            return ""
        marks = _MARK.finditer(piece, int(self._is_escaped))
        self._is_escaped = False
        for mark in marks:
            if mark[0] == '"':
                self._is_in_string = not self._is_in_string
            elif mark[0] == "\\":  # what it escapes is in the next piece
                self._is_escaped = True
            elif mark[0] in "{}[]" and not self._is_in_string:
                self._depth += 1 if mark[0] in "{[" else -1
                if self._depth == 0:
                    self._is_over = True
                    return piece[: mark.end()]
        return piece
