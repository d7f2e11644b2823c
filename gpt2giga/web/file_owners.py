"""Whose a file is: with several keys it belongs to the one that uploaded it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from gpt2giga.chat import ChatRequest, File, Part, ToolResult
from gpt2giga.config.store import StoreSettings
from gpt2giga.errors import BadRequest, Unavailable
from gpt2giga.store.database import Database, Unusable
from gpt2giga.store.orm import Connection
from gpt2giga.store.room import MOST_PARAMETERS
from gpt2giga.store.tables import FileOwner
from gpt2giga.upstream.files.attachments import by_age
from gpt2giga.upstream.files.storage import missing_file, StoredFile
from gpt2giga.web.store_errors import store_unavailable

T = TypeVar("T")

# Before owners were in the database an empty file stood for each.
FORMER_FOLDER = "files"


class FileOwners:
    """A mark in the database stands for each file that is owned: all processes see it, and so does the next start.

    `tenant` is whoever asks. Nobody else ever learns that a file is there. keeps_apart: False for one key alone, or
    none; then all files of the account are everybody's. What one key alone uploads is marked all the same, where that
    is possible: there may be others later.
    """

    def __init__(self, database: Database | None, store: StoreSettings) -> None:
        self.keeps_apart = False
        self._database = database
        self._former = Path(store.state_dir) / FORMER_FOLDER if store.state_dir else None

    def add(self, tenant: str, file_id: str) -> None:
        """Raises BadRequest where it cannot be kept, Unavailable where it cannot be at the moment."""
        if not tenant:
            return
        insert = FileOwner.insert(mark=_mark(tenant, file_id)).on_conflict_ignore()
        try:
            self._do(lambda connection: insert.execute(connection))
        except (BadRequest, Unavailable):
            if self.keeps_apart:
                raise

    def check(self, tenant: str, file_id: str) -> str:
        """Raises NotFound, Unavailable."""
        self._check(tenant, [file_id])
        return file_id

    def only_owned(self, tenant: str, files: list[StoredFile]) -> list[StoredFile]:
        """Raises Unavailable."""
        owned = self._owned(tenant, {file.id for file in files})
        return [file for file in files if file.id in owned]

    def remove(self, tenant: str, file_id: str) -> None:
        """Of a file that is gone: what cannot be removed does no harm."""
        mark = _mark(tenant, file_id)
        try:
            self._do(lambda connection: FileOwner.delete().where(FileOwner.mark == mark).execute(connection))
        except (BadRequest, Unavailable):
            return
        if self._former:
            (self._former / mark).unlink(missing_ok=True)

    def only_own(self, tenant: str, chat: ChatRequest) -> ChatRequest:
        """The chat without the files of others in its earlier turns. Raises NotFound for one that is sent now."""
        named = {file_id for message in chat.messages for file_id in _file_ids(message.parts)}
        if not named:
            return chat
        new, _ = by_age(chat.messages)
        owned = self._check(tenant, [part.file_id for part in new if isinstance(part, File) and part.file_id], named)
        messages = (replace(message, parts=_own_parts(message.parts, owned)) for message in chat.messages)
        return replace(chat, messages=tuple(messages))

    def _check(self, tenant: str, wanted: list[str], named: set[str] | None = None) -> set[str]:
        """Which of those that are named, or wanted, the tenant owns. Raises NotFound for one that is wanted."""
        owned = self._owned(tenant, named or set(wanted))
        for file_id in wanted:
            if file_id not in owned:
                raise missing_file(file_id)
        return owned

    def _owned(self, tenant: str, file_ids: set[str]) -> set[str]:
        if not self.keeps_apart:
            return file_ids
        marks = {_mark(tenant, file_id): file_id for file_id in file_ids}
        found = self._do(lambda connection: _known(connection, [*marks])) if marks else set()
        if self._former:
            found |= {mark for mark in marks if mark not in found and os.path.exists(self._former / mark)}
        return {marks[mark] for mark in found}

    def _do(self, work: Callable[[Connection], T]) -> T:
        if self._database is None:
            raise BadRequest(
                "Files cannot be kept apart by keys here: no folder is set (GPT2GIGA_STATE_DIR).",
                code="store_unavailable",
            )
        try:
            return self._database.do(work)
        except Unusable as unusable:
            raise store_unavailable("Whose a file is cannot be told", unusable) from unusable


def _known(connection: Connection, marks: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(marks), MOST_PARAMETERS):
        some = FileOwner.select(FileOwner.mark).where(FileOwner.mark.in_(marks[start : start + MOST_PARAMETERS]))
        found |= {mark for (mark,) in some.tuples().execute(connection)}
    return found


def _mark(tenant: str, file_id: str) -> str:
    """Clients make up ids, of any letters and length."""
    return hashlib.sha256(f"{tenant} {file_id}".encode(errors="replace")).hexdigest()


def _file_ids(parts: Iterable[Part]) -> Iterable[str]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from _file_ids(part.parts)
        elif isinstance(part, File) and part.file_id:
            yield part.file_id


def _own_parts(parts: Iterable[Any], owned: set[str]) -> tuple[Any, ...]:
    return tuple(_own_part(part, owned) for part in parts)


def _own_part(part: Any, owned: set[str]) -> Any:
    if isinstance(part, ToolResult):
        return replace(part, parts=_own_parts(part.parts, owned))
    is_anothers = isinstance(part, File) and part.file_id and part.file_id not in owned
    return File("", part.name) if is_anothers else part
