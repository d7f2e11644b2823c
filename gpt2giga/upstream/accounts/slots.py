"""An account's slots: the right to one request at GigaChat, and the line of those who wait for it.

GigaChat answers one request at a time for a personal account and ten for a company; more get 429 (contract 3.4.6).
In a process requests stand in one line, first come, first served, except that each step of priority counts as AGE
seconds of waiting: so who has waited long enough goes before anybody who comes now. Requests of batches go last, and
are patient. Only the first of the line asks the counter, which knows the slots of all processes; so neither it nor the
line needs a lock that is waited for.

Where any of several accounts will do, a request stands in the lines of all of them, at the same place by its age, and
leaves the others when it has a slot of one.
"""

from __future__ import annotations

import itertools
import math
import os
import queue
import random
import threading
import time
from bisect import insort
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias
from weakref import WeakSet

from gpt2giga.upstream.accounts.file_counter import FileCounter
from gpt2giga.upstream.accounts.redis_counter import RedisCounter
from gpt2giga.upstream.caller import Priority

# Seconds. Well below the time that a request may wait by default, so that low priority means later, and not never.
AGE = 20.0
# Nobody wants the answer any more that a batch gets later.
BATCH_PATIENCE = 86400.0
# Seconds between two looks whether other accounts will do meanwhile: one was added, or may be asked again.
LOOK = 1.0


class Wait(Protocol):
    """Told of a request that has to wait. over: however that ended, with the seconds."""

    def begun(self) -> Any: ...
    def over(self, seconds: float) -> Any: ...


class Unheard:
    """A Wait that nobody wants to know of."""

    def begun(self) -> None:
        pass

    def over(self, seconds: float) -> None:
        pass


UNHEARD = Unheard()


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
    last: the first of the line goes after all others, of other processes too; then nobody in its line does not.
    """

    announced: bool

    @property
    def held(self) -> int: ...
    def take(self, *, last: bool = False) -> str | None: ...
    def give_back(self, token: str) -> None: ...
    def announce(self, waiting: bool, *, last: bool = False) -> None: ...
    def pause(self, waited: float, *, last: bool = False) -> float: ...


class Slot:
    """The right to one request at GigaChat; until it has a token, a place in the line for it."""

    counter: Counter
    token: str | None = None
    # Rung when it may be its turn. Not an Event: the garbage collector may ring in the middle of a wait for it.
    bell: queue.SimpleQueue[None] | None = None

    def release(self, *_: object) -> None:
        """From any thread, any number of times; even at the same time, for only one of them gets the token."""
        token = self.__dict__.pop("token", None)
        if token is not None:
            self.counter.give_back(token)

    def __enter__(self) -> Slot:
        return self

    __exit__ = release
    __del__ = release  # an interrupt can strike before the caller has stored it


# By age, in seconds of the monotonic clock; the number makes each comparison end before the slots.
Place: TypeAlias = tuple[float, int, Slot]
LAST = math.inf  # the age of what goes last
_numbers = itertools.count()


class Line(NamedTuple):
    """places: in order. Each change of it is one step of C, so that threads need no lock for it."""

    places: list[Place]
    counter: Counter
    asking: threading.Lock

    def take(self, place: Place) -> bool:
        """Only the first gets a slot, and one asks at a time: whoever comes may have become the first meanwhile."""
        if self.places[0] is not place or not self.asking.acquire(blocking=False):
            return False
        slot = place[2]
        slot.counter = self.counter
        try:
            slot.token = self.counter.take(last=place[0] == LAST)
        finally:
            self.asking.release()
        return slot.token is not None

    def leave(self, place: Place) -> None:
        self.places.remove(place)
        if self.places:
            _ring(self.places)
        elif self.counter.announced:
            self.counter.announce(False)


class Slots:
    """One for an account and process; may be made before a fork. No slots: no limit."""

    def __init__(self, slots: int, account: str, folder: Path, redis_url: str | None = None) -> None:
        self._slots, self._account, self._folder, self._redis_url = slots, account, folder, redis_url
        self._start()
        _all.add(self)

    def _start(self) -> None:
        places: list[Place] = []
        ring = partial(_ring, places)
        self._files = FileCounter(self._slots, self._account, self._folder, ring)
        counter: Counter = self._files
        if self._redis_url and self._slots:
            counter = RedisCounter(self._slots, self._account, self._redis_url, self._files, ring)
        self._line = Line(places, counter, threading.Lock())

    def after_fork(self) -> None:
        """Line and slots are the parent's. Its slots know their counter, so they mean nothing to the new one."""
        self._files.close()
        self._start()

    @property
    def waiting(self) -> int:
        return len(self._line.places)

    @property
    def held(self) -> int:
        return self._line.counter.held

    def acquire(
        self, timeout: float, tick: float | None = None, wait: Wait = UNHEARD, priority: Priority = Priority.NORMAL
    ) -> Generator[list[Any], None, Slot]:
        """Yields an empty list every `tick` seconds in the line; whoever closes it or throws into it leaves the line.

        Raises QueueTimeout after `timeout` seconds; a batch has more patience.
        """
        slot = Slot()
        if not self._slots:
            return slot
        line = self._line
        place = (LAST if priority is Priority.BATCH else time.monotonic() + AGE * priority, next(_numbers), slot)
        try:
            insort(line.places, place)
            if not line.take(place):
                yield from self._wait(line, place, timeout, tick, wait)
        except BaseException:  # a greenlet can be killed in the line, and the error may keep the slot alive
            slot.release()
            raise
        finally:
            line.leave(place)
        return slot

    def _wait(
        self, line: Line, place: Place, timeout: float, tick: float | None, wait: Wait
    ) -> Generator[list[Any], None, Slots]:
        return _stand_in_line({self: line}, place, timeout, tick, wait)


def acquire_any(
    find: Callable[[], Sequence[Slots]],
    timeout: float,
    tick: float | None,
    wait: Wait,
    priority: Priority,
    arrived: float,
) -> Generator[list[Any], None, tuple[Slots, Slot]]:
    """A slot of the first account that has one, and whose it is. find: those that will do now, the best first; never
    none. arrived: the moment on the monotonic clock that tells its place in the lines.

    Yields and raises as `acquire`.
    """
    slot = Slot()
    place = (LAST if priority is Priority.BATCH else arrived + AGE * priority, next(_numbers), slot)
    joined: dict[Slots, Line] = {}
    try:
        found = _join(joined, find(), place)
        if found is None:
            found = yield from _stand_in_line(joined, place, timeout, tick, wait, find)
        return found, slot
    except BaseException:
        slot.release()
        raise
    finally:
        for line in joined.values():
            line.leave(place)


def _join(joined: dict[Slots, Line], wanted: Sequence[Slots], place: Place) -> Slots | None:
    """Stands in these lines and in no others; whose slot it has got by that, if any."""
    for slots in [slots for slots in joined if slots not in wanted]:
        joined.pop(slots).leave(place)
    for slots in wanted:
        if not slots._slots:
            return slots
        if slots not in joined:
            line = joined[slots] = slots._line
            insort(line.places, place)
            if line.take(place):
                return slots
    return None


def _stand_in_line(
    joined: dict[Slots, Line],
    place: Place,
    timeout: float,
    tick: float | None,
    wait: Wait,
    find: Callable[[], Sequence[Slots]] | None = None,
) -> Generator[list[Any], None, Slots]:
    """Whose slot it has got. find: which lines are the right ones may change."""
    since, last = time.monotonic(), place[0] == LAST
    wait.begun()
    try:
        bell = place[2].bell = queue.SimpleQueue()
        tick, timeout = tick or math.inf, BATCH_PATIENCE if last else timeout
        end, due = since + timeout, since + tick
        while True:
            if find and (granted := _join(joined, find(), place)):
                return granted
            look = time.monotonic() + LOOK if find else end
            for slots, line in joined.items():  # asks once more with its bell: what came back before could not ring it
                if line.places[0] is place:
                    line.counter.announce(True, last=last)
                    if line.take(place):
                        return slots
                    seconds = line.counter.pause(time.monotonic() - since, last=last) * random.uniform(0.5, 1)
                    look = min(look, time.monotonic() + seconds)
            now = time.monotonic()
            if now >= end:
                raise QueueTimeout(now - since, min(line.places.index(place) for line in joined.values()))
            if now >= due:
                yield []
                due = time.monotonic() + tick
            with suppress(queue.Empty):
                bell.get(timeout=max(0.0, min(end, due, look) - now))
    finally:
        wait.over(time.monotonic() - since)


def _ring(places: list[Place]) -> None:
    """Lets the first of the line ask the counter. The line may change meanwhile."""
    with suppress(IndexError):
        if bell := places[0][2].bell:
            bell.put(None)


_all: WeakSet[Slots] = WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: [*map(Slots.after_fork, _all)])
