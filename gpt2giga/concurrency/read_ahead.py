"""Reading an answer to its end while its client does not take what it was sent.

A stream has one greenlet, which cannot read while it is held up in a write; and whoever does not read would keep the
account's slot. So a reader lends its source to whoever may want it for as long as it writes. Once a second somebody
looks: a source that was lent for longer than that is read on in the background, and its reader gets what was read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from gpt2giga.concurrency import background

T = TypeVar("T")

PATIENCE = 1.0  # seconds


class Source(Generic[T]):
    """The batches of one answer. `parts` gives iterators over them, one after the other: when a reader that has lent
    its source (`lent.append(time.monotonic())`) finds that it was taken (`lent` is empty), it goes on with the next.

    Lists change hands in one step, with threads as with greenlets.
    """

    __slots__ = ("_batches", "_failure", "_is_closed", "_read", "_stop", "_tick", "lent")

    def __init__(self, batches: Iterator[list[T]], tick: float | None) -> None:
        self._batches, self._tick = batches, tick
        self.lent: list[float] = []
        self._read: SimpleQueue[list[T] | None] | None = None  # None at its end
        self._failure: list[BaseException] = []
        self._stop: Callable[[], Any] = background.nothing
        self._is_closed = False

    def parts(self) -> Iterator[Iterator[list[T]]]:
        yield self._batches
        if self._read is not None:
            yield self._rest(self._read)

    def relieve(self, now: float) -> None:
        """Reads on if the reader is held up."""
        with suppress(IndexError):  # it was taken back meanwhile
            if self._read is None and now - self.lent[0] >= PATIENCE:
                self.lent.pop()
                self._read = SimpleQueue()
                self._stop = background.start(self._read_on)

    def close(self) -> None:
        """The answer is not wanted any more. A thread notices at the next batch, of which each tick is one."""
        self._is_closed = True
        self._stop()

    def _read_on(self) -> None:
        assert self._read is not None
        try:
            for batch in self._batches:
                if self._is_closed:
                    return
                if batch:
                    self._read.put(batch)
        except BaseException as error:  # noqa: BLE001 the reader raises it where somebody can handle it
            self._failure.append(error)
        self._read.put(None)

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

    def add(self, source: Source[Any]) -> None:
        with self._lock:
            self._open.add(source)
            if not self._is_watched:
                self._is_watched = True
                threading.Thread(target=self._watch, daemon=True, name="read-ahead").start()

    def remove(self, source: Source[Any]) -> None:
        self._open.discard(source)
        source.close()

    def _watch(self) -> None:
        while True:
            time.sleep(PATIENCE)
            with self._lock:
                sources = [*self._open]
                if not sources:
                    self._is_watched = False
                    return
            now = time.monotonic()
            for source in sources:
                source.relieve(now)
