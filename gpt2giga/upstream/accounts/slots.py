"""The account's slots, counted over all processes of one user on this machine.

GigaChat answers one request at a time for a personal account and ten for a company; more get 429 (contract 3.4.6).
A slot is a file with an flock on it: the kernel lets go of a process's locks however it dies. Inside a process
requests stand in one line, first come, first served, and only the first of them looks at the files.

Fair between processes: a slot that comes back goes straight to the own line as long as nobody else waits. A process
with a line says so by a shared lock on one more file. Seeing such a lock of another, a process gives every second
slot away: it unlocks the file and takes no free slot for STAND_BACK, which is longer than any pause between two
looks, so everybody else has looked by then. A newcomer stands back in the same way. So no line and no stream of new
requests keeps a slot for ever; among several lines, the one that waits longest looks most often. Nobody leads the
way for others: a process that is stopped or busy while it waits costs them only the pauses.

To count slots elsewhere (a server for several machines), offer what Limiter does: acquire, waiting and held.
"""

from __future__ import annotations

import hashlib
import logging
import os
import random
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)
LONGEST_PAUSE, SHORTEST_PAUSE, STAND_BACK = 0.030, 0.005, 0.040  # seconds
ALONE = "The account's slots are counted in this process only, not over all workers: %s"


class QueueTimeout(Exception):
    def __init__(self, waited: float, ahead: int) -> None:
        super().__init__(f"no free slot within {waited:.1f} s; requests still ahead in the line: {ahead}")
        self.waited, self.ahead = waited, ahead  # seconds; requests of this process that were still before it


class Slot:
    """The right to one request at GigaChat; until it has a number, a place in the line for it."""

    number: int | None = None
    first = False

    def __init__(self, take_back: Callable[[int], None]) -> None:
        self._take_back = take_back
        self.since = time.monotonic()
        self.bell = threading.Event()  # when it becomes the first, and when it gets its number

    def release(self) -> None:
        """From any thread, any number of times; even at the same time, for a number is taken back only once."""
        number, self.number = self.number, None
        if number is not None:
            self._take_back(number)

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    __del__ = release  # an interrupt can strike before the caller has stored it


class Limiter:
    """One for an account and process; may be made before a fork. No slots: no limit."""

    def __init__(self, slots: int, account: str, directory: Path | None) -> None:
        folder = None
        if directory and fcntl:
            digest = hashlib.sha256(account.encode()).hexdigest()
            folder = directory / f"gpt2giga-slots-{os.geteuid()}-{digest[:32]}"
        elif slots:
            log.warning(ALONE, "no directory for them, or no file locks on this system")
        self._slots = slots
        self._files = _Files(folder, slots)
        self._granted = 0  # goes on after a fork: the number of a parent's slot means nothing in the child
        self._rung, self._keep = False, True
        self._start()
        if hasattr(os, "register_at_fork"):
            start = weakref.WeakMethod(self._start)
            os.register_at_fork(after_in_child=lambda: (start() or int)())

    def _start(self) -> None:
        """Also in the child of a fork, where locks, line and slots are the parent's."""
        self._files.close()
        self._lock = threading.Lock()
        self._line: deque[Slot] = deque()
        self._returned: deque[int] = deque()
        self._held: dict[int, str] = {}  # number of the slot given out -> its file

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def held(self) -> int:
        return len(self._held)

    def acquire(self, timeout: float, tick: float | None = None) -> Any:
        yield from ()
        return self.acquire_now(timeout)

    def acquire_now(self, timeout: float) -> Slot:
        """Raises QueueTimeout after `timeout` seconds in the line."""
        slot, served, ahead = Slot(self._ring), not self._slots, 0
        try:
            served = served or self._stand_in_line(slot, slot.since + timeout)
        finally:  # also when a greenlet is killed in the line
            if not served:
                ahead = self._leave(slot)
        if not served:
            raise QueueTimeout(time.monotonic() - slot.since, ahead)
        return slot

    def _stand_in_line(self, slot: Slot, deadline: float) -> bool:
        with self._lock:
            self._line.append(slot)
        self._ring()
        while slot.number is None and (left := deadline - time.monotonic()) > 0:
            pause = max(SHORTEST_PAUSE, LONGEST_PAUSE / (1 + time.monotonic() - slot.since)) * random.uniform(0.5, 1)
            slot.bell.wait(min(left, pause) if slot.first and self._files.folder else left)
            slot.bell.clear()
            if slot.first:
                self._ring()
        return slot.number is not None

    def _leave(self, slot: Slot) -> int:
        with self._lock:
            ahead = self._line.index(slot) if slot in self._line else 0
            self._line = deque(other for other in self._line if other is not slot)
        slot.release()  # if it got its number in this very moment
        self._ring()
        return ahead

    def _ring(self, returned: int | None = None) -> None:
        """Serves the line, or leaves that to the one who is serving: he looks at `_rung` after unlocking.

        Never waits: the garbage collector may release a slot (closing a lost generator) in a thread that is just
        serving. `locked` is asked first because gevent's `acquire(blocking=False)` sleeps when it fails.
        """
        if returned is not None:
            self._returned.append(returned)
        self._rung = True
        while self._rung and not self._lock.locked() and self._lock.acquire(blocking=False):
            try:
                self._rung = False
                self._serve()
            finally:
                self._lock.release()

    def _serve(self) -> None:
        """Must not wait for anything before its work is done: a greenlet could be killed in the middle."""
        try:
            self._take_back()
            while self._line and (name := self._files.take(set(self._held.values()))):
                self._grant(name)
            self._files.announce(bool(self._line))
        except OSError as error:  # nowhere to write, or locks that the file system does not know
            self._files.close()
            self._files.folder, self._rung = None, True
            log.warning(ALONE, error)
        if self._line and not self._line[0].first:
            self._line[0].first = True
            self._line[0].bell.set()

    def _take_back(self) -> None:
        while self._returned:
            name = self._held.pop(self._returned.popleft(), None)
            if name is None:  # released twice, or a slot of the process that forked this one
                continue
            self._keep = bool(self._line) and not (self._keep and self._files.gives_way())
            (self._grant if self._keep else self._files.unlock)(name)

    def _grant(self, name: str) -> None:
        self._granted += 1
        self._held[self._granted] = name
        slot = self._line.popleft()
        slot.number = self._granted
        slot.bell.set()


class _Files:
    """`slot-N`: locked while a request has it; `line`: shared by the processes with a line. No folder: no others."""

    def __init__(self, folder: Path | None, slots: int) -> None:
        self.folder = folder
        self._names = [f"slot-{index}" for index in range(slots)]
        self._descriptors: dict[str, int] = {}
        self._announced, self._patient_until = False, 0.0

    def take(self, taken: set[str]) -> str | None:
        if time.monotonic() < self._patient_until or (not self._announced and self.gives_way()):
            return None
        return next((name for name in self._names if name not in taken and self._lock(name)), None)

    def announce(self, waiting: bool) -> None:
        if waiting != self._announced:
            self._announced = waiting and self._lock("line", shared=True)
            if not waiting:
                self.unlock("line")

    def gives_way(self) -> bool:
        """True if another process has a line. Changing a lock may lose it (flock(2)), which the next look mends."""
        alone = self._lock("line")
        if alone and not self._announced:
            self.unlock("line")
        else:  # if not even the shared one can be had, another process is only asking, just as we are
            self._announced = self._lock("line", shared=True)
        if self._announced and not alone:
            self._patient_until = time.monotonic() + STAND_BACK
        return self._announced and not alone

    def _lock(self, name: str, shared: bool = False) -> bool:
        if self.folder is None:
            return True
        if name not in self._descriptors:
            self._descriptors[name] = _open(self.folder, name)
        try:
            fcntl.flock(self._descriptors[name], (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if os.fstat(self._descriptors[name]).st_nlink:
            return True
        # Somebody cleaned up the directory for temporary files: others have a new file, or soon will.
        os.close(self._descriptors.pop(name))
        return self._lock(name, shared)

    def unlock(self, name: str) -> None:
        if name in self._descriptors:  # not by closing: the lock would live on in a child forked without our hook
            fcntl.flock(self._descriptors[name], fcntl.LOCK_UN)

    def close(self) -> None:
        self._announced, self._patient_until = False, 0.0
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    __del__ = close


def _open(folder: Path, name: str) -> int:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()  # a link is open to all, and so refused
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not private to this user")
    return os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)  # closed on exec by Python
