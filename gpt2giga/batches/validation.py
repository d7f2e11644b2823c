"""Looks through the input of a batch before any of it is asked."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from gpt2giga.concurrency.waiting import give_way
from gpt2giga.dialects.openai.batches import BadLine, from_line

# Whoever has made more mistakes has made one of them again and again.
MOST_ERRORS = 50


@dataclass(slots=True)
class Found:
    """models: those that lines name, but no more than two: one is the batch's."""

    total: int = 0
    models: set[str] = field(default_factory=set)
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def model(self) -> str:
        return next(iter(self.models)) if len(self.models) == 1 else ""


class _Seen:
    """Ids, eight bytes each: a batch may have many thousands."""

    def __init__(self) -> None:
        self._digests: array[int] = array("Q")

    def add(self, custom_id: str) -> bool:
        """False where it was there."""
        digest = int.from_bytes(blake2b(custom_id.encode(errors="replace"), digest_size=8).digest(), "big")
        place = bisect_left(self._digests, digest)
        if place < len(self._digests) and self._digests[place] == digest:
            return False
        self._digests.insert(place, digest)
        return True


def validate(read: Callable[[int], list[tuple[int, bytes]]], endpoint: str, most_values: int) -> Found:
    """read: the next lines behind a number."""
    found, seen = Found(), _Seen()
    for number, content in _lines(read):
        give_way()
        if not content.strip():
            continue
        found.total += 1
        try:
            line = from_line(content, endpoint, most_values, give_way)
            if not seen.add(line.custom_id):
                words = f"The custom_id '{line.custom_id}' is that of an earlier line too."
                raise BadLine("duplicate_custom_id", words, "custom_id")
        except BadLine as bad:
            found.errors.append(bad.to_error(number))
            if len(found.errors) >= MOST_ERRORS:
                break
            continue
        if len(found.models) < 2:
            found.models.add(line.model)
    if not found.total:
        found.errors.append(BadLine("empty_file", "The input file has no requests.").to_error(None))
    return found


def _lines(read: Callable[[int], list[tuple[int, bytes]]]) -> Iterator[tuple[int, bytes]]:
    after = 0
    while lines := read(after):
        yield from lines
        after = lines[-1][0]
