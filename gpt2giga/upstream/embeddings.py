"""Embedding any number of texts of any length with a service that limits both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from gpt2giga.errors import ContextTooLong, UpstreamError

# What Sber's own LangChain integration sends at a time; the service's limit is not known (contract 10.7).
MOST_TEXTS = 90
MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Embedding:
    """`averaged`: the text was too long for the model, and this is the mean of its parts, weighted by length."""

    vector: list[float]
    tokens: int
    averaged: bool = False


# The texts of one request to GigaChat -> their embeddings, in order.
Send = Callable[[list[str]], list[Embedding]]


def embed(texts: list[str], send: Send, *, average: bool) -> list[Embedding]:
    """In the order of `texts`. Raises ContextTooLong for a text above the model's limit, unless `average`."""
    return [embedding for batch in _batches(texts) for embedding in _send(batch, send, average)]


def _batches(texts: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == MOST_TEXTS or characters + len(text) > MOST_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    yield batch


def _send(texts: list[str], send: Send, average: bool) -> list[Embedding]:
    """Halves tell which text is too long, down to the text itself, however GigaChat words it (contract 6.13)."""
    try:
        return send(texts)
    except ContextTooLong:
        if not average or (len(texts) == 1 and len(texts[0]) < 2):
            raise
    if len(texts) == 1:
        return [_mean(texts[0], send)]
    middle = len(texts) // 2
    return _send(texts[:middle], send, average) + _send(texts[middle:], send, average)


def _mean(text: str, send: Send) -> Embedding:
    parts = _halves(text)
    (first,), (second,) = (_send([part], send, average=True) for part in parts)
    if len(first.vector) != len(second.vector):
        raise UpstreamError("GigaChat gave embeddings of different lengths for parts of one text.")
    share = len(parts[0]) / len(text)
    vector = [a * share + b * (1 - share) for a, b in zip(first.vector, second.vector, strict=True)]
    return replace(first, vector=vector, tokens=first.tokens + second.tokens, averaged=True)


def _halves(text: str) -> tuple[str, str]:
    """At the blank nearest to the middle, when there is one in the middle third."""
    middle = len(text) // 2
    before = text.rfind(" ", middle - len(text) // 6, middle)
    after = text.find(" ", middle, middle + len(text) // 6)
    cuts = [cut for cut in (before, after) if cut > 0]
    cut = min(cuts, key=lambda at: abs(at - middle), default=middle)
    return text[:cut], text[cut:]
