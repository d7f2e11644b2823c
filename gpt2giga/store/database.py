"""A database that may be away: whoever uses it is told why, and it is used again as soon as it is back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from gpt2giga.concurrency.waiting import gevent_is_on
from gpt2giga.store.orm import peewee
from gpt2giga.store.tables import TooNew

T = TypeVar("T")

FAILURES = (OSError, peewee.PeeweeException, TooNew)
# Seconds. Answers wait for it; a server that is frozen, or a disk, tells nothing by itself.
PATIENCE = 10.0
FROZEN = f"it has not answered for {PATIENCE:.0f} seconds"


class Unusable(Exception):
    """It cannot be read or written; the text says why, with the addresses and folders that the error names. setting:
    the variable that says where the database is."""

    def __init__(self, why: str, setting: str = "") -> None:
        super().__init__(f"{why} ({setting})" if setting else why)
        self.setting = setting


class _TooLate(OSError):
    """Nobody waits any more, and whoever did was told that it is not done."""


class Place(Protocol):
    """Where a database is. setting: the variable that says so, for whoever has to mend it."""

    setting: str

    def connect(self, *, is_patient: bool) -> peewee.Database:
        """With the tables of this version. is_patient: a lock of somebody else is waited for."""

    def is_in_place(self) -> bool:
        """Whether what was connected to last is still what is there."""

    def is_locked(self, error: Exception) -> bool:
        """Somebody else's lock: to try again at once would fail in the same way."""

    def set_aside(self, error: peewee.DatabaseError) -> None:
        """After an error that says that this is no database, or a broken one."""

    def problem(self) -> str:
        """Why it cannot be used, as far as it can be told without trying; empty when all is well."""


class Database:
    """Safe for threads and greenlets. Connects when it is first used, so that it may be made before a fork; anew after
    a failure, and when another file has taken its place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._connection: peewee.Database | None = None
        self._was_locked = False
        self._thread: Any = None
        self._frozen: Any = None  # the task that the thread was left alone with

    def do(self, work: Callable[[peewee.Database], T]) -> T:
        """One transaction. Raises Unusable.

        With gevent a real thread does it, one for the process: a disk that is slow would hold up everybody.
        """
        result = self._in_thread(work) if gevent_is_on() else self._in_turn(work)
        if isinstance(result, Unusable):
            raise result
        return result

    def _in_thread(self, work: Callable[[peewee.Database], T]) -> T | Unusable:
        from gevent import Timeout
        from gevent.threadpool import ThreadPool

        if self._thread is None:  # one that has nothing to do is false
            self._thread = ThreadPool(1)
        if self._frozen is not None and not self._frozen.ready():
            return self._unusable(FROZEN)
        is_left: list[None] = []
        task, patience = None, Timeout(PATIENCE)
        try:
            with patience:
                task = self._thread.spawn(self._transact, work, is_left)
                result: T | Unusable = task.get()
                return result
        except Timeout as passed:
            if passed is not patience:
                raise
        is_left.append(None)
        self._frozen = task or self._frozen
        return self._unusable(FROZEN)

    def _in_turn(self, work: Callable[[peewee.Database], T]) -> T | Unusable:
        """Only whoever is first waits for a server that is frozen."""
        if not self._lock.acquire(timeout=PATIENCE):
            return self._unusable(FROZEN)
        try:
            return self._transact(work, [])
        finally:
            self._lock.release()

    def problem(self) -> str:
        """Why it cannot be used, as far as it can be told without trying; empty when all is well."""
        problem = self._place.problem()
        return problem and f"{problem} ({self._place.setting})"

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _transact(self, work: Callable[[peewee.Database], T], is_left: list[None]) -> T | Unusable:
        """Raises nothing: gevent would print a traceback of what is raised in its threads. is_left: holds something as
        soon as nobody waits any more."""
        try:
            try:
                return self._try(work, is_left)
            except peewee.PeeweeException as error:
                if self._was_locked:
                    raise
                if type(error) is peewee.DatabaseError:  # not a subclass: it is no database, or a broken one
                    self._place.set_aside(error)
                return self._try(work, is_left)
        except FAILURES as error:
            return self._unusable(" ".join(str(error).split()))

    def _unusable(self, why: str) -> Unusable:
        return Unusable(why, self._place.setting)

    def _try(self, work: Callable[[peewee.Database], T], is_left: list[None]) -> T:
        if not self._place.is_in_place():
            self._disconnect()
        try:
            if self._connection is None:
                self._connection = self._place.connect(is_patient=not self._was_locked)
            with self._connection.atomic():
                result = work(self._connection)
                if is_left:
                    raise _TooLate("nobody waits any more")
        except (OSError, peewee.PeeweeException) as raised:
            error = _reason(raised)
            self._was_locked = self._place.is_locked(error)
            self._disconnect()
            raise error from None
        if self._was_locked:
            self._was_locked = False
            self._disconnect()  # the next one may wait again
        return result

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _reason(error: Exception) -> Exception:
    """SQLite takes a transaction back by itself when the disk is full or the file broken. Peewee does so once more, and
    what it then raises only says that there is none."""
    while "cannot rollback" in str(error) and isinstance(error.__context__, Exception):
        error = error.__context__
    return error
