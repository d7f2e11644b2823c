"""Reading an answer to its end while its client does not take what it was sent.

A stream has one greenlet, which cannot read while it is held up in a write; and whoever does not read would keep the
account's slot. So a reader lends its source to whoever may want it for as long as it writes. Once a second somebody
looks: a source that was lent for longer than that is read on in the background, and its reader gets what was read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from gpt2giga.concurrency import background

T = TypeVar("T")

PATIENCE_SECONDS = 1.0


class Source(Generic[T]):
    """The batches of one answer. `parts` gives iterators over them, one after the other: when a reader that has lent
    its source (`lent.append(time.monotonic())`) finds that it was taken (`lent` is empty), it goes on with the next.
    """

    __slots__ = ("_batches", "_failure", "_is_closed", "_lock", "_read", "_stop", "_tick", "lent")

    def __init__(self, batches: Generator[list[T], None, None], tick: float, lock: threading.Lock) -> None:
        self._batches, self._tick, self._lock = batches, tick, lock
        self.lent: list[float] = []
        self._read: SimpleQueue[list[T] | None] | None = None  # None at its end
        self._failure: list[BaseException] = []
        self._stop: Callable[[], Any] = background.nothing
        self._is_closed = False

    def parts(self) -> Iterator[Iterator[list[T]]]:
        yield self._batches
        with self._lock:  # whoever has taken it may be about to say where the rest is
            read = self._read
        if read is not None:
            yield self._rest(read)

    def relieve(self, now: float) -> None:
        """Reads on if the reader is held up."""
        with self._lock, suppress(IndexError):  # it was taken back meanwhile
            if self._is_closed or self._read is not None or now - self.lent[0] < PATIENCE_SECONDS:
                return
            self.lent.pop()
            self._read = SimpleQueue()
            try:
                self._stop = background.start(self._read_on, self._read)
            except RuntimeError as error:  # no thread to be had
                self._failure.append(error)
                self._read.put(None)

    def close(self) -> None:
        """The answer is not wanted any more: GigaChat's stream is closed at once, unless a thread reads on, which
        notices at the next batch."""
        with self._lock:
            self._is_closed = True
        if self._read is None:
            self._batches.close()
        self._stop()

    def _read_on(self, read: SimpleQueue[list[T] | None]) -> None:
        try:
            for batch in self._batches:
                if self._is_closed:
                    break
                if batch:
                    read.put(batch)
        except BaseException as error:  # noqa: BLE001 the reader raises it where somebody can handle it
            if not self._is_closed:
                self._failure.append(error)
        if self._is_closed:
            self._batches.close()
        read.put(None)

    def _rest(self, read: SimpleQueue[list[T] | None]) -> Iterator[list[T]]:
        while True:
            try:
                batch = read.get(timeout=self._tick)
            except Empty:
                yield []
                continue
            if batch is None:
                break
            yield batch
        if self._failure:
            raise self._failure.pop()


class Sources:
    """Those that are open in this process, and whoever looks after them while there are any."""

    def __init__(self) -> None:
        self._open: set[Source[Any]] = set()
        self._lock = threading.Lock()
        self._is_watched = False

    def new(self, batches: Generator[list[T], None, None], tick: float | None) -> Source[T]:
        return Source(batches, tick or PATIENCE_SECONDS, self._lock)

    def add(self, source: Source[Any]) -> None:
        self._open.add(source)
        if not self._is_watched:
            self._is_watched = True
            try:
                threading.Thread(target=self._watch, daemon=True, name="read-ahead").start()
            except RuntimeError:  # no thread to be had; the next one tries again
                self._is_watched = False

    def remove(self, source: Source[Any]) -> None:
        self._open.discard(source)
        source.close()

    def _watch(self) -> None:
        while self._open:
            time.sleep(PATIENCE_SECONDS)
            self._look()  # in a call of its own, which keeps no source while this one sleeps
        self._is_watched = False

    def _look(self) -> None:
        now = time.monotonic()
        for source in [*self._open]:
            source.relieve(now)
