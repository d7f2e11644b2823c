"""How much tables may take together, and for how long their rows are kept: the oldest make room."""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter

from gpt2giga.store.orm import peewee
from gpt2giga.store.response_tables import KeptRow

DAY = 86400
# Of one statement; older SQLites take no more than 999.
MOST_PARAMETERS = 500
# One row may not push out all others.
LEAST_ROWS = 8
# Of the bytes that all rows may take: so many are written before it is looked again how many there are.
SLACK = 1 / 64


class Room:
    def __init__(self, days: float, most_bytes: int, *tables: type[KeptRow]) -> None:
        self._tables, self.most_bytes = tables, most_bytes
        self._seconds = days * DAY
        # Bytes that this process has written since it looked how many there are; as if it had to look now.
        self._unseen = most_bytes

    @property
    def largest(self) -> int:
        """Bytes of one row."""
        return self.most_bytes // LEAST_ROWS

    def takes(self, size: int) -> bool:
        """Whether a row may be so large."""
        return size <= self.largest

    def oldest(self) -> float:
        """In seconds of Unix time: what is older counts as gone."""
        return time.time() - self._seconds

    def make(self, database: peewee.Database, added: int) -> None:
        """After rows of so many bytes were written."""
        self._unseen += added
        if self._unseen < self.most_bytes * SLACK:
            return
        self._unseen = 0
        too_many = -self.most_bytes
        for table in self._tables:
            table.delete().where(table.created < self.oldest()).execute(database)
            too_many += table.select(peewee.fn.SUM(table.size)).scalar(database) or 0
        going = defaultdict(list)
        for table, row_id in self._going(database, too_many):
            going[table].append(row_id)
        for table, ids in going.items():
            for start in range(0, len(ids), MOST_PARAMETERS):
                table.delete().where(table.id.in_(ids[start : start + MOST_PARAMETERS])).execute(database)

    def _going(self, database: peewee.Database, too_many: int) -> Iterator[tuple[type[KeptRow], str]]:
        """The oldest rows, as many as hold so many bytes."""
        if too_many <= 0:
            return
        for _, number, row_id, size in heapq.merge(*self._oldest_first(database), key=itemgetter(0)):
            yield self._tables[number], row_id
            too_many -= size
            if too_many <= 0:
                return

    def _oldest_first(self, database: peewee.Database) -> Iterator[Iterator[tuple[float, int, str, int]]]:
        for number, table in enumerate(self._tables):
            rows = table.select(table.created, peewee.Value(number), table.id, table.size).order_by(table.created)
            yield rows.tuples().execute(database).iterator()
