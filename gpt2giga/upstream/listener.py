"""What the upstream tells of itself while it works, to whoever counts it: it knows nobody by name."""

from __future__ import annotations

from typing import NamedTuple

from gpt2giga.upstream.caller import Caller, Priority


class Listener:
    """This one does not listen; others override what they want to hear. Requests wait for it, so nothing may block."""

    def on_wait_begun(self) -> None:
        """A request has to wait for its turn at GigaChat."""

    def on_wait_over(self) -> None:
        """It waits no longer."""

    def on_model_known(self, model: str) -> None:
        """GigaChat knows this model."""

    def on_failure(self, cause: str) -> None:
        """GigaChat refused or broke an attempt, whether or not another one follows. One of few words, never text."""

    def on_retry(self) -> None:
        """Another attempt follows."""

    def on_call_repaired(self, done: bool) -> None:
        """The model's call did not fit its tool's schema, and was asked for once more."""

    def on_token_asked(self, done: bool) -> None:
        """GigaChat was asked for a token."""


class Waiting(NamedTuple):
    """A Wait (slots.py) that tells both who want to know. That batches wait is as it should be: a line that is counted
    is one of people."""

    caller: Caller
    listener: Listener

    def begun(self) -> None:
        self.caller.begin_wait()
        if self.caller.priority is not Priority.BATCH:
            self.listener.on_wait_begun()

    def over(self, seconds: float) -> None:
        if self.caller.priority is not Priority.BATCH:
            self.listener.on_wait_over()
        self.caller.add_wait(seconds)
