"""Counts the account's slots over all processes of one user on this machine.

A slot is a file with an flock on it: the kernel lets go of a process's locks however it dies. A process with a line
says so by a shared lock on one more file. When the files cannot be used, only the slots of this process count.

Fair between processes: one with a line takes its own slots again as long as nobody else waits. Seeing the line of
another, it gives every second one away: it takes no free slot for STAND_BACK, which is longer than any pause between
two looks, so everybody else has looked by then. A newcomer stands back in the same way. So no line and no stream of
new requests keeps a slot for ever; among several lines, the one that waits longest looks most often. Nobody leads the
way for others: a process that is stopped or busy while it waits costs them only the pauses.

Requests that go last, of batches, have a line of their own (`last`) with the same rules, and take nothing as long as
any process has a line of others.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)
LONGEST_PAUSE, SHORTEST_PAUSE, STAND_BACK = 0.030, 0.005, 0.040  # seconds
LAST_PAUSE, LAST_STAND_BACK = 0.100, 0.120  # they may wait for hours
RETRY = 5.0  # seconds until files that could not be used are tried again


class _Line:
    """Of the processes, as this one sees it: a file, shared by those that have a line of their own. came_back: slots,
    to the line of this process since it last stood back."""

    def __init__(self, name: str, stand_back: float) -> None:
        self.name, self.stand_back = name, stand_back
        self.came_back = 0
        self.stands_back_until = 0.0


class FileCounter:
    """A Counter (slots.py). `slot-N`: locked while a request has it."""

    def __init__(self, slots: int, account: str, directory: Path, ring: Callable[[], None]) -> None:
        digest = hashlib.sha256(account.encode()).hexdigest()
        self._folder = directory / f"gpt2giga-slots-{os.geteuid() if fcntl else 0}-{digest[:32]}"
        self._names = [f"slot-{index}" for index in range(slots)]
        self._ring = ring
        self._descriptors: dict[str, int] = {}
        self._held: set[str] = set()
        self._lines = _Line("line", STAND_BACK), _Line("last", LAST_STAND_BACK)
        self._announced: _Line | None = None
        self.announced = False
        self._retry_at = 0.0

    @property
    def held(self) -> int:
        return len(self._held)

    def take(self, *, last: bool = False) -> str | None:
        now, line = time.monotonic(), self._lines[last]
        if now < line.stands_back_until or (last and self._others_wait()):
            return None
        is_announced = self._announced is line
        if not is_announced or line.came_back > 1:
            alone = self._lock(line.name)
            if alone and not is_announced:
                self._unlock(line.name)
            # If not even the shared one can be had, another process is only asking, just as we are.
            elif self._lock(line.name, shared=True) and not alone:
                line.stands_back_until, line.came_back = now + line.stand_back, 0
                return None
        for name in self._names:
            if name not in self._held and self._lock(name):
                self._held.add(name)
                return name
        return None

    def give_back(self, token: str) -> None:
        self._unlock(token)
        self._held.discard(token)
        if self._announced:
            self._announced.came_back += 1
            self._ring()

    def announce(self, waiting: bool, *, last: bool = False) -> None:
        """Said again with every look: changing a lock may lose it (flock(2))."""
        line = self._lines[last] if waiting else None
        if self._announced and self._announced is not line:
            self._announced.came_back = 0
            self._unlock(self._announced.name)
        self._announced, self.announced = line, waiting
        if line:
            self._lock(line.name, shared=True)

    def pause(self, waited: float, *, last: bool = False) -> float:
        return LAST_PAUSE if last else max(SHORTEST_PAUSE, LONGEST_PAUSE / (1 + waited))

    def _others_wait(self) -> bool:
        """Those that do not go last: in another process, for in this one they would be asked first."""
        if not self._lock(self._lines[0].name):
            return True
        self._unlock(self._lines[0].name)
        return False

    def _lock(self, name: str, shared: bool = False) -> bool:
        """True without a lock while the files cannot be used."""
        if self._retry_at and time.monotonic() < self._retry_at:
            return True
        try:
            if name not in self._descriptors:
                self._descriptors[name] = _open(self._folder, name)
            descriptor = self._descriptors[name]
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            is_in_place = _is_in_place(self._folder / name, descriptor)
        except BlockingIOError:
            return False
        except OSError as error:  # nowhere to write, or locks that the file system does not know
            if not self._retry_at:
                log.warning("The account's slots are counted in this process only, not over all workers: %s", error)
            self._retry_at = time.monotonic() + RETRY
            return True
        if self._retry_at:
            log.info("The account's slots are counted over all workers again")
            self._retry_at = 0.0
        if is_in_place:
            return True
        # Somebody removed, moved or covered the directory: others have a new file, or soon will.
        os.close(self._descriptors.pop(name))
        return self._lock(name, shared)

    def _unlock(self, name: str) -> None:
        try:  # not by closing: a child that was forked without our hook would keep the lock
            descriptor = self._descriptors[name]
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        except (KeyError, OSError):  # it was taken while the files could not be used
            return

    def close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    __del__ = close


def _is_in_place(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _open(folder: Path, name: str) -> int:
    if fcntl is None:
        raise OSError("no file locks on this system")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()  # a link is open to all, and so refused
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not private to this user")
    return os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)  # closed on exec by Python
