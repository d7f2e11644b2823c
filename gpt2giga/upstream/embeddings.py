"""Embedding any number of texts of any length with a service that limits both."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import mul

from gpt2giga.concurrency.waiting import give_way
from gpt2giga.errors import ContextTooLong, UpstreamError

MOST_CHARACTERS = 1_000_000
# Number, tokens, limit (contract 6.13).
TOO_LONG = re.compile(r"index (\d{1,9}): (\d{1,9}) \(max (\d{1,9})\)")
# Parts of equal length have more and fewer tokens.
MARGIN = 1.1


@dataclass(frozen=True, slots=True)
class Embedding:
    """`averaged`: the text was too long for the model, and this is the mean of its parts, weighted by length."""

    vector: list[float]
    tokens: int
    averaged: bool = False


# The texts of one request to GigaChat -> their embeddings, in order.
Send = Callable[[list[str]], list[Embedding]]


def embed(texts: list[str], send: Send, *, most_texts: int, average: bool) -> list[Embedding]:
    """In the order of `texts`, at most so many at a time. Raises ContextTooLong for a text above the model's limit,
    unless `average`."""
    try:
        batches = (_send(batch, send, most_texts, average) for batch in _batches(texts, most_texts))
        return [embedding for batch in batches for embedding in batch]
    except ContextTooLong as error:
        error.param = "input"
        raise


def normalized(found: list[Embedding]) -> Iterator[Embedding]:
    """Of unit length, as OpenAI's vectors are; GigaChat's are not (contract 6.17)."""
    for embedding in found:
        give_way()
        length = math.hypot(*embedding.vector) or 1  # all may be zeros
        yield replace(embedding, vector=[number / length for number in embedding.vector])


def _batches(texts: list[str], most_texts: int) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == most_texts or characters + len(text) > MOST_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    yield batch


def _send(texts: list[str], send: Send, most_texts: int, average: bool) -> list[Embedding]:
    """Of texts that are refused only the one that GigaChat names is cut. Where it names none, halves tell which it is,
    down to the text itself (contract 6.13)."""
    try:
        return send(texts)
    except ContextTooLong as error:
        if not average or (len(texts) == 1 and len(texts[0]) < 2):
            raise
        index, count = _named(error.message, texts)
    if count:
        parts = _cut(texts[index], count)
        found = embed([*texts[:index], *parts, *texts[index + 1 :]], send, most_texts=most_texts, average=True)
        return [*found[:index], _mean(parts, found[index : index + count]), *found[index + count :]]
    if len(texts) == 1:
        parts = _cut(texts[0], 2)
        return [_mean(parts, [found for part in parts for found in _send([part], send, most_texts, average)])]
    middle = len(texts) // 2
    halves = (texts[:middle], texts[middle:])
    return [found for half in halves for found in _send(half, send, most_texts, average)]


def _named(words: str, texts: list[str]) -> tuple[int, int]:
    """Which text is too long, and in how many parts it will fit; no parts: nothing is said of that."""
    if found := TOO_LONG.search(words):
        index, tokens, most = map(int, found.groups())
        if index < len(texts) and len(texts[index]) > 1 and tokens > most > 0:
            return index, min(math.ceil(tokens * MARGIN / most), len(texts[index]))
    return 0, 0


def _mean(parts: list[str], found: list[Embedding]) -> Embedding:
    if len({len(each.vector) for each in found}) > 1:
        raise UpstreamError("GigaChat gave embeddings of different lengths for parts of one text.")
    length = sum(map(len, parts))
    shares = [len(part) / length for part in parts]
    vector = [sum(map(mul, shares, numbers)) for numbers in zip(*(each.vector for each in found), strict=True)]
    return Embedding(vector, sum(each.tokens for each in found), averaged=True)


def _cut(text: str, count: int) -> list[str]:
    """Equal parts, but each ends at a blank when there is one near: within a third of a part."""
    size = len(text) / count
    cuts = [0, *(_blank_near(text, int(number * size), int(size / 3)) for number in range(1, count)), len(text)]
    return [text[begin:end] for begin, end in pairwise(cuts)]


def _blank_near(text: str, place: int, most: int) -> int:
    before = text.rfind(" ", place - most, place)
    after = text.find(" ", place, place + most)
    cuts = [cut for cut in (before, after) if cut > 0]
    return min(cuts, key=lambda at: abs(at - place), default=place)
