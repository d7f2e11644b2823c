"""The account's slots: the right to one request at GigaChat, and the line of those who wait for it.

GigaChat answers one request at a time for a personal account and ten for a company; more get 429 (contract 3.4.6).
In a process requests stand in one line, first come, first served. Only the first of them asks the counter, which knows
the slots of all processes; so no two ask it at a time, and neither it nor the line needs a lock.
"""

from __future__ import annotations

import math
import os
import queue
import random
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from weakref import WeakSet

from gpt2giga.concurrency.waiting import pause
from gpt2giga.upstream.accounts.file_counter import FileCounter
from gpt2giga.upstream.accounts.redis_counter import RedisCounter

# Seconds between two looks of who waits behind the line.
PAUSE = 0.05
# Called with the seconds that a request has been in the line, however that ended, if there was no slot at once.
OnWait: TypeAlias = Callable[[float], Any]


def ignore_wait(_: float) -> None:
    pass


class QueueTimeout(Exception):
    def __init__(self, waited: float, ahead: int) -> None:
        super().__init__(f"no free slot within {waited:.1f} s; requests still ahead in the line: {ahead}")
        self.waited, self.ahead = waited, ahead  # seconds; requests of this process that were still before it


class Counter(Protocol):
    """Counts over all processes.

    take: for the first of the line; None: no slot is free, or it is another process's turn.
    give_back: rings the first of the line, and never waits: the garbage collector may release a lost slot in the
        middle of any other call.
    announce: whether this process has a line, for the others.
    pause: seconds until the first of the line should ask again.
    """

    announced: bool

    @property
    def held(self) -> int: ...
    def take(self) -> str | None: ...
    def give_back(self, token: str) -> None: ...
    def announce(self, waiting: bool) -> None: ...
    def pause(self, waited: float) -> float: ...


class Slot:
    """The right to one request at GigaChat; until it has a token, a place in the line for it."""

    counter: Counter
    token: str | None = None
    # Rung when it may be its turn. Not an Event: the garbage collector may ring in the middle of a wait for it.
    bell: queue.SimpleQueue[None] | None = None

    def release(self) -> None:
        """From any thread, any number of times; even at the same time, for only one of them gets the token."""
        token = self.__dict__.pop("token", None)
        if token is not None:
            self.counter.give_back(token)

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    __del__ = release  # an interrupt can strike before the caller has stored it


class Slots:
    """One for an account and process; may be made before a fork. No slots: no limit."""

    def __init__(self, slots: int, account: str, folder: Path, redis_url: str | None = None) -> None:
        self._slots, self._account, self._folder, self._redis_url = slots, account, folder, redis_url
        self._start()
        _all.add(self)

    def _start(self) -> None:
        self._line: deque[Slot] = deque()
        ring = partial(_ring, self._line)
        self._files = FileCounter(self._slots, self._account, self._folder, ring)
        self._counter: Counter = self._files
        if self._redis_url and self._slots:
            self._counter = RedisCounter(self._slots, self._account, self._redis_url, self._files, ring)

    def after_fork(self) -> None:
        """Line and slots are the parent's. Its slots know their counter, so they mean nothing to the new one."""
        self._files.close()
        self._start()

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def held(self) -> int:
        return self._counter.held

    def acquire(
        self, timeout: float, tick: float | None = None, on_wait: OnWait = ignore_wait
    ) -> Generator[list[Any], None, Slot]:
        """Yields an empty list every `tick` seconds in the line; whoever closes it or throws into it leaves the line.

        Raises QueueTimeout after `timeout` seconds.
        """
        slot = Slot()
        if not self._slots:
            return slot
        line, slot.counter = self._line, self._counter
        try:
            line.append(slot)
            if line[0] is slot:
                slot.token = slot.counter.take()
            if slot.token is None:
                yield from self._wait(slot, timeout, tick or math.inf, on_wait)
        except BaseException:  # a greenlet can be killed in the line, and the error may keep the slot alive
            slot.release()
            raise
        finally:
            line.remove(slot)
            if line:
                _ring(line)
            elif slot.counter.announced:
                slot.counter.announce(False)
        return slot

    def acquire_last(
        self, timeout: float, tick: float | None = None, on_wait: OnWait = ignore_wait
    ) -> Generator[list[Any], None, Slot]:
        """As `acquire`, but behind all who wait, whenever they come: it looks now and then whether there is no line."""
        since, has_waited = time.monotonic(), False
        try:
            while True:
                if not self._line:
                    with suppress(QueueTimeout):
                        return (yield from self.acquire(0.0))
                waited = time.monotonic() - since
                if waited >= timeout:
                    raise QueueTimeout(waited, len(self._line))
                has_waited = True
                yield from pause(min(PAUSE, timeout - waited), tick)
        finally:
            if has_waited:
                on_wait(time.monotonic() - since)

    def _wait(self, slot: Slot, timeout: float, tick: float, on_wait: OnWait) -> Generator[list[Any], None, None]:
        since = time.monotonic()
        try:
            yield from self._stand_in_line(slot, timeout, tick, since)
        finally:
            on_wait(time.monotonic() - since)

    def _stand_in_line(self, slot: Slot, timeout: float, tick: float, since: float) -> Generator[list[Any], None, None]:
        line, counter = self._line, slot.counter
        slot.bell = queue.SimpleQueue()
        end, due = since + timeout, since + tick
        while True:
            look = end
            if line[0] is slot:  # asks once more with its bell: what came back before could not ring it
                counter.announce(True)
                slot.token = counter.take()
                if slot.token is not None:
                    return
                look = time.monotonic() + counter.pause(time.monotonic() - since) * random.uniform(0.5, 1)
            now = time.monotonic()
            if now >= end:
                raise QueueTimeout(now - since, line.index(slot))
            if now >= due:
                yield []
                due = time.monotonic() + tick
            with suppress(queue.Empty):
                slot.bell.get(timeout=max(0.0, min(end, due, look) - now))


def _ring(line: deque[Slot]) -> None:
    """Lets the first of the line ask the counter. The line may change meanwhile."""
    with suppress(IndexError):
        if bell := line[0].bell:
            bell.put(None)


_all: WeakSet[Slots] = WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: [*map(Slots.after_fork, _all)])
