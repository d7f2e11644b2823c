"""Noticing that nothing has happened for a while, at no cost while something does.

A time limit on each read starts and stops a timer for each chunk of a stream: an eighth of what a chunk costs. Here a
reader only notes the time, and one thread for the process (a greenlet under gevent) sleeps until a limit may have
passed.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any


class Silence:
    """Calls `tell` when `seconds` have passed since the last touch(), and again after as many more, until end().

    `tell` must neither block nor raise: it runs in the thread that watches all silences.
    """

    __slots__ = ("_seconds", "_since", "_tell")

    def __init__(self, seconds: float, tell: Callable[[], Any]) -> None:
        self._seconds, self._tell = seconds, tell
        self.touch()
        _watcher.add(self)

    def touch(self) -> None:
        self._since = time.monotonic()

    def end(self) -> None:
        """Nothing is told after this has returned; may be called twice."""
        _watcher.remove(self)

    @property
    def due(self) -> float:
        return self._since + self._seconds

    def check(self, now: float) -> None:
        if now >= self.due:
            self._since = now
            self._tell()


class _Watcher:
    def __init__(self) -> None:
        self._silences: set[Silence] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._until = -math.inf  # when the thread looks next; none runs yet

    def add(self, silence: Silence) -> None:
        with self._lock:
            self._silences.add(silence)
            if self._until == -math.inf:
                threading.Thread(target=self._run, name="silence", daemon=True).start()
                self._until = silence.due
            elif silence.due < self._until:
                self._wake.set()

    def remove(self, silence: Silence) -> None:
        with self._lock:
            self._silences.discard(silence)

    def _run(self) -> None:
        """A touch only moves a limit away, so looking when the first one was due is never too late."""
        while True:
            with self._lock:
                now = time.monotonic()
                for silence in self._silences:
                    silence.check(now)
                self._until = min((silence.due for silence in self._silences), default=math.inf)
                self._wake.clear()
            self._wake.wait(None if self._until == math.inf else self._until - now)


_watcher = _Watcher()
