"""Stop sequences, which GigaChat does not have. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gpt2giga.chat import Done
from gpt2giga.chat import Event
from gpt2giga.chat import TextDelta
from gpt2giga.chat import ToolCall
from gpt2giga.chat import Usage
from gpt2giga.upstream.hold import possible_start


def cut(events: Iterator[Event], stops: tuple[str, ...], *, close: bool) -> Iterator[Event]:
    """The answer up to the first stop sequence, which may come in pieces.

    close: the rest costs tokens, so it is not waited for; the answer is then without usage.
    """
    if not stops:
        yield from events
        return
    held = ""
    for event in events:
        if isinstance(event, TextDelta):
            text = held + event.text
            safe = min(possible_start(text, marker) for marker in stops)
            held = text[safe:]
            if safe:
                yield TextDelta(text[:safe])
            if held.startswith(stops):
                yield Done("stop", None if close else _usage(events))
                return
        else:
            if held and isinstance(event, ToolCall | Done):
                yield TextDelta(held)
                held = ""
            yield event


def _usage(events: Iterator[Event]) -> Usage | None:
    return next((event.usage for event in events if isinstance(event, Done)), None)
