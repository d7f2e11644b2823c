"""The lines of a batch that are still to be done, for several who work on them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

NumberedLine: TypeAlias = tuple[int, bytes]


class Lines:
    """In rounds: a line that failed comes again in the next one, when all others had their turn. read: lines without a
    result behind a number, some at a time; it may raise."""

    def __init__(self, read: Callable[[int], list[NumberedLine]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._page: deque[NumberedLine] = deque()
        self._after = 0
        self._in_work: set[int] = set()

    def take(self) -> NumberedLine | None:
        """None: there is none that nobody works on."""
        with self._lock:
            if not self._page and not self._turn_page():
                self._after = 0
                if not self._turn_page():
                    return None
            number, content = self._page.popleft()
            self._in_work.add(number)
            return number, content

    def leave(self, number: int) -> None:
        """It has its result by now, or is to come again."""
        with self._lock:
            self._in_work.discard(number)

    def _turn_page(self) -> bool:
        """False at the end of the round. What is in work now may have its result when its turn would come."""
        while lines := self._read(self._after):
            self._after = lines[-1][0]
            self._page.extend(line for line in lines if line[0] not in self._in_work and line[1].strip())
            if self._page:
                return True
        return False
