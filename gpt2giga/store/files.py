"""Files that are kept in the database: what batches read and write. A line is a piece, so nobody ever holds a whole
file in memory, and a file may grow by lines."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gpt2giga.store.batch_tables import FilePiece, KeptBatch, LocalFile
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.orm import Connection, fn

DAY = 86400
# As long as OpenAI keeps those of batches.
KEPT_SECONDS = 30 * DAY
# One that is not whole by then, nobody writes any more.
WRITING_SECONDS = 3600
MOST_LINES = 50_000
# Of one tenant, so that a list of all is not too long.
MOST_FILES = 10_000
# Bytes that a row takes beside what it holds, about: many small ones are no way around the limit.
FILE_ROW, PIECE_ROW = 1024, 64
# Of one step through a file.
STEP_BYTES, STEP_PIECES = 1024 * 1024, 500

UNFINISHED = ("validating", "in_progress", "finalizing", "cancelling")


class NoRoom(Exception):
    """All files together would take more than they may. taken: bytes."""

    def __init__(self, taken: int) -> None:
        super().__init__(taken)
        self.taken = taken


class TooManyFiles(Exception):
    pass


class FileInUse(Exception):
    """By a batch that has not ended; its id."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """See batch_tables.LocalFile."""

    id: str
    purpose: str
    name: str
    size: int
    created: float
    expires: float


class LocalFiles:
    """Nobody but its tenant learns that a file is there. Every method raises Unusable. most_bytes: of all together."""

    def __init__(self, database: Database, most_bytes: int) -> None:
        self.database, self.most_bytes = database, most_bytes

    def add(self, tenant: str, purpose: str, name: str, lines: Sequence[bytes], seconds: float) -> KeptFile:
        """seconds: to keep it. Raises NoRoom, TooManyFiles."""
        size = sum(map(len, lines))
        now = time.time()
        made = KeptFile(new_id(), purpose, name, size, now, now + seconds)
        taken = size + FILE_ROW + PIECE_ROW * len(lines)
        row = {"tenant": tenant, "purpose": purpose, "name": name, "size": size, "taken": taken, "created": now}

        def begin(connection: Connection) -> None:
            sweep(connection)
            if (found := room_taken(connection)) + taken > self.most_bytes:
                raise NoRoom(found)
            if LocalFile.select().where(LocalFile.tenant == tenant).count(connection) >= MOST_FILES:
                raise TooManyFiles
            LocalFile.insert(id=made.id, **row, expires=now + WRITING_SECONDS, is_whole=False).execute(connection)

        self.database.do(begin)
        try:
            for start, some in _steps(lines):
                pieces = [*enumerate(some, start)]
                self.database.do(lambda connection: add_pieces(connection, made.id, pieces))  # noqa: B023
            whole = LocalFile.update(is_whole=True, expires=made.expires).where(LocalFile.id == made.id)
            self.database.do(lambda connection: whole.execute(connection))
        except Unusable:
            self._forget(made.id)
            raise
        return made

    def get(self, tenant: str, file_id: str) -> KeptFile | None:
        return next(iter(self._select(tenant, LocalFile.id == file_id)), None)

    def all(self, tenant: str) -> list[KeptFile]:
        return self._select(tenant)

    def step(self, file_id: str, after: int) -> list[tuple[int, bytes]]:
        """The next lines behind that number, as many as one step takes; none: that was all."""
        behind = (FilePiece.file == file_id) & (FilePiece.number > after)
        return self.database.do(lambda connection: read_step(connection, behind))

    def delete(self, tenant: str, file_id: str) -> bool:
        """False where there is none. Raises FileInUse."""

        def remove(connection: Connection) -> bool:
            user = KeptBatch.select(KeptBatch.id).where(
                KeptBatch.input_file == file_id, KeptBatch.status.in_(UNFINISHED)
            )
            mine = LocalFile.delete().where(*_seen(tenant), LocalFile.id == file_id)
            if not mine.execute(connection):
                return False
            if (batch := user.scalar(connection)) is not None:
                raise FileInUse(batch)  # takes the deletion back
            FilePiece.delete().where(FilePiece.file == file_id).execute(connection)
            return True

        return self.database.do(remove)

    def _forget(self, file_id: str) -> None:
        """Of a file that was never whole. What cannot be removed now is swept away later."""
        try:
            self.database.do(lambda connection: remove_files(connection, [file_id]))
        except Unusable:
            return

    def _select(self, tenant: str, *further: Any) -> list[KeptFile]:
        query = LocalFile.select().where(*_seen(tenant), *further).order_by(LocalFile.created, LocalFile.id)

        def read(connection: Connection) -> list[KeptFile]:
            return [
                KeptFile(row.id, row.purpose, row.name, row.size, row.created, row.expires)
                for row in query.execute(connection)
            ]

        return self.database.do(read)


def new_id() -> str:
    return f"file-{secrets.token_hex(16)}"


def _seen(tenant: str) -> tuple[Any, ...]:
    return LocalFile.tenant == tenant, LocalFile.is_whole, LocalFile.expires > time.time()


def _steps(lines: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """With the number of the first one."""
    start = size = 0
    for number, line in enumerate(lines):
        size += len(line)
        if size >= STEP_BYTES or number - start >= STEP_PIECES - 1:
            yield start + 1, lines[start : number + 1]
            start, size = number + 1, 0
    if start < len(lines):
        yield start + 1, lines[start:]


def add_pieces(connection: Connection, file_id: str, pieces: Sequence[tuple[int, bytes]]) -> None:
    rows = [(file_id, number, line) for number, line in pieces]
    some = 100  # older SQLites take no more than 999 parameters
    for start in range(0, len(rows), some):
        fields = [FilePiece.file, FilePiece.number, FilePiece.body]
        FilePiece.insert_many(rows[start : start + some], fields).execute(connection)


def read_step(connection: Connection, wanted: Any) -> list[tuple[int, bytes]]:
    """The first of the wanted lines of a file. Their sizes are read first, for a line may be large."""
    sizes = FilePiece.select(FilePiece.number, fn.LENGTH(FilePiece.body)).where(wanted).order_by(FilePiece.number)
    last = size = 0
    for number, length in sizes.limit(STEP_PIECES).tuples().execute(connection):
        if size and size + length > STEP_BYTES:
            break
        last, size = number, size + length
    query = FilePiece.select(FilePiece.number, FilePiece.body).where(wanted, FilePiece.number <= last)
    rows = query.order_by(FilePiece.number).tuples().execute(connection)
    return [(number, bytes(body)) for number, body in rows]


def room_taken(connection: Connection) -> int:
    """In bytes, by all files that are kept, also those that are being written."""
    return int(LocalFile.select(fn.SUM(LocalFile.taken)).scalar(connection) or 0)


def remove_files(connection: Connection, file_ids: Sequence[str]) -> None:
    FilePiece.delete().where(FilePiece.file.in_(file_ids)).execute(connection)
    LocalFile.delete().where(LocalFile.id.in_(file_ids)).execute(connection)


def sweep(connection: Connection) -> None:
    """Whatever has expired, but for what a batch needs that has not ended. A few at a time: the next one takes more."""
    is_over = KeptBatch.status.not_in(UNFINISHED)
    KeptBatch.delete().where(is_over, KeptBatch.created < time.time() - 2 * KEPT_SECONDS).execute(connection)
    needed = [KeptBatch.input_file, KeptBatch.output_file, KeptBatch.error_file]
    unfinished = KeptBatch.select(*needed).where(KeptBatch.status.in_(UNFINISHED)).tuples().execute(connection)
    kept = {file_id for row in unfinished for file_id in row}
    old = LocalFile.select(LocalFile.id).where(LocalFile.expires < time.time()).order_by(LocalFile.expires)
    going = [file_id for (file_id,) in old.limit(len(kept) + 20).tuples().execute(connection) if file_id not in kept]
    if going:
        remove_files(connection, going[:20])
