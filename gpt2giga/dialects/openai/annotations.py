"""The sources of an answer, as annotations of a chat message. Pure."""

from __future__ import annotations

from typing import Any

from gpt2giga.chat import Citation


class Annotations:
    """Of one answer. Their places count in the content that the client gets, where pictures stand among the text."""

    def __init__(self) -> None:
        self._citations: list[Citation] = []
        self._pictures: list[tuple[int, int]] = []

    def add(self, citation: Citation) -> None:
        self._citations.append(citation)

    def add_picture(self, place: int, length: int) -> None:
        """place: how many letters of the text stand before it."""
        self._pictures.append((place, length))

    def to_field(self) -> dict[str, Any]:
        """The field of the message, all in one: the SDKs cannot add lists up. None where there are no sources."""
        return (
            {"annotations": [self._to_annotation(citation) for citation in self._citations]} if self._citations else {}
        )

    def _to_annotation(self, citation: Citation) -> dict[str, Any]:
        end = self._place(citation.end - 1) + 1 if citation.end > citation.start else self._place(citation.start)
        places = {"start_index": self._place(citation.start), "end_index": end}
        return {"type": "url_citation", "url_citation": {"url": citation.url, "title": citation.title, **places}}

    def _place(self, letter: int) -> int:
        return letter + sum(length for place, length in self._pictures if place <= letter)
