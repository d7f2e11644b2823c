"""The keys of the database, and whether any were made: what is lost with a file must not open the service to all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from gpt2giga.store import keys
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.keys import CLEARED, StoredKey
from gpt2giga.store.orm import Connection
from gpt2giga.store.sqlite import FILE, give_to_owner_of_folder

T = TypeVar("T")

LOST = (
    "keys were made here, and the database has none of them: restore it from a backup, or give them up with "
    "`gpt2giga keys clear`"
)


class Found(NamedTuple):
    """edition: None where no key was made. keys: None where they are those of the edition that is known."""

    edition: int | None
    keys: list[StoredKey] | None


class KeyStore:
    """mark: see KEYS_MARK; None where the database is a server, which tells by itself."""

    def __init__(self, database: Database, mark: Path | None) -> None:
        self.database, self._mark = database, mark

    def were_made(self) -> bool | None:
        """As far as it can be told without the database; None where it cannot. Raises Unusable."""
        if self._mark is None:
            return None
        try:
            os.stat(self._mark)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise Unusable(str(error), "GPT2GIGA_STATE_DIR") from None
        return True

    def look(self, known: int | None) -> Found:
        """known: the edition that is known already, if any. Raises Unusable, also when keys were made and are gone."""
        were_made = self.were_made()
        if were_made is False and known is None and not self._has_file():
            return Found(None, [])
        try:
            found = self.database.do(lambda connection: _found(connection, known))
        except Unusable:
            if were_made is False and known is None:
                return Found(None, [])
            raise
        if found.edition in (None, CLEARED):
            if were_made or (known is not None and found.edition is None):
                self._set_mark()
                raise Unusable(LOST)
            return Found(None, [])
        if were_made is False:  # restored without it
            self._set_mark()
        return found

    def add(self, work: Callable[[Connection], T]) -> T:
        """A function of `keys` that makes a key. Raises Unusable, OSError, and what it raises."""
        is_first = self._set_mark()
        try:
            return self.database.do(work)
        except BaseException:
            if is_first and self._mark is not None:
                self._mark.unlink(missing_ok=True)
            raise

    def clear(self) -> int:
        """How many there were. Raises Unusable, OSError."""
        gone = self.database.do(keys.clear)
        if self._mark is not None:
            self._mark.unlink(missing_ok=True)
        return gone

    def _has_file(self) -> bool:
        return self._mark is not None and self._mark.with_name(FILE).exists()

    def _set_mark(self) -> bool:
        """Whether there was none."""
        if self._mark is None or os.path.lexists(self._mark):
            return False
        self.database.do(lambda _: None)  # makes the folder
        self._mark.touch(0o600)
        give_to_owner_of_folder(self._mark)
        return True


def _found(connection: Connection, known: int | None) -> Found:
    edition = keys.edition(connection)
    return Found(edition, None if edition == known else keys.keys(connection))
