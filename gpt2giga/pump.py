"""Reading an iterator from a thread of its own, so that its reader can wait with a time limit and walk away."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from collections.abc import Generator
from queue import Empty
from queue import SimpleQueue
from typing import Generic
from typing import TypeVar

T = TypeVar("T")


class End(Exception):
    """The source has no more items."""


def gevent_is_on() -> bool:
    """True in a process whose sockets and threads gevent has patched."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class Pump(Generic[T]):
    """Takes items from `source` as fast as they come. What is not read yet is bounded by one answer's length."""

    _running = threading.local()

    def __init__(self, source: Generator[T, None, None]) -> None:
        self._source = source
        self._queue: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
        self._failure: BaseException | None = None
        self._closed = False
        self._aborts: list[Callable[[], None]] = []
        self._kill = self._start()

    def read(self, timeout: float | None) -> list[T]:
        """All items that are there, waiting for the first; empty after `timeout` seconds of silence.

        Raises what the source raised, and End after its last item, once the items before are read.
        """
        if self._failure is not None:
            raise self._failure
        try:
            entries = [self._queue.get(timeout=timeout)]
        except Empty:
            return []
        entries += [self._queue.get() for _ in range(self._queue.qsize())]
        items = [item for item, failure in entries if failure is None]
        self._failure = entries[-1][1]
        if self._failure is not None and not items:
            raise self._failure
        return items  # type: ignore[return-value]

    def close(self) -> None:
        """Ends the source at once, wherever it waits; may be called twice."""
        if not self._closed:
            self._closed = True
            self._kill()

    @classmethod
    def on_abort(cls, abort: Callable[[], None]) -> None:
        """For the source: how to wake it from a blocking read when plain threads run it."""
        pump = getattr(cls._running, "pump", None)
        if pump is not None:
            pump._aborts[:] = [abort]

    def _start(self) -> Callable[[], None]:
        if gevent_is_on():
            import gevent

            greenlet = gevent.spawn(self._run)
            return lambda: greenlet.kill(block=False)
        threading.Thread(target=self._run, daemon=True).start()
        return self._abort

    def _abort(self) -> None:
        """A thread cannot be killed; it ends at the source's next item, or when its read is woken."""
        for abort in [*self._aborts]:
            abort()

    def _run(self) -> None:
        self._running.pump = self
        failure: BaseException = End()
        try:
            for item in self._source:
                self._queue.put((item, None))
                if self._closed:
                    break
        except BaseException as error:  # noqa: BLE001 the reader raises it where somebody can handle it
            failure = error
        finally:
            self._source.close()
            self._queue.put((None, failure))
            self._running.pump = None
