"""One SQLite file, shared by the worker processes of a machine, used where nobody has to wait for it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TYPE_CHECKING, TypeVar

from gpt2giga.concurrency.waiting import gevent_is_on

if TYPE_CHECKING:
    import sqlite3  # a megabyte that a service without kept responses does not need

T = TypeVar("T")

log = logging.getLogger(__name__)

BUSY_SECONDS = 2.0


class Unusable(Exception):
    """The file cannot be read or written; the text says why."""


class Database:
    """Safe for threads and greenlets. Opens its file when it is first used, so that it may be made before a fork; anew
    after a failure, and when another file has taken its place."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: os.stat_result | None = None  # the file, as it was opened last
        self._was_locked = False
        self._thread: Any = None

    def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One transaction. Raises Unusable.

        With gevent a real thread does it, one for the process: a disk that is slow would hold up everybody.
        """
        result: T | Unusable
        if gevent_is_on():
            from gevent.threadpool import ThreadPool

            self._thread = self._thread or ThreadPool(1)
            result = self._thread.apply(self._transact, (work,))
        else:
            with self._lock:
                result = self._transact(work)
        if isinstance(result, Unusable):
            raise result
        return result

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T | Unusable:
        """Raises nothing: gevent would print a traceback of what is raised in its threads."""
        import sqlite3

        try:
            try:
                return self._try(work)
            except sqlite3.Error as error:
                if self._was_locked:
                    raise
                if type(error) is sqlite3.DatabaseError:  # not a subclass: it is no database, or a broken one
                    self._set_aside(error)
                return self._try(work)
        except (OSError, sqlite3.Error) as error:
            return Unusable(str(error))

    def _try(self, work: Callable[[sqlite3.Connection], T]) -> T:
        import sqlite3

        if not self._is_in_place():
            self._disconnect()
        try:
            connection = self._connection = self._connection or self._connect()
            with connection:
                result = work(connection)
        except (OSError, sqlite3.Error) as error:
            self._was_locked = "locked" in str(error)
            self._disconnect()
            raise
        if self._was_locked:
            self._was_locked = False
            self._disconnect()  # the next one may wait again
        return result

    def _is_in_place(self) -> bool:
        try:
            return self._opened is not None and os.path.samestat(self._opened, self._path.stat())
        except FileNotFoundError:
            return False

    def _set_aside(self, error: Exception) -> None:
        """Unless another worker has just done so. Only the last such file is kept: each may be large."""
        if not self._is_in_place():
            return
        broken = f"{self._path}.broken"
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                os.replace(f"{self._path}{suffix}", f"{broken}{suffix}")
        log.error("Kept responses are lost, and new ones kept: %s, set aside as %s", error, broken)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _connect(self) -> sqlite3.Connection:
        import sqlite3

        _make_folder(self._path.parent)
        # What is in it is nobody else's business; SQLite gives its side files the same mode.
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        self._opened = os.fstat(descriptor)
        os.close(descriptor)
        # A lock that somebody keeps is waited for once: answers wait for this.
        patience = 0 if self._was_locked else BUSY_SECONDS
        connection = sqlite3.connect(self._path, timeout=patience, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # no fsync for each row; a crash loses some, breaks none
            connection.execute("PRAGMA secure_delete = FAST")
            connection.executescript(self._schema)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _make_folder(folder: Path) -> None:
    """The service's umask may be one for sockets, which nobody could enter a folder with."""
    before = os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    finally:
        os.umask(before)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Of the file, by what is kept in it; known without looking at any row."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
