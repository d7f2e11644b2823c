"""Waiting after failures that pass."""

from __future__ import annotations

import time

# Seconds, doubled with each failure. Whoever is told to wait for longer than the longest asks again all the same: a
# limit may be raised, tokens may be bought.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0


class Pauses:
    """How long nothing is asked after a failure; longer with each, until something is answered again."""

    def __init__(self) -> None:
        self._failures = 0
        self._until = 0.0  # on the monotonic clock

    @property
    def left(self) -> float:
        return self._until - time.monotonic()

    def fail(self, wait: float = 0.0) -> None:
        """Of lines that fail together the first one counts. wait: seconds that the refusal tells."""
        if self.left <= 0:
            seconds = max(FIRST_PAUSE * 2 ** min(self._failures, 16), wait)
            self._failures, self._until = self._failures + 1, time.monotonic() + min(seconds, LONGEST_PAUSE)

    def end(self) -> None:
        self._failures, self._until = 0, 0.0
