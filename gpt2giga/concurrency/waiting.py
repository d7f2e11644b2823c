"""Waiting, with gevent or without: noticing that a socket is silent, at no cost while something comes.

A time limit on each read starts and stops a timer for each chunk of a stream: an eighth of what a chunk costs. Under
gevent one timer of the loop lasts as long as the reader; it looks whether anything has come since, and interrupts the
wait only when nothing has. Plain threads give the socket a time limit of its own, once.
"""

from __future__ import annotations

import math
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

TURN_SECONDS = 0.02
AT_ONCE = 256
# After sleep(0) gevent comes back up to fifty times before it looks at a single socket.
SHORTEST_SLEEP = 1e-6
_turn_began = 0.0  # of whoever has it; only one can


def gevent_is_on() -> bool:
    """True in a process whose sockets and threads gevent has patched; not so under CGI, mod_wsgi and plain threads."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class Tick(Exception):
    """Nothing has come for a while. Raised where the reader waits; the connection is as good as before."""


class SilenceClock:
    """Interrupts a greenlet that waits in `recv`: with a Tick every `tick` seconds, and for good after `limit`.

    The reader says in `reader` that it is `current()` who waits in `recv`, asks `is_over` when that was interrupted,
    and notes in `since` when something came. None: without such an end.
    """

    __slots__ = ("_connection", "_limit", "_tick", "_ticked", "_timer", "current", "reader", "since")

    def __init__(self, connection: socket.socket, tick: float | None, limit: float | None) -> None:
        self._tick, self._limit = tick or math.inf, limit or math.inf
        self.since = self._ticked = time.monotonic()
        self.reader: Any = None
        self.current: Callable[[], Any] = bool
        self._timer: Any = None
        self._connection = None if gevent_is_on() else connection
        connection.settimeout(None)
        if min(self._tick, self._limit) < math.inf:
            self._look_after(min(self._tick, self._limit))

    def is_over(self) -> bool:
        """Has the limit passed? Asked after an interruption."""
        left = self.since + self._limit - time.monotonic()
        if self._connection is not None and left > 0:
            self._look_after(min(self._tick, left))
        return left <= 0

    def close(self) -> None:
        if self._timer is not None:
            self._timer.close()
            self._timer = None  # it holds this object in turn

    def _look_after(self, seconds: float) -> None:
        if self._connection is not None:
            self._connection.settimeout(seconds)
            return
        import gevent

        self.close()
        self.current = gevent.getcurrent
        self._timer = gevent.get_hub().loop.timer(seconds)
        self._timer.start(self._look)

    def _look(self) -> None:
        """Runs in the loop. Where nobody waits, the reader is busy, or has just got what it waited for."""
        now, end = time.monotonic(), self.since + self._limit
        left = min(max(self.since, self._ticked) + self._tick, end) - now
        if left > 0:
            self._look_after(left)
            return
        self._ticked = now
        self._look_after(min(self._tick, end - now) if end > now else min(self._tick, self._limit))
        if self.reader is not None:
            self.reader.throw(Tick)


def give_way() -> None:
    """Long work calls it now and then. gevent changes to others only where something waits, and one request that
    computes for a second would stop every stream of its process for as long."""
    global _turn_began
    if time.monotonic() - _turn_began > TURN_SECONDS:
        time.sleep(SHORTEST_SLEEP)
        _turn_began = time.monotonic()


def in_turns(items: Iterable[T]) -> Iterator[tuple[int, T]]:
    """Numbers them, and gives way now and then; the first ones cost nothing."""
    for number, item in enumerate(items):
        if number % AT_ONCE == AT_ONCE - 1:
            give_way()
        yield number, item


def run_to_end(steps: Generator[Any, None, T]) -> T:
    """The result of a generator whose signs of life nobody wants."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def pause(seconds: float, tick: float | None) -> Generator[list[Any], None, None]:
    """Waits, and yields an empty list each time `tick` seconds have passed."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, tick or left))
        if left > (tick or left):
            yield []
