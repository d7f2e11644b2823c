"""Events -> OpenAI's stream of response events. Pure."""

from __future__ import annotations

from collections.abc import Callable

from gpt2giga.chat import Done, Event
from gpt2giga.dialects.responses.hosted_items import JsonObject
from gpt2giga.dialects.responses.response import ResponseHead, to_finished, to_object, why_incomplete
from gpt2giga.errors import BadRequest, ContextTooLong, PromiseBroken, ProxyError, QuotaExceeded, RateLimited

# Codex tells by these what is worth another try; anything else it repeats.
CODES: tuple[tuple[type[ProxyError], str], ...] = (
    (ContextTooLong, "context_length_exceeded"),
    (QuotaExceeded, "insufficient_quota"),
    (RateLimited, "rate_limit_exceeded"),
    (BadRequest, "invalid_prompt"),
    (PromiseBroken, "invalid_prompt"),
)


class ResponseStream:
    """The events of one response, numbered. keep: called with the response that is whole, before a client can know of
    it: one that has read the end may refer to it at once.
    """

    def __init__(self, head: ResponseHead, keep: Callable[[JsonObject], None]) -> None:
        self._head = head
        self._keep = keep
        self._output = head.new_output()
        self._has_begun = False
        self._sent = 0

    def feed(self, events: list[Event], choice: int) -> list[JsonObject]:
        items: list[JsonObject] = []
        if not self._has_begun:
            self._has_begun = True
            items = [*self.heartbeat(choice), *self.heartbeat(choice)]
        for event in events:
            made = self._last(event) if isinstance(event, Done) else self._output.add(event)
            items += [self._number(item) for item in made]
        return items

    def heartbeat(self, choice: int) -> list[JsonObject]:
        """The first event of all, and later one that changes nothing."""
        kind = "response.in_progress" if self._sent else "response.created"
        return [self._number({"type": kind, "response": to_object(self._head, "in_progress")})]

    def finish(self) -> list[JsonObject]:
        return []

    def fail(self, error: ProxyError) -> list[JsonObject]:
        code = to_error_code(error)
        details = {"code": code, "message": to_error_message(error)}
        failed = to_object(self._head, "failed", self._output.whole(), error=details)
        items: list[JsonObject] = [{"type": "response.failed", "response": failed}]
        if self._has_begun:
            items.insert(0, {"type": "error", "code": code, "message": error.message, "param": error.param})
        return [self._number(item) for item in items]

    def _last(self, done: Done) -> list[JsonObject]:
        self._output.add(done)
        items = self._output.finish(complete=not why_incomplete(done, self._head))
        response = to_finished(self._head, self._output, done)
        self._keep(response)
        return [*items, {"type": f"response.{response['status']}", "response": response}]

    def _number(self, item: JsonObject) -> JsonObject:
        number, self._sent = self._sent, self._sent + 1
        return {**item, "sequence_number": number}


def to_error_code(error: ProxyError) -> str:
    return next((code for kind, code in CODES if isinstance(error, kind)), "server_error")


def to_error_message(error: ProxyError) -> str:
    """Codex waits as long as the text says."""
    if error.retry_after is None:
        return error.message
    return f"{error.message} Please try again in {error.retry_after:g}s."
