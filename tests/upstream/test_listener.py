"""What is told of requests that wait in line."""

from __future__ import annotations

import pytest

from gpt2giga.upstream.caller import Anybody, Priority
from gpt2giga.upstream.listener import Listener, Waiting


class Counting(Listener):
    waiting = begun = 0

    def on_wait_begun(self) -> None:
        self.waiting, self.begun = self.waiting + 1, self.begun + 1

    def on_wait_over(self) -> None:
        self.waiting -= 1


class Somebody(Anybody):
    def __init__(self, priority: Priority | None) -> None:
        self.priority = priority


@pytest.mark.parametrize("priority", [None, *Priority])
def test_batches_are_no_line_that_anybody_need_hear_of(priority: Priority | None) -> None:
    listener = Counting()
    wait = Waiting(Somebody(priority), listener)
    wait.begun()
    assert listener.waiting == (priority is not Priority.BATCH)
    wait.over(1.0)
    assert (listener.waiting, listener.begun) == (0, priority is not Priority.BATCH)
