"""Thoughts that a model writes into its text, between <think> and </think> (contract 4.7). Pure."""

from __future__ import annotations

from gpt2giga.chat import Event, ReasoningDelta, TextDelta
from gpt2giga.upstream.partial_match import possible_start

OPENING, CLOSING = "<think>", "</think>"
# Characters. A tag in the middle of a text is waited for no longer than that: it may be a text about tags.
LONGEST_INSERTION = 50_000
MOST_BLANKS = 1000


class Thoughts:
    """Tells thoughts from text, in pieces of any size.

    The first thing in an answer is a thought as soon as its tag is there. Later a thought needs both tags, and in code,
    which an odd number of backticks before it tells, tags are text: people ask about them.
    """

    def __init__(self, *, has_spoken: bool, backticks: int) -> None:
        """What has been said before without the filter."""
        self._has_spoken, self._backticks = has_spoken, backticks
        self._held = ""
        self._is_thinking = self._is_at_edge = False
        self._events: list[Event] = []

    def feed(self, text: str) -> list[Event]:
        self._held += text
        while self._step():
            pass
        events, self._events = self._events, []
        return events

    def end(self) -> list[Event]:
        """What was held back. A thought that was cut is one all the same."""
        self._say(self._held)
        events, self._events, self._held = self._events, [], ""
        return events

    def _step(self) -> bool:
        """False when more must come to go on."""
        tag = CLOSING if self._is_thinking else OPENING
        at = possible_start(self._held, tag)
        if self._is_thinking:  # blanks at its end are held back too
            at = max(len(self._held[:at].rstrip()), at - MOST_BLANKS)
        self._say(self._held[:at])
        self._held = self._held[at:]
        if not self._held.lstrip().startswith(tag):
            return False
        if self._has_spoken and not self._is_thinking:
            return self._insertion()
        self._held = self._held.partition(tag)[2]
        self._is_thinking, self._is_at_edge = not self._is_thinking, True
        return True

    def _insertion(self) -> bool:
        thought, closing, rest = self._held.removeprefix(OPENING).partition(CLOSING)
        if self._backticks % 2 or len(thought) > LONGEST_INSERTION:
            self._say(OPENING)
            self._held = self._held.removeprefix(OPENING)
            return True
        if not closing:
            return False
        if thought := thought.strip():
            self._events.append(ReasoningDelta(thought))
        self._held, self._is_at_edge = rest, True
        return True

    def _say(self, text: str) -> None:
        """Without the blanks that follow a tag."""
        if self._is_at_edge:
            text = text.lstrip()
        if not text:
            return
        self._is_at_edge = False
        if self._is_thinking:
            self._events.append(ReasoningDelta(text))
            return
        self._has_spoken = self._has_spoken or not text.isspace()
        self._backticks += text.count("`")
        self._events.append(TextDelta(text))
