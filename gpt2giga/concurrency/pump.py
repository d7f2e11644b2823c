"""Reading an iterator from a thread of its own, so that its reader can wait with a time limit and walk away."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from gpt2giga.concurrency.silence import Silence

T = TypeVar("T")


class Abandoned(Exception):
    """Nobody reads any more."""


@dataclass(frozen=True, slots=True)
class _Over:
    failure: BaseException | None


class _Quiet:
    """Nothing has come for a while."""


def gevent_is_on() -> bool:
    """True in a process whose sockets and threads gevent has patched."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class Pump(Generic[T]):
    """Takes items from `source` as fast as they come. What is not read yet is bounded by one answer's length.

    Exceptions are kept in no variable and no attribute: their tracebacks would make cycles of whole streams.
    """

    _running: ContextVar[Pump[Any] | None] = ContextVar("running", default=None)

    def __init__(self, source: Generator[T, None, None]) -> None:
        self._source = source
        self._queue: SimpleQueue[T | _Over | _Quiet] = SimpleQueue()
        self._closed = False
        self._abort: Callable[[], None] | None = None
        self._abort_lock = threading.Lock()
        self._greenlet = self._start()

    def batches(self, silence: float | None) -> Iterator[list[T]]:
        """All items that are there, again and again; an empty list after so many seconds without any.

        Raises what the source raised, once the items before are read.
        """
        quiet = Silence(silence, partial(self._queue.put, _Quiet())) if silence else None
        over = None
        try:
            while not over:
                entries = [self._queue.get()]
                entries += [self._queue.get() for _ in range(self._queue.qsize())]
                items = [entry for entry in entries if not isinstance(entry, (_Over, _Quiet))]
                # Not always the last: a silence may be noted after it, while the reader is busy.
                over = next((entry for entry in entries if isinstance(entry, _Over)), None)
                if items or not over:
                    yield items
                if quiet:
                    quiet.touch()
        finally:
            if quiet:
                quiet.end()
        if over.failure is not None:
            try:
                raise over.failure
            finally:
                del entries, over

    def close(self) -> None:
        """Ends the source at once, wherever it waits; may be called twice.

        A thread cannot be killed: it ends when its read is woken, at the source's next item, or before it sends.
        """
        if self._closed:
            return
        self._closed = True
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
            return
        with self._abort_lock:
            if self._abort is not None:
                self._abort()

    @classmethod
    def on_abort(cls, abort: Callable[[], None] | None) -> None:
        """For the source: how to wake it from a blocking read when plain threads run it. None: not any more."""
        pump = cls._running.get()
        if pump is not None:
            with pump._abort_lock:
                pump._abort = abort
                if abort is not None and pump._closed:
                    abort()

    @classmethod
    def check(cls) -> None:
        """For the source, before it starts something costly: raises Abandoned when nobody reads any more."""
        pump = cls._running.get()
        if pump is not None and pump._closed:
            raise Abandoned

    def _start(self) -> Any:
        """The greenlet, None when a thread does the work."""
        if gevent_is_on():
            import gevent

            return gevent.spawn(self._run)
        threading.Thread(target=self._run, daemon=True).start()
        return None

    def _run(self) -> None:
        self._running.set(self)  # in a context of this thread's own, which ends with it
        try:
            for item in self._source:
                self._queue.put(item)
                if self._closed:
                    break
        except BaseException as error:  # noqa: BLE001 the reader raises it where somebody can handle it
            if not self._closed:
                self._queue.put(_Over(error))
        else:
            self._queue.put(_Over(None))
        finally:
            self._source.close()
            self._running.set(None)  # or this object and its greenlet would keep each other
