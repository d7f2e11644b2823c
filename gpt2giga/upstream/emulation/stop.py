"""Stop sequences, which GigaChat does not have (contract 3.0.10). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gpt2giga.chat import Citation, Done, Event, HostedCall, Picture, TextDelta, ToolCall, Usage
from gpt2giga.upstream.partial_match import possible_start


def cut(batches: Iterator[list[Event]], stops: tuple[str, ...], *, close: bool) -> Iterator[list[Event]]:
    """The answer up to the first stop sequence, which may come in pieces.

    close: the rest costs tokens, so it is not waited for; the answer is then without usage.
    """
    cutter = _Cutter(stops)
    for batch in batches:
        yield cutter.pass_on(batch)
        if cutter.found:
            break
    if cutter.found:
        rest = [*cutter.rest, *([] if close else (event for batch in batches for event in batch))]
        yield [*cutter.kept(rest), Done("stop", None if close else _usage(rest), cutter.found)]


class _Cutter:
    """found: the stop sequence that has come, rest: the events of its batch that came after it.

    Sources come behind their text, so they wait for it, and may come behind the cut too. Those of what is cut away are
    left out.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._held = ""
        self._letters = 0
        self._citations: list[Citation] = []
        self.found = ""
        self.rest: list[Event] = []

    def pass_on(self, batch: list[Event]) -> list[Event]:
        passed: list[Event] = []
        for number, event in enumerate(batch):
            if isinstance(event, Citation):
                (self._citations if self._held else passed).append(event)
            elif not isinstance(event, TextDelta | ToolCall | HostedCall | Picture | Done):
                passed.append(event)
            else:
                passed += self._up_to(event)
            if self.found:
                self.rest = batch[number:]
                break
        return passed

    def _up_to(self, event: Event) -> list[Event]:
        passed: list[Event] = []
        if text := self._safe(event):
            self._letters += len(text)
            passed.append(TextDelta(text))
        if self.found or not self._held:
            passed += self.kept(self._citations)
            self._citations = []
        return passed if self.found or isinstance(event, TextDelta) else [*passed, event]

    def kept(self, events: Iterable[Event]) -> list[Event]:
        """The sources of what was passed on."""
        return [event for event in events if isinstance(event, Citation) and event.end <= self._letters]

    def _safe(self, event: Event) -> str:
        """The text up to where it is decided: at a stop sequence, or at what may become one, while more may come."""
        is_text = isinstance(event, TextDelta)
        text = self._held + event.text if isinstance(event, TextDelta) else self._held
        find = possible_start if is_text else _start
        safe = min((find(text, stop) for stop in self._stops), default=len(text))
        self._held = text[safe:]
        self.found = next((stop for stop in self._stops if self._held.startswith(stop)), "")
        return text[:safe]


def _start(text: str, stop: str) -> int:
    found = text.find(stop)
    return found if found >= 0 else len(text)


def _usage(events: list[Event]) -> Usage | None:
    return next((event.usage for event in events if isinstance(event, Done)), None)
