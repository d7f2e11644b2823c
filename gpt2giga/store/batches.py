"""Batches and their results: line n of the input has line n in the output or in the file of errors, or it is still to
be done. Results and counts are written together, so a batch goes on where it was, whatever happened."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import orjson
from peewee import Database as Connection
from peewee import fn, Value

from gpt2giga.store.batch_tables import FilePiece, KeptBatch, LocalFile
from gpt2giga.store.database import Database
from gpt2giga.store.files import (
    DAY,
    FILE_ROW,
    new_id,
    NoRoom,
    PIECE_ROW,
    read_step,
    remove_files,
    room_taken,
    UNFINISHED,
)
from gpt2giga.store.leases import Leases

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

    def unfinished(self) -> list[tuple[str, str]]:
        """Ids and tenants, the oldest first."""
        query = KeptBatch.select(KeptBatch.id, KeptBatch.tenant).where(KeptBatch.status.in_(UNFINISHED))
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
        """For further results. Raises NoRoom."""
        if (taken := self._database.do(room_taken)) > self._most_bytes:
            raise NoRoom(taken)

    def save(self, batch: Batch, results: Sequence[Result]) -> Batch:
        """What is there already stays as it is, and is not counted again."""

        def write(connection: Connection, _: Batch) -> None:
            for result in results:
                _keep(connection, batch, result)

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


def _keep(connection: Connection, batch: Batch, result: Result) -> None:
    file_id = batch.error_file if result.is_error else batch.output_file
    done = FilePiece.file.in_([batch.output_file, batch.error_file]) & (FilePiece.number == result.number)
    if FilePiece.select().where(done).exists(connection):
        return
    FilePiece.insert(file=file_id, number=result.number, body=result.body).execute(connection)
    size = len(result.body)
    grown = {"size": LocalFile.size + size, "taken": LocalFile.taken + size + PIECE_ROW}
    LocalFile.update(**grown).where(LocalFile.id == file_id).execute(connection)
    counted = KeptBatch.failed if result.is_error else KeptBatch.completed
    _update(
        connection,
        batch.id,
        **{
            counted.name: counted + 1,
            "prompt_tokens": KeptBatch.prompt_tokens + result.prompt,
            "cached_tokens": KeptBatch.cached_tokens + result.cached,
            "completion_tokens": KeptBatch.completion_tokens + result.completion,
            "reasoning_tokens": KeptBatch.reasoning_tokens + result.reasoning,
        },
    )


def _complete_files(connection: Connection, batch: Batch) -> None:
    now = time.time()
    for column in ("output_file", "error_file"):
        file_id = getattr(batch, column)
        whole = LocalFile.update(is_whole=True, created=now, expires=now + batch.output_seconds)
        if file_id and not whole.where(LocalFile.id == file_id, LocalFile.size > 0).execute(connection):
            remove_files(connection, [file_id])
            _update(connection, batch.id, **{column: ""})
