"""The sources of an answer, as annotations of a chat message. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from gpt2giga.chat import Citation

# A source; or a picture among the text: how many letters of the text stand before it, and how many it takes.
Mark: TypeAlias = Citation | tuple[int, int]


def to_annotations(marks: Sequence[Mark]) -> dict[str, Any]:
    """The field of a message with all sources, for the SDKs cannot add lists up; no field where there are none. Their
    places count in the content that the client gets, with its pictures."""
    pictures = [mark for mark in marks if isinstance(mark, tuple)]
    found = [_to_annotation(mark, pictures) for mark in marks if isinstance(mark, Citation)]
    return {"annotations": found} if found else {}


def _to_annotation(citation: Citation, pictures: Sequence[tuple[int, int]]) -> dict[str, Any]:
    start, last = _place(citation.start, pictures), _place(citation.end - 1, pictures)
    places = {"start_index": start, "end_index": last + 1 if citation.end > citation.start else start}
    return {"type": "url_citation", "url_citation": {"url": citation.url, "title": citation.title, **places}}


def _place(letter: int, pictures: Sequence[tuple[int, int]]) -> int:
    return letter + sum(length for place, length in pictures if place <= letter)
