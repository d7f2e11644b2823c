"""Looking after work that goes on without its client."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from gpt2giga.concurrency import background


class Watch:
    """Looks when it is woken, and again and again as long as there is anything to look after; otherwise there is no
    thread for it. look: returns the seconds until the next look, None where none is needed."""

    def __init__(self, look: Callable[[], float | None]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._news, self._closed = threading.Event(), threading.Event()
        self._is_awake = False

    def wake(self) -> None:
        """There may be something to do. Never waits."""
        with self._lock:
            self._news.set()
            if not self._is_awake and not self._closed.is_set():
                with suppress(RuntimeError):  # no thread to be had: the next one tries it again
                    background.start_apart(self._watch)
                    self._is_awake = True

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        """For good."""
        self._closed.set()
        self._news.set()

    def pause(self, seconds: float) -> None:
        """Until then, or until it is closed."""
        self._closed.wait(seconds)

    def _watch(self) -> None:
        try:
            while not self.is_closed:
                self._news.clear()
                seconds = self._look()
                with self._lock:
                    if seconds is None and not self._news.is_set():
                        self._is_awake = False
                        return
                self._news.wait(seconds)
        except BaseException:  # so that whoever wakes it next is not lost on it
            with self._lock:
                self._is_awake = False
            raise
