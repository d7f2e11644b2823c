"""Stop sequences, which GigaChat does not have. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gpt2giga.chat import Done, Event, TextDelta, ToolCall, Usage
from gpt2giga.upstream.partial_match import possible_start


def cut(events: Iterator[Event], stops: tuple[str, ...], *, close: bool) -> Iterator[Event]:
    """The answer up to the first stop sequence, which may come in pieces.

    close: the rest costs tokens, so it is not waited for; the answer is then without usage.
    """
    held = ""
    for event in events:
        if not stops or not isinstance(event, TextDelta | ToolCall | Done):
            yield event
            continue
        text = held + event.text if isinstance(event, TextDelta) else held
        # Where it is decided: at a stop sequence, or at what may become one, while more text may come.
        find = possible_start if isinstance(event, TextDelta) else _start
        safe = min(find(text, stop) for stop in stops)
        held = text[safe:]
        if safe:
            yield TextDelta(text[:safe])
        found = next((stop for stop in stops if held.startswith(stop)), "")
        if found:
            yield Done("stop", None if close else _usage([event, *events]), found)
            return
        if not isinstance(event, TextDelta):
            yield event


def _start(text: str, stop: str) -> int:
    found = text.find(stop)
    return found if found >= 0 else len(text)


def _usage(events: list[Event]) -> Usage | None:
    return next((event.usage for event in events if isinstance(event, Done)), None)
