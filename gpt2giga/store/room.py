"""How much a table may take, and for how long its rows are kept: the oldest make room."""

from __future__ import annotations

import time

from gpt2giga.store.orm import peewee
from gpt2giga.store.tables import KeptRow

DAY = 86400
# Of one statement; older SQLites take no more than 999.
MOST_PARAMETERS = 500
# One row may not push out all others.
LEAST_ROWS = 8
# Of the bytes that all rows may take: so many are written before it is looked again how many there are.
SLACK = 1 / 64


class Room:
    def __init__(self, table: type[KeptRow], days: float, most_bytes: int) -> None:
        self._table, self._most_bytes = table, most_bytes
        self._seconds = days * DAY
        # Bytes that this process has written since it looked how many there are; as if it had to look now.
        self._unseen = most_bytes

    def takes(self, size: int) -> bool:
        """Whether a row may be so large."""
        return size <= self._most_bytes // LEAST_ROWS

    def oldest(self) -> float:
        """In seconds of Unix time: what is older counts as gone."""
        return time.time() - self._seconds

    def make(self, database: peewee.Database, added: int) -> None:
        """After rows of so many bytes were written."""
        self._unseen += added
        if self._unseen < self._most_bytes * SLACK:
            return
        self._unseen = 0
        table = self._table
        table.delete().where(table.created < self.oldest()).execute(database)
        too_many = (table.select(peewee.fn.SUM(table.size)).scalar(database) or 0) - self._most_bytes
        oldest = table.select(table.id, table.size).order_by(table.created).tuples()
        going: list[str] = []
        for row_id, size in oldest.execute(database).iterator() if too_many > 0 else ():
            going.append(row_id)
            too_many -= size
            if too_many <= 0:
                break
        for start in range(0, len(going), MOST_PARAMETERS):
            some = going[start : start + MOST_PARAMETERS]
            table.delete().where(table.id.in_(some)).execute(database)
