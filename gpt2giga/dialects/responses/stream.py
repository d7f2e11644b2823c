"""Events -> OpenAI's stream of response events. Pure."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from gpt2giga.chat import Done, Event
from gpt2giga.dialects.responses.output import Output, Wire
from gpt2giga.dialects.responses.response import Head, to_finished, to_object, why_incomplete
from gpt2giga.errors import BadRequest, ContextTooLong, ProxyError, QuotaExceeded, RateLimited

FINAL = ("response.completed", "response.incomplete")
# Codex tells by these what is worth another try; anything else it repeats.
CODES: tuple[tuple[type[ProxyError], str], ...] = (
    (ContextTooLong, "context_length_exceeded"),
    (QuotaExceeded, "insufficient_quota"),
    (RateLimited, "rate_limit_exceeded"),
    (BadRequest, "invalid_prompt"),
)


class Stream:
    """One streamed response. Its events are made in one place and sent in another, which `stamp`s them."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._output = Output(head.key, head.toolbox)
        self._sent = 0

    def events(self, events: Iterable[Event]) -> Generator[Wire, None, None]:
        """The first two come with the first event, so that a refusal can still be a status."""
        begun = False
        try:
            for event in events:
                if not begun:
                    begun = True
                    yield self.sign_of_life()
                    yield {**self.sign_of_life(), "type": "response.in_progress"}
                if isinstance(event, Done):
                    yield from self._last(event)
                else:
                    yield from self._output.add(event)
        except ProxyError as error:
            if begun:
                yield {"type": "error", "code": to_code(error), "message": error.message, "param": error.param}
            raise

    def _last(self, done: Done) -> Generator[Wire, None, None]:
        yield from self._output.finish(complete=not why_incomplete(done, self._head))
        response = to_finished(self._head, self._output, done)
        yield {"type": f"response.{response['status']}", "response": response}

    def sign_of_life(self) -> Wire:
        """`stamp` makes it a response.in_progress unless it is the first of all."""
        return {"type": "response.created", "response": to_object(self._head, "in_progress")}

    def failed(self, error: ProxyError) -> Wire:
        details = {"code": to_code(error), "message": to_message(error)}
        return {
            "type": "response.failed",
            "response": to_object(self._head, "failed", self._output.items, error=details),
        }

    def stamp(self, event: Any) -> Wire:
        """Numbers an event when it is sent: a heartbeat comes between events that were made before it."""
        number = self._sent
        self._sent += 1
        if number and event["type"] == "response.created":
            event = {**event, "type": "response.in_progress"}
        return {**event, "sequence_number": number}


def to_code(error: ProxyError) -> str:
    return next((code for kind, code in CODES if isinstance(error, kind)), "server_error")


def to_message(error: ProxyError) -> str:
    """Codex waits as long as the text says."""
    if error.retry_after is None:
        return error.message
    return f"{error.message} Please try again in {error.retry_after:g}s."
