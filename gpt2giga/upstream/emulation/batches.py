"""Asking GigaChat several times for one answer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TypeAlias

from gpt2giga.chat import ChatRequest, Event

# One request to GigaChat. An empty list: nothing to pass on for a while.
Ask: TypeAlias = Callable[[ChatRequest], Iterator[list[Event]]]
# Steps that give signs of life, and an answer at their end.
Steps: TypeAlias = Generator[list[Event], None, list[Event]]


def collect(batches: Iterator[list[Event]]) -> Steps:
    """All events of an answer that is not passed on before it is whole."""
    events: list[Event] = []
    for batch in batches:
        events += batch
        yield []
    return events
