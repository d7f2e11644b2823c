"""The database as a file: for one machine, of which all worker processes share it."""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from gpt2giga.store.database import FAILURES
from gpt2giga.store.orm import peewee
from gpt2giga.store.response_tables import KeptResponse
from gpt2giga.store.tables import upgrade

log = logging.getLogger(__name__)

FILE = "gpt2giga.sqlite3"
# Before there was one database: kept responses alone.
FORMER = "responses.sqlite3"
FORMER_COLUMNS = ("id", "tenant", "previous", "created", "body")
BUSY_SECONDS = 2.0
PRAGMAS = {
    "synchronous": "normal",  # no fsync for each row; a crash loses some, breaks none
    "secure_delete": "fast",
    "foreign_keys": 1,
}


class SQLiteFile:
    """A Place."""

    setting = "GPT2GIGA_STATE_DIR"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: os.stat_result | None = None  # the file, as it was opened last

    def connect(self, *, is_patient: bool) -> peewee.Database:
        _make_folder(self._path.parent)
        # What is in it is nobody else's business; SQLite gives its side files the same mode.
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        self._opened = os.fstat(descriptor)
        os.close(descriptor)
        give_to_owner_of_folder(self._path)
        # A lock that somebody keeps is waited for once: answers wait for this.
        patience = BUSY_SECONDS if is_patient else 0
        database = peewee.SqliteDatabase(
            str(self._path), pragmas=PRAGMAS, timeout=patience, thread_safe=False, check_same_thread=False
        )
        try:
            database.connect()
            _write_ahead(database)
            with database.atomic("IMMEDIATE"):
                upgrade(database, self._keep_copy)
                former = self._copy_former(database)
        except FAILURES:
            database.close()
            raise
        if former:  # only now: what is not committed would be lost with it
            _rename(former, f"{former}.moved")
        return database

    def is_in_place(self) -> bool:
        try:
            return self._opened is not None and os.path.samestat(self._opened, self._path.stat())
        except FileNotFoundError:
            return False

    def is_locked(self, error: Exception) -> bool:
        return "locked" in str(error)

    def set_aside(self, error: peewee.DatabaseError) -> None:
        """Unless another worker has just done so. Only the last such file is kept: each may be large."""
        if not self.is_in_place():
            return
        broken = f"{self._path}.broken"
        _rename(self._path, broken)
        log.error("What was kept is lost, and a new file begun: %s, set aside as %s", error, broken)

    def problem(self) -> str:
        folder = self._path.parent
        existing = next(folder for folder in (folder, *folder.parents) if folder.exists())
        writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
        return "" if writable else f"{existing} is not writable"

    def _keep_copy(self, version: int) -> None:
        """Beside it, for a way back. Whole at any time; raises OSError or an error of SQLite, and then all stays as it
        was."""
        copy = Path(f"{self._path}.version-{version}")
        scratch = Path(f"{copy}.new")
        scratch.unlink(missing_ok=True)
        try:
            os.close(os.open(scratch, os.O_CREAT | os.O_WRONLY, 0o600))
            source = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
            with closing(source), closing(sqlite3.connect(scratch)) as target:
                source.backup(target)
            os.replace(scratch, copy)
        except sqlite3.Error as error:
            raise peewee.OperationalError(f"no copy can be kept before the upgrade: {error}") from error
        finally:
            scratch.unlink(missing_ok=True)
        log.warning("The database takes a new form; as version %d had it, it is kept in %s", version, copy)

    def _copy_former(self, database: peewee.Database) -> Path | None:
        """Where there is one. A worker of the former version may make it again as long as it lives."""
        former = self._path.with_name(FORMER)
        if not former.exists():
            return None
        try:
            with closing(sqlite3.connect(f"{former.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                for row in connection.execute(f"SELECT {', '.join(FORMER_COLUMNS)} FROM responses"):
                    values = dict(zip(FORMER_COLUMNS, row, strict=True))
                    KeptResponse.insert(size=len(values["body"]), **values).on_conflict_ignore().execute(database)
        except sqlite3.Error as error:
            log.warning("Responses that an earlier version kept cannot be read (%s): %s.moved", error, former)
        return former


def _write_ahead(database: peewee.SqliteDatabase) -> None:
    """Of several that begin with a new file SQLite lets one change its mode, and tells the others at once that it is
    locked. For a transaction they are made to wait, and behind that it is changed."""
    try:
        database.pragma("journal_mode", "wal")
    except peewee.OperationalError:
        with database.atomic("IMMEDIATE"):
            pass
        database.pragma("journal_mode", "wal")


def _rename(path: Path, to: str) -> None:
    """With SQLite's side files, first of all: one that is left beside another file would spoil it."""
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{to}{suffix}")


def give_to_owner_of_folder(path: Path) -> None:
    """What root makes with the command, the service has to write to. SQLite does the same with its side files."""
    folder = path.parent.stat()
    if hasattr(os, "geteuid") and os.geteuid() == 0 and path.stat().st_uid == 0 != folder.st_uid:
        os.chown(path, folder.st_uid, folder.st_gid)


def _make_folder(folder: Path) -> None:
    """The service's umask may be one for sockets, which nobody could enter a folder with."""
    before = os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    finally:
        os.umask(before)
