"""Batches and their results: line n of the input has line n in the output or in the file of errors, or it is still to
be done. Results and counts are written together, so a batch goes on where it was, whatever happened."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import orjson

from gpt2giga.store.batch_tables import FilePiece, KeptBatch, LocalFile
from gpt2giga.store.database import Database
from gpt2giga.store.files import (
    add_pieces,
    DAY,
    FILE_ROW,
    new_id,
    NoRoom,
    PIECE_ROW,
    read_step,
    remove_files,
    room_taken,
    sweep,
    UNFINISHED,
)
from gpt2giga.store.leases import Leases
from gpt2giga.store.orm import Connection, fn, Value

WINDOW_SECONDS = DAY
INPUT, OUTPUT = "batch", "batch_output"  # purposes of files
# Of one tenant, that have not ended.
MOST_UNFINISHED = 100
# Of all tenants; what is there beyond them is found when these have ended.
MOST_LOOKED_AT = 1000


class TooManyBatches(Exception):
    pass


class NoSuchFile(Exception):
    """The tenant has no such input file."""


class IsOver(Exception):
    """Its status."""


@dataclass(frozen=True, slots=True)
class Batch:
    """See batch_tables.KeptBatch. errors: as OpenAI shows them. moments: Unix time in whole seconds."""

    id: str
    tenant: str
    asker: str
    endpoint: str
    input_file: str
    output_file: str
    error_file: str
    status: str
    created: float
    expires: float
    output_seconds: int
    metadata: Mapping[str, str]
    moments: Mapping[str, int]
    errors: Sequence[Mapping[str, Any]]
    model: str
    total: int
    completed: int
    failed: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int

    @property
    def is_over(self) -> bool:
        return self.status not in UNFINISHED


COLUMNS = tuple(column.name for column in fields(Batch))
AS_JSON = ("metadata", "moments", "errors")


class Result(NamedTuple):
    """body: a line with its end. The rest are tokens."""

    number: int
    body: bytes
    is_error: bool
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0


class Batches:
    """Every method raises Unusable. Those that write what a run has found out raise LeaseLost, and write nothing, where
    another process runs the batch by now. most_bytes: of all files together."""

    def __init__(self, database: Database, leases: Leases, most_bytes: int) -> None:
        self._database, self._leases, self._most_bytes = database, leases, most_bytes

    def add(self, batch_id: str, tenant: str, **columns: Any) -> Batch:
        """Raises NoSuchFile, TooManyBatches."""
        now = time.time()

        def insert(connection: Connection) -> Batch:
            file, mine = LocalFile, KeptBatch.tenant == tenant
            usable = (file.id == columns["input_file"]) & (file.tenant == tenant) & (file.purpose == INPUT)
            # Changes nothing, but holds the row: nobody can delete the file meanwhile.
            held = file.update(purpose=INPUT).where(usable, file.is_whole, file.expires > now)
            if not held.execute(connection):
                raise NoSuchFile
            if KeptBatch.select().where(mine, KeptBatch.status.in_(UNFINISHED)).count(connection) >= MOST_UNFINISHED:
                raise TooManyBatches
            row = {"created": now, "expires": now + WINDOW_SECONDS, "status": "validating", **columns}
            row["metadata"] = orjson.dumps(row["metadata"]).decode()
            KeptBatch.insert(id=batch_id, tenant=tenant, **row).execute(connection)
            return _found(connection, batch_id)

        return self._database.do(insert)

    def get(self, batch_id: str, tenant: str | None = None) -> Batch | None:
        """tenant: only if it is this one's."""
        query = _with_id(batch_id)
        if tenant is not None:
            query = query.where(KeptBatch.tenant == tenant)
        return self._database.do(lambda connection: next(iter(_read(connection, query)), None))

    def page(self, tenant: str, after: Batch | None, most: int) -> list[Batch]:
        """The newest first."""
        query = KeptBatch.select().where(KeptBatch.tenant == tenant)
        if after:
            is_older = KeptBatch.created < after.created
            query = query.where(is_older | ((KeptBatch.created == after.created) & (KeptBatch.id < after.id)))
        query = query.order_by(KeptBatch.created.desc(), KeptBatch.id.desc()).limit(most)
        return self._database.do(lambda connection: _read(connection, query))

    def unfinished(self) -> list[tuple[str, str, str]]:
        """Ids, tenants and statuses, the oldest first."""
        columns = KeptBatch.id, KeptBatch.tenant, KeptBatch.status
        query = KeptBatch.select(*columns).where(KeptBatch.status.in_(UNFINISHED))
        query = query.order_by(KeptBatch.created).limit(MOST_LOOKED_AT)
        return self._database.do(lambda connection: [*query.tuples().execute(connection)])

    def cancel(self, tenant: str, batch_id: str) -> Batch | None:
        """None where there is none. Raises IsOver."""

        def change(connection: Connection) -> Batch | None:
            mine = (KeptBatch.id == batch_id) & (KeptBatch.tenant == tenant)
            if not KeptBatch.update(tenant=tenant).where(mine).execute(connection):  # holds the row
                return None
            batch = _found(connection, batch_id)
            if batch.is_over:
                raise IsOver(batch.status)
            if batch.status != "cancelling":
                _set_status(connection, batch, "cancelling")
            return _found(connection, batch_id)

        return self._database.do(change)

    def begin(self, batch: Batch, total: int, model: str) -> Batch:
        """All its lines are in order."""
        files = {"output_file": new_id(), "error_file": new_id()}

        def write(connection: Connection, found: Batch) -> None:
            if found.output_file:
                return
            for name, column in (("output", "output_file"), ("error", "error_file")):
                row = {"tenant": batch.tenant, "purpose": OUTPUT, "name": f"{batch.id}_{name}.jsonl", "size": 0}
                room = {"taken": FILE_ROW, "created": time.time(), "expires": batch.expires, "is_whole": False}
                LocalFile.insert(id=files[column], **row, **room).execute(connection)
            _update(connection, batch.id, total=total, model=model, **files)
            if found.status == "validating":
                _set_status(connection, found, "in_progress")

        return self._write(batch, write)

    def undone(self, batch: Batch, after: int) -> list[tuple[int, bytes]]:
        """Lines of the input behind that number that have no result, as many as one step takes."""
        done = FilePiece.alias()
        result = done.select(Value(1)).where(
            done.file.in_([batch.output_file, batch.error_file]), done.number == FilePiece.number
        )
        wanted = (FilePiece.file == batch.input_file) & (FilePiece.number > after) & ~fn.EXISTS(result)

        return self._database.do(lambda connection: read_step(connection, wanted))

    def check_room(self) -> None:
        """For further results; what has expired makes room. Raises NoRoom."""
        taken = self._database.do(room_taken)
        if taken > self._most_bytes:
            self._database.do(sweep)
            taken = self._database.do(room_taken)
        if taken > self._most_bytes:
            raise NoRoom(taken)

    def save(self, batch: Batch, results: Sequence[Result]) -> Batch:
        """What is there already stays as it is, and is not counted again."""

        def write(connection: Connection, found: Batch) -> None:
            _keep(connection, found, results)

        return self._write(batch, write)

    def set_status(self, batch: Batch, status: str, errors: Sequence[Mapping[str, Any]] = ()) -> Batch:
        """With one of the ends its files are whole; those without a line are no more."""

        def write(connection: Connection, found: Batch) -> None:
            _set_status(connection, found, status, errors)
            if status not in UNFINISHED:
                _complete_files(connection, found)

        return self._write(batch, write)

    def _write(self, batch: Batch, work: Any) -> Batch:
        """What became of the batch."""

        def write(connection: Connection) -> Batch:
            self._leases.check(connection, batch.id)  # which writes: so the transaction waits for others
            work(connection, _found(connection, batch.id))
            return _found(connection, batch.id)

        return self._database.do(write)


def _with_id(batch_id: str) -> Any:
    return KeptBatch.select().where(KeptBatch.id == batch_id)


def _read(connection: Connection, query: Any) -> list[Batch]:
    found = []
    for row in query.dicts().execute(connection):
        row |= {name: orjson.loads(row[name]) for name in AS_JSON}
        found.append(Batch(**{name: row[name] for name in COLUMNS}))
    return found


def _found(connection: Connection, batch_id: str) -> Batch:
    [batch] = _read(connection, _with_id(batch_id))
    return batch


def _update(connection: Connection, batch_id: str, **columns: Any) -> None:
    KeptBatch.update(**columns).where(KeptBatch.id == batch_id).execute(connection)


def _set_status(connection: Connection, batch: Batch, status: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
    moments = {**batch.moments, f"{status}_at": int(time.time())}
    texts = {"moments": orjson.dumps(moments).decode(), "errors": orjson.dumps([*batch.errors, *errors]).decode()}
    _update(connection, batch.id, status=status, **texts)


def _keep(connection: Connection, batch: Batch, results: Sequence[Result]) -> None:
    """results: no more than a step through a file has."""
    numbers = [result.number for result in results]
    done = FilePiece.file.in_([batch.output_file, batch.error_file]) & FilePiece.number.in_(numbers)
    found = {number for (number,) in FilePiece.select(FilePiece.number).where(done).tuples().execute(connection)}
    new = [result for result in results if result.number not in found]
    for file_id, is_error in ((batch.output_file, False), (batch.error_file, True)):
        pieces = [(result.number, result.body) for result in new if result.is_error is is_error]
        if pieces:
            add_pieces(connection, file_id, pieces)
            size = sum(len(body) for _, body in pieces)
            grown = {"size": LocalFile.size + size, "taken": LocalFile.taken + size + PIECE_ROW * len(pieces)}
            LocalFile.update(**grown).where(LocalFile.id == file_id).execute(connection)
    failed = sum(result.is_error for result in new)
    _update(
        connection,
        batch.id,
        completed=batch.completed + len(new) - failed,
        failed=batch.failed + failed,
        prompt_tokens=batch.prompt_tokens + sum(result.prompt for result in new),
        cached_tokens=batch.cached_tokens + sum(result.cached for result in new),
        completion_tokens=batch.completion_tokens + sum(result.completion for result in new),
        reasoning_tokens=batch.reasoning_tokens + sum(result.reasoning for result in new),
    )


def _complete_files(connection: Connection, batch: Batch) -> None:
    now = time.time()
    for column in ("output_file", "error_file"):
        file_id = getattr(batch, column)
        whole = LocalFile.update(is_whole=True, created=now, expires=now + batch.output_seconds)
        if file_id and not whole.where(LocalFile.id == file_id, LocalFile.size > 0).execute(connection):
            remove_files(connection, [file_id])
            _update(connection, batch.id, **{column: ""})
