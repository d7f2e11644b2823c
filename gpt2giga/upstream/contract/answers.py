"""What answers of both interfaces have in common while they come in: text, leaked words, thoughts, calls. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from gpt2giga.bounded_json import whole_characters
from gpt2giga.chat import arguments_from_json, Event, ToolCall, Usage
from gpt2giga.errors import UpstreamCut, UpstreamError
from gpt2giga.language import _
from gpt2giga.upstream.contract.thoughts import Thoughts
from gpt2giga.upstream.contract.tool_names import ToolNames
from gpt2giga.upstream.partial_match import possible_start

# What may leak as text before a call (contract 3.1.28).
LEAK = "assistant function call"
# The model wrote invalid arguments (contract 4.5, 5.14).
BROKEN_CALL = ("error", "function_call_error")
# The largest that clients in JavaScript read exactly.
LARGEST_NUMBER = 2**53
# What reading a document of another form than the documented one raises.
MISREADINGS = (LookupError, TypeError, AttributeError, ValueError, RecursionError)


class Unreadable(Exception):
    """An answer, or a chunk of one, that does not have the documented form (contract 4.1, 4.10, 5.13, 5.16)."""

    def __init__(self, document: Any) -> None:
        super().__init__("not the documented form")
        self.document = document


class Answer(ABC):
    """One answer while it comes in. A call may arrive with the finish reason, before it (contract 4.13), or after
    leaked text (contract 3.1.28)."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._finish: str | None = None
        self.usage: Usage | None = None
        self._called = False
        self._held = ""
        self._has_spoken, self._backticks = False, 0
        self._thoughts: Thoughts | None = None
        # Of a stream: the line that names the event of what comes next (contract 5.16).
        self._line = b""

    @abstractmethod
    def add(self, document: Any, events: list[Event]) -> None:
        """Appends what a document says to `events`. Raises Unreadable, UpstreamError."""

    @abstractmethod
    def end(self) -> list[Event]:
        """Raises UpstreamCut without a finish reason, UpstreamError."""

    def _check_finish(self) -> str:
        """The SDK ends silently where there is none (contract 7.7)."""
        if self._finish is None:
            raise UpstreamCut(_("Connection lost: GigaChat's answer ended before it was whole."), transient=True)
        if self._finish in BROKEN_CALL:
            raise UpstreamError(
                _("GigaChat's model produced an invalid function call. Try again."), code="upstream_model_error"
            )
        return self._finish

    def _part(self, text: str) -> list[Event]:
        """Thoughts among the text, once it has had a < in it."""
        self._thoughts = self._thoughts or Thoughts(has_spoken=self._has_spoken, backticks=self._backticks)
        return self._thoughts.feed(text)

    def _safe(self, text: str) -> str:
        """Holds back what may be the beginning of a leaked call until it is known not to be one."""
        if self._held:
            text = whole_characters(self._held + text)
        safe = possible_start(text, LEAK)
        text, self._held = text[:safe], text[safe:]
        return text

    def _end_of_text(self) -> list[Event]:
        """What was held back."""
        rest = self._part(whole_characters(self._held)) if self._held else []
        return [*rest, *(self._thoughts.end() if self._thoughts else [])]

    def _end_before_call(self) -> list[Event]:
        """Without leaked words."""
        self._held = ""
        return self._thoughts.end() if self._thoughts else []

    def _call(self, call: dict[str, Any], client_id: str) -> ToolCall:
        """Arguments are an object (contract 3.1.14); text, as other services write them, is understood too."""
        arguments = call.get("arguments") or {}
        if isinstance(arguments, str):
            arguments = arguments_from_json(arguments)
        if not isinstance(arguments, dict):
            raise TypeError("arguments")
        return ToolCall(client_id, self._names.from_gigachat(string(call["name"])), arguments)


def string(value: Any) -> str:
    """Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def whole_number(value: Any) -> int:
    """Of tokens, bytes and the like. Raises Unreadable."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise Unreadable(value) from None
    if not 0 <= number <= LARGEST_NUMBER:
        raise Unreadable(value)
    return number
