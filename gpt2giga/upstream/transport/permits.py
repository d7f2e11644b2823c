"""Connections may be limited in their number (GIGACHAT_MAX_CONNECTIONS)."""

from __future__ import annotations

import time
from collections.abc import Generator
from queue import Empty, SimpleQueue
from typing import Any

import httpx


class Permits:
    """For so many requests at a time; who waits longer than `seconds` fails.

    A queue, not a semaphore: a response that the garbage collector closes may give its permit back in the middle of
    any other call, also of one that takes a permit.
    """

    def __init__(self, number: int, seconds: float) -> None:
        self._seconds = seconds
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(number):
            self.give_back()

    def take(self, tick: float | None) -> Generator[list[Any], None, None]:
        """Yields an empty list each time `tick` seconds have passed. Raises httpx.PoolTimeout."""
        end = time.monotonic() + self._seconds
        while True:
            left = max(0.0, end - time.monotonic())
            try:
                return self._free.get(timeout=min(left, tick or left))
            except Empty:
                if left <= (tick or left):
                    raise httpx.PoolTimeout("all connections are in use") from None
            yield []

    def give_back(self) -> None:
        self._free.put(None)
